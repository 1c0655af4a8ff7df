// The probe of a leg: a VXLAN packet (RFC 7348, section 5) with an Ethernet frame that only our own filters take.
import { ECHO_ETHER_TYPE } from './host-ports.ts';

/** First bytes after the ethertype, by which filters know a probe ("lweC"). */
export const ECHO_MAGIC = 0x6c77_6543;

const VXLAN_BYTES = 8;
const ETHERNET_BYTES = 14;
/** Largest payload of a UDP packet over IPv4. */
const MAX_UDP_BYTES = 65_507;
/** Bit 3 of the first byte: the VNI is valid. */
const VNI_VALID = 0x08;
/** Locally administered; no node has it, and no filter looks at it. */
const TO = Buffer.from('026c77656302', 'hex');
/** A switch, which sees no further than addresses, knows a probe by it. */
export const ECHO_SOURCE = '026c77656301';

/** The UDP payload of a probe as large as the largest frame of a link with this MTU, as far as UDP carries it. */
export function echoPacket(probe: { readonly vni: number; readonly mtu: number; readonly role: keyof typeof ECHO_ETHER_TYPE }): Buffer {
  const packet = Buffer.alloc(Math.min(VXLAN_BYTES + ETHERNET_BYTES + probe.mtu, MAX_UDP_BYTES));
  packet.writeUInt8(VNI_VALID, 0);
  packet.writeUIntBE(probe.vni, 4, 3);
  TO.copy(packet, VXLAN_BYTES);
  packet.write(ECHO_SOURCE, VXLAN_BYTES + 6, 'hex');
  packet.writeUInt16BE(ECHO_ETHER_TYPE[probe.role], VXLAN_BYTES + 12);
  packet.writeUInt32BE(ECHO_MAGIC, VXLAN_BYTES + ETHERNET_BYTES);
  packet.writeUInt32BE(probe.vni, VXLAN_BYTES + ETHERNET_BYTES + 4);
  return packet;
}
