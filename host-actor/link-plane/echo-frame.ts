// The probe of a tunnel: a VXLAN packet (RFC 7348, section 5) with an Ethernet frame that only our own filters take.
import { createHash } from 'node:crypto';
import { ECHO_ETHER_TYPE } from './host-ports.ts';

/** First bytes after the ethertype, by which filters know a probe ("lweC"). */
export const ECHO_MAGIC = 0x6c77_6543;

/** A tunnel to many hosts: the underlay address of the one that asks, and of the one that is asked. */
export type EchoPair = { readonly from: string; readonly to: string };

/** `role`: which of its two ends a leg is. */
export type EchoFrame = { readonly vni: number; readonly mtu: number } & ({ readonly role: keyof typeof ECHO_ETHER_TYPE } | { readonly pair: EchoPair });

const VXLAN_BYTES = 8;
const ETHERNET_BYTES = 14;
/** Largest payload of a UDP packet over IPv4. */
const MAX_UDP_BYTES = 65_507;
/** Bit 3 of the first byte: the VNI is valid. */
const VNI_VALID = 0x08;
/** Locally administered; no node has it, and no filter looks at it. */
const TO = '026c77656302';
/** A switch, which sees no further than addresses, knows a probe by it. */
export const ECHO_SOURCE = '026c77656301';
/** Of probes between a pair of hosts, which are told apart by the words after the VNI. */
export const PAIR_ETHER_TYPE = 0x88b5;

/** The UDP payload of a probe as large as the largest frame of a link with this MTU, as far as UDP carries it. */
export function echoPacket(probe: EchoFrame): Buffer {
  const packet = Buffer.alloc(Math.min(VXLAN_BYTES + ETHERNET_BYTES + probe.mtu, MAX_UDP_BYTES));
  const { to, from, etherType, words } = 'pair' in probe ? betweenPair(probe.pair) : { to: TO, from: ECHO_SOURCE, etherType: ECHO_ETHER_TYPE[probe.role], words: [] };
  packet.writeUInt8(VNI_VALID, 0);
  packet.writeUIntBE(probe.vni, 4, 3);
  packet.write(to, VXLAN_BYTES, 'hex');
  packet.write(from, VXLAN_BYTES + 6, 'hex');
  packet.writeUInt16BE(etherType, VXLAN_BYTES + 12);
  for (const [index, word] of [ECHO_MAGIC, probe.vni, ...words].entries()) packet.writeUInt32BE(word, VXLAN_BYTES + ETHERNET_BYTES + 4 * index);
  return packet;
}

/** What a host is called in probes: they bear the host that is asked, then the one that asks. */
export function echoWord(address: string): number {
  return createHash('sha256').update(address).digest().readUInt32BE();
}

/** To and from one address, which is the pair's alone: the tunnel that is asked has just learned where it is, so its answer goes to
 *  the one that asked and to nobody else; and no third host ever hears of that address. */
function betweenPair({ from, to }: EchoPair) {
  const address = `02${createHash('sha256').update(`${from} ${to}`).digest('hex').slice(0, 10)}`;
  return { to: address, from: address, etherType: PAIR_ETHER_TYPE, words: [echoWord(to), echoWord(from)] };
}
