// Sends probes of tunnels as plain UDP packets: a VXLAN device takes any packet to its port that bears its VNI, so no raw socket is needed.
import { createSocket, type Socket } from 'node:dgram';
import { isIPv6 } from 'node:net';
import { z } from 'zod';
import { echoPacket } from './echo-frame.ts';

const ofAnyTunnel = { vni: z.number(), mtu: z.number(), remote: z.string(), udpPort: z.number(), local: z.string().optional() };

/** One probe to be sent. `mtu` is that of the link: the packet is as large as its largest frame. */
export const Probe = z.union([z.object({ ...ofAnyTunnel, role: z.enum(['first', 'second']) }), z.object({ ...ofAnyTunnel, pair: z.object({ from: z.string(), to: z.string() }) })]);
export type Probe = z.infer<typeof Probe>;

/** Why a probe could not be sent, by its place in the list; those sent are not in it. */
export type SendFailures = ReadonlyMap<number, string>;

/** Large packets go in fragments; more at once than this would overrun the receiver's backlog (1,000 packets a CPU). */
const AT_ONCE_BYTES = 256 * 1024;

/** Sends all from the current network namespace. Resolves when the kernel has them. */
export async function sendProbes(probes: readonly Probe[]): Promise<SendFailures> {
  const failures = new Map<number, string>();
  const groups = Map.groupBy(probes.entries(), ([, probe]) => probe.local ?? (isIPv6(probe.remote) ? '::' : '0.0.0.0'));
  for (const [local, group] of groups) {
    const socket = createSocket(isIPv6(local) ? 'udp6' : 'udp4');
    // Errors of single packets come by their callbacks.
    socket.on('error', () => undefined);
    try {
      await bind(socket, local);
      await sendGroup(socket, group, failures);
    } catch (cause) {
      for (const [index] of group) failures.set(index, `address ${local} of this host cannot be used: ${textOf(cause)}`);
    } finally {
      socket.close();
    }
  }
  return failures;
}

async function sendGroup(socket: Socket, group: readonly [number, Probe][], failures: Map<number, string>): Promise<void> {
  let waiting: Promise<void>[] = [];
  let bytes = 0;
  for (const [index, probe] of group) {
    const packet = echoPacket(probe);
    waiting.push(send(socket, packet, probe).catch((cause: unknown) => void failures.set(index, textOf(cause))));
    bytes += packet.length;
    if (bytes < AT_ONCE_BYTES) continue;
    await Promise.all(waiting);
    [waiting, bytes] = [[], 0];
  }
  await Promise.all(waiting);
}

function bind(socket: Socket, address: string): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once('error', reject);
    socket.bind({ address, port: 0, exclusive: true }, () => {
      socket.off('error', reject);
      resolve();
    });
  });
}

function send(socket: Socket, packet: Buffer, { remote, udpPort }: Probe): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.send(packet, udpPort, remote, (error) => (error ? reject(error) : resolve()));
  });
}

function textOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
