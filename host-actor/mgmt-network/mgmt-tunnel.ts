// The way of a management bridge to the other hosts of its labs: one VXLAN device a network, a port of the bridge, flooding to each host.
import { z } from 'zod';
import type { HostShell } from './host-shell.ts';
import { MgmtNetworkError } from './mgmt-network-error.ts';
import type { MgmtNet, MgmtState, MgmtTunnel } from './mgmt-network-state.ts';
import { filterLines, hasFilters, readFilters, tunnelFilters } from './tunnel-filters.ts';

/** What one network's tunnel shall be: the labs of a network agree on its number and differ in the hosts they reach. */
export interface WantedTunnel extends MgmtTunnel { readonly network: string; readonly device: string; readonly bridge: string; readonly mtu: number }

const VxlanLinks = z.array(z.object({
  ifname: z.string().optional(), ifalias: z.string().optional(), mtu: z.number().optional(), master: z.string().optional(), flags: z.array(z.string()).optional(),
  linkinfo: z.object({ info_data: z.object({ id: z.number().optional(), local: z.string().optional(), local6: z.string().optional(), port: z.number().optional() }).optional() }).optional(),
}));
type VxlanLink = z.infer<typeof VxlanLinks>[number];
const Fdb = z.array(z.object({ mac: z.string(), dst: z.string().optional() }));

/** RFC 8200. */
const LEAST_IPV6_MTU = 1280;

/** The entry that stands for "whoever is not known": frames to it go to every remote. */
const ANYONE = '00:00:00:00:00:00';

const markPrefix = (owner: string): string => `labwright:${owner}:mgmt-tunnel:`;

/** Whether this is what a device is called on the host when it is the tunnel of a management network of ours. */
export const isMgmtTunnelOf = (owner: string, alias: string | undefined): boolean => alias?.startsWith(markPrefix(owner)) === true;

/** Device name of a network's tunnel; its number is unique over the installation. */
export const tunnelDevice = (vni: number): string => `lwm${vni.toString(36)}`;

/** Tunnels that the labs of the record need, sorted by network. */
export function wantedTunnels(state: MgmtState): WantedTunnel[] {
  return state.networks.flatMap((net) => {
    const tunnels = state.labs.flatMap((lab) => (lab.network === net.network && lab.tunnel ? [lab.tunnel] : []));
    const [first] = tunnels;
    if (!first || net.bridge === '') return [];
    const remotes = [...new Set(tunnels.flatMap((tunnel) => tunnel.remotes))].toSorted();
    return [{ ...first, remotes, network: net.network, device: tunnelDevice(first.vni), bridge: net.bridge, mtu: net.mtu }];
  });
}

/** In words, what of a network's tunnel is not as wanted. */
type Fault = { readonly network: string; readonly device: string; readonly fault: string };

/** `taken`: devices of the tunnels' names that are somebody else's. */
export interface TunnelsRead { readonly faults: readonly Fault[]; readonly taken: readonly string[] }

/** Reads all tunnels back; those of networks without one that bear our mark are faults too. */
export async function readTunnels(shell: HostShell, state: MgmtState, owner: string, signal?: AbortSignal): Promise<TunnelsRead> {
  return await planTunnels(shell, wantedTunnels(state), owner, signal);
}

/** Makes, changes and removes tunnels until they are as the record wants. @throws {MgmtNetworkError} `command-failed`; `device-taken`, when all others are. */
export async function syncTunnels(shell: HostShell, state: MgmtState, owner: string, signal?: AbortSignal): Promise<void> {
  const { ip, bridge, tc, raise, taken } = await planTunnels(shell, wantedTunnels(state), owner, signal);
  for (const [program, lines] of [['ip', ip], ['bridge', bridge], ['tc', tc], ['ip', raise]] as const) {
    if (lines.length > 0) await shell.run(program, ['-batch', '-'], { input: `${lines.join('\n')}\n`, signal });
  }
  if (taken.length > 0) throw new MgmtNetworkError({ code: 'device-taken', retryable: true, message: `${taken.join(', ')} on this host was not made by us: remove or rename it, so that the management network can reach other hosts` });
}

/** Lines for batches, in the order in which they run: a tunnel is plugged in and raised when its filters are there. */
type Steps = { readonly ip: string[]; readonly bridge: string[]; readonly tc: string[]; readonly raise: string[]; readonly faults: Fault[]; readonly taken: string[] };

