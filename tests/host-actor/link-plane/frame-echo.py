"""Sends one raw frame of each kind from one namespace to another and prints as JSON which arrived byte by byte; run with two namespace paths."""
import ctypes, json, os, select, socket, struct, sys, time

CLONE_NEWNET = 0x40000000
libc = ctypes.CDLL(None, use_errno=True)
SOL_PACKET, PACKET_AUXDATA = 263, 8
src = bytes.fromhex('020000000001')

def enter(path):
    with open(path) as handle:
        if libc.setns(handle.fileno(), CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), path)

def packet_socket(path, device):
    enter(path)
    raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    raw.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
    raw.bind((device, 0))
    return raw

def frame(destination, ethertype, body):
    return bytes.fromhex(destination) + src + struct.pack('!H', ethertype) + body.ljust(46, b'\0')

FRAMES = {
    'stp-bpdu': frame('0180c2000000', 38, b'\x42\x42\x03' + b'\0' * 35),
    'pause': frame('0180c2000001', 0x8808, b'\x00\x01\xff\xff'),
    'lacp': frame('0180c2000002', 0x8809, b'\x01\x01' + b'\1' * 108),
    '802.1x': frame('0180c2000003', 0x888e, b'\x01\x01\0\0'),
    'lldp': frame('0180c200000e', 0x88cc, b'\x02\x07\x04' + src + b'\0\0'),
    'lldp-non-tpmr': frame('0180c2000003', 0x88cc, b'\x02\x07\x04' + src + b'\0\0'),
    'garp': frame('0180c2000021', 42, b'\x42\x42\x03\0\1'),
    'isis': frame('0180c2000014', 60, b'\xfe\xfe\x03\x83'),
    'cdp': frame('01000ccccccc', 40, b'\xaa\xaa\x03\x00\x00\x0c\x20\x00'),
    'pvst': frame('01000ccccccd', 50, b'\xaa\xaa\x03\x00\x00\x0c\x01\x0b'),
    'vlan': frame('020000000002', 0x8100, struct.pack('!HH', 100, 0x88b5) + b'vlan'),
    'priority-tag': frame('020000000002', 0x8100, struct.pack('!HH', 0xa000, 0x88b5) + b'prio'),
    'qinq-88a8': frame('020000000002', 0x88a8, struct.pack('!HHHH', 200, 0x8100, 100, 0x88b5) + b'qinq'),
    'qinq-8100': frame('020000000002', 0x8100, struct.pack('!HHHH', 200, 0x8100, 100, 0x88b5) + b'qinq'),
    'mpls': frame('020000000002', 0x8847, struct.pack('!I', (16 << 12) | 0x1ff) + b'mpls'),
    'experimental': frame('020000000002', 0x88b5, b'hello'),
    'ptp': frame('011b19000000', 0x88f7, b'\0\2'),
    'jumbo': frame('020000000002', 0x88b5, bytes(range(256)) * 35),
}

def receive(raw, seconds):
    """All frames from our address, with a VLAN tag that the kernel took off put back from the auxiliary data."""
    frames, deadline = [], time.monotonic() + seconds
    while time.monotonic() < deadline and len(frames) < len(FRAMES):
        if not select.select([raw], [], [], 0.05)[0]:
            continue
        data, control, _flags, address = raw.recvmsg(16384, 256)
        if address[2] == 4 or data[6:12] != src:
            continue
        for level, kind, aux in control:
            status, _length, _snap, _mac, _net, tci, tpid = struct.unpack('=IIIHHHH', aux[:20])
            if (level, kind) == (SOL_PACKET, PACKET_AUXDATA) and status & 0x10:
                data = data[:12] + struct.pack('!HH', tpid if status & 0x40 else 0x8100, tci) + data[12:]
        frames.append(data)
    return frames

sender_path, sender_device, receiver_path, receiver_device = sys.argv[1:5]
receiver = packet_socket(receiver_path, receiver_device)
sender = packet_socket(sender_path, sender_device)
for data in FRAMES.values():
    sender.send(data)
arrived = receive(receiver, 2)
print(json.dumps({'lost': [name for name, data in FRAMES.items() if data not in arrived], 'foreign': [data.hex() for data in arrived if data not in FRAMES.values()]}))