async function planTunnels(shell: HostShell, wanted: readonly WantedTunnel[], owner: string, signal?: AbortSignal): Promise<Steps> {
  const links = await readLinks(shell, signal);
  const steps: Steps = { ip: [], bridge: [], tc: [], raise: [], faults: [], taken: [] };
  for (const link of links) {
    const isOurs = isMgmtTunnelOf(owner, link.ifalias);
    if (!isOurs || link.ifname === undefined || wanted.some((tunnel) => tunnel.device === link.ifname)) continue;
    steps.ip.push(`link del dev ${link.ifname}`);
    steps.faults.push({ network: link.ifalias?.slice(markPrefix(owner).length) ?? '', device: link.ifname, fault: `tunnel ${link.ifname} is not needed` });
  }
  for (const tunnel of wanted) await planTunnel(shell, { tunnel, owner, present: links.find((link) => link.ifname === tunnel.device), signal }, steps);
  return steps;
}

type One = { tunnel: WantedTunnel; owner: string; present: VxlanLink | undefined; signal: AbortSignal | undefined };

async function planTunnel(shell: HostShell, { tunnel, owner, present, signal }: One, steps: Steps): Promise<void> {
  const { device, network } = tunnel;
  const data = present?.linkinfo?.info_data;
  const fault = (words: string): void => void steps.faults.push({ network, device, fault: words });
  if (present && present.ifalias !== `${markPrefix(owner)}${network}` && !isHalfMade(present)) {
    steps.taken.push(device);
    return;
  }
  const isRight = present?.ifalias !== undefined && data?.id === tunnel.vni && (data.local ?? data.local6) === tunnel.local && data.port === tunnel.udpPort;
  if (!isRight) {
    if (present) steps.ip.push(`link del dev ${device}`);
    steps.ip.push(`link add ${device} mtu ${tunnel.mtu} type vxlan id ${tunnel.vni} local ${tunnel.local} dstport ${tunnel.udpPort} df unset`);
    steps.ip.push(`link set dev ${device} alias ${markPrefix(owner)}${network}`);
    fault(`tunnel ${device} of management network ${network} ${present ? 'has another number or address' : 'is gone'}`);
  }
  if (!isRight || present.master !== tunnel.bridge || present.flags?.includes('UP') !== true || present.mtu !== tunnel.mtu) {
    // In the same line as `up` it is too late: the device has carrier at once, and with it an address that speaks into the segment.
    // Below the least MTU of IPv6 a device knows no such word: the MTU comes first, and the word where it means anything.
    if (isRight && present.mtu !== tunnel.mtu) steps.ip.push(`link set dev ${device} mtu ${tunnel.mtu}`);
    if (tunnel.mtu >= LEAST_IPV6_MTU) steps.ip.push(`link set dev ${device} addrgenmode none`);
    steps.raise.push(`link set dev ${device} mtu ${tunnel.mtu} master ${tunnel.bridge} up`);
    if (isRight) fault(`tunnel ${device} is down, has another MTU or is not plugged into ${tunnel.bridge}`);
  }
  const known = isRight ? await readRemotes(shell, device, signal) : [];
  const [missing, extra] = [tunnel.remotes.filter((one) => !known.includes(one)), known.filter((one) => !tunnel.remotes.includes(one))];
  steps.bridge.push(...missing.map((remote) => `fdb append ${ANYONE} dev ${device} dst ${remote}`), ...extra.map((remote) => `fdb del ${ANYONE} dev ${device} dst ${remote}`));
  if (isRight && missing.length + extra.length > 0) fault(`tunnel ${device} does not lead to ${tunnel.remotes.join(', ')}`);
  const filters = tunnelFilters(tunnel);
  const hasAll = isRight && hasFilters(await readFilters(shell, device, signal), filters);
  if (!hasAll) steps.tc.push(...filterLines(device, filters));
  if (isRight && !hasAll) fault(`tunnel ${device} has not the filters of its probes`);
}

/** Between its making and its mark a making may have been killed: such a device is plugged into nothing and was never up. */
const isHalfMade = ({ ifalias, master, flags }: VxlanLink): boolean => ifalias === undefined && master === undefined && flags?.includes('UP') !== true;

async function readLinks(shell: HostShell, signal?: AbortSignal): Promise<VxlanLink[]> {
  const listed = await shell.try('ip', ['-j', '-d', 'link', 'show', 'type', 'vxlan'], { signal });
  return listed.exitCode === 0 ? VxlanLinks.parse(JSON.parse(listed.stdout || '[]')) : [];
}

async function readRemotes(shell: HostShell, device: string, signal?: AbortSignal): Promise<string[]> {
  const listed = await shell.try('bridge', ['-j', 'fdb', 'show', 'dev', device], { signal });
  return listed.exitCode === 0 ? Fdb.parse(JSON.parse(listed.stdout || '[]')).flatMap(({ mac, dst }) => (mac === ANYONE && dst !== undefined ? [dst] : [])) : [];
}

/** Whether the bridge port is a tunnel of ours, which is nobody's use of the network. */
export const isTunnelPort = (net: MgmtNet, port: string): boolean => net.bridge !== '' && /^lwm[0-9a-z]+$/.test(port);
