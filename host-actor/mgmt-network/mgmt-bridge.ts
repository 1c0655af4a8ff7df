// The Linux bridge of a management network: made, addressed, read back and removed in the host's namespace.
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { canonicalIp } from '../../machines/vocabulary/ip-address.ts';
import { splitMgmtPool } from '../../machines/vocabulary/mgmt-pool.ts';
import type { HostShell } from './host-shell.ts';
import { MgmtNetworkError } from './mgmt-network-error.ts';
import type { MgmtNet } from './mgmt-network-state.ts';

const IpAddr = z.array(z.object({
  ifname: z.string().optional(),
  ifalias: z.string().optional(),
  flags: z.array(z.string()).optional(),
  mtu: z.number().optional(),
  linkinfo: z.object({ info_kind: z.string().optional() }).optional(),
  addr_info: z.array(z.object({ local: z.string().optional(), prefixlen: z.number().optional() })).optional(),
}));

/** A bridge as the kernel shows it; `addresses` with prefix length, `mark` = its alias. */
export interface BridgeReading { readonly name: string; readonly up: boolean; readonly mtu: number | undefined; readonly mark: string | undefined; readonly addresses: readonly string[] }

/** LLDP passes the bridge, as with the peer. Source: containerlab, group_fwd_mask. */
const FORWARD_LLDP = '16384';

/** Alias that marks a bridge as ours. */
export function bridgeMark(owner: string, network: string): string {
  return `labwright:${owner}:mgmt:${network}`.slice(0, 255);
}

/** Reads a bridge; undefined when there is no device of that name. @throws {MgmtNetworkError} `bridge-missing` when it is no bridge. */
export async function readBridge(shell: HostShell, name: string, signal?: AbortSignal): Promise<BridgeReading | undefined> {
  const addr = await shell.try('ip', ['-j', '-d', 'addr', 'show', 'dev', name], { signal });
  const device = addr.exitCode === 0 ? IpAddr.parse(JSON.parse(addr.stdout || '[]')).find((entry) => entry.ifname === name) : undefined;
  if (!device) return undefined;
  if (device.linkinfo?.info_kind !== 'bridge') {
    throw new MgmtNetworkError({ code: 'bridge-missing', retryable: false, message: `${name} is a device of this host, but no bridge; name another one in mgmt.bridge` });
  }
  return {
    name,
    up: device.flags?.includes('UP') ?? false,
    mtu: device.mtu,
    mark: device.ifalias,
    addresses: (device.addr_info ?? []).flatMap((info) => (info.local === undefined ? [] : [canonicalIp(`${info.local}/${info.prefixlen ?? 0}`) ?? ''])),
  };
}

/** Names of the interfaces that are plugged into a bridge; none when there is no such bridge. */
export async function readBridgePorts(shell: HostShell, name: string, signal?: AbortSignal): Promise<string[]> {
  const output = await shell.try('ip', ['-j', 'link', 'show', 'master', name], { signal });
  const listed = output.exitCode === 0 ? IpAddr.parse(JSON.parse(output.stdout || '[]')) : [];
  return listed.flatMap((entry) => entry.ifname ?? []).toSorted();
}

/** The addresses (with prefix length) that the bridge has to bear: the gateways of its subnets. */
export function gatewayAddresses(net: MgmtNet): string[] {
  const gateway = (subnet: string | undefined, wanted: string | undefined, range: string | undefined) => {
    const pool = subnet === undefined ? undefined : splitMgmtPool({ subnet, gateway: wanted, range });
    return pool ? [`${pool.gatewayText}/${pool.subnet.prefixLength}`] : [];
  };
  return [...gateway(net.ipv4Subnet, net.ipv4Gateway, net.ipv4Range), ...gateway(net.ipv6Subnet, net.ipv6Gateway, net.ipv6Range)];
}

/**
 * Makes the bridge if it is not there and gives it what it lacks of mark, addresses and kernel switches. A bridge that
 * others made gets missing addresses only. Returns what it did, in words.
 */
export async function ensureBridge(shell: HostShell, net: MgmtNet, owner: string, signal?: AbortSignal): Promise<string[]> {
  const before = await readBridge(shell, net.bridge, signal);
  const foreign = net.bridgeMadeBy === 'others';
  // An address of its own, or the bridge takes that of a port and changes it as ports come and go, under its nodes' feet.
  const lines = before ? [] : [`link add name ${net.bridge} address ${bridgeMac(owner, net.network)} type bridge`];
  if (!foreign && before?.mark !== bridgeMark(owner, net.network)) {
    lines.push(`link set dev ${net.bridge} alias ${bridgeMark(owner, net.network)}`, `link set dev ${net.bridge} type bridge group_fwd_mask ${FORWARD_LLDP}`);
  }
  if (!foreign && (before?.mtu ?? 1500) !== net.mtu) lines.push(`link set dev ${net.bridge} mtu ${net.mtu}`);
  await runLines(shell, lines, signal);
  await setSwitches(shell, net);
  const missing = gatewayAddresses(net).filter((address) => !before?.addresses.includes(address));
  const addressing = [
    ...(before?.up ? [] : [`link set dev ${net.bridge} up`]),
    // Without nodad an address of a bridge without ports stays tentative, and nothing answers on it.
    ...missing.map((address) => `addr add ${address} dev ${net.bridge}${address.includes(':') ? ' nodad' : ''}`),
  ];
  await runLines(shell, addressing, signal);
  return [...lines, ...addressing];
}

async function runLines(shell: HostShell, lines: string[], signal?: AbortSignal): Promise<void> {
  if (lines.length > 0) await shell.run('ip', ['-batch', '-'], { input: `${lines.join('\n')}\n`, signal });
}

function bridgeMac(owner: string, network: string): string {
  const digest = createHash('sha256').update(`${owner}/${network}`).digest();
  return `02:42:${[0, 1, 2, 3].map((index) => digest.readUInt8(index).toString(16).padStart(2, '0')).join(':')}`;
}

/** Removes a bridge that bears our mark, and takes back what we added to one that does not. Absent is success. */
export async function removeBridge(shell: HostShell, net: MgmtNet, owner: string, signal?: AbortSignal): Promise<void> {
  const present = await readBridge(shell, net.bridge, signal);
  if (!present) return;
  if (net.bridgeMadeBy !== 'others' && present.mark === bridgeMark(owner, net.network)) {
    await shell.run('ip', ['link', 'del', 'dev', net.bridge], { signal });
    return;
  }
  for (const address of net.addedAddresses.filter((added) => present.addresses.includes(added))) {
    await shell.run('ip', ['addr', 'del', address, 'dev', net.bridge], { signal });
  }
}

/** Lets the host forward for its management networks. */
export async function ensureForwarding(shell: HostShell, net: MgmtNet): Promise<void> {
  if (net.ipv4Subnet !== undefined) await shell.setSysctl('net/ipv4/ip_forward', '1');
  if (net.ipv6Subnet === undefined || (await shell.readSysctl('net/ipv6/conf/all/forwarding')) !== '0') return;
  // A host that forwards stops to heed router advertisements, and would lose its own default route, unless told 2.
  const listed = await shell.run('ip', ['-br', 'link']);
  for (const name of listed.split('\n').flatMap((line) => /^[^\s@]+/.exec(line)?.[0] ?? [])) {
    if ((await shell.readSysctl(`net/ipv6/conf/${name}/accept_ra`)) === '1') await shell.setSysctl(`net/ipv6/conf/${name}/accept_ra`, '2');
  }
  await shell.setSysctl('net/ipv6/conf/all/forwarding', '1');
}

async function setSwitches(shell: HostShell, net: MgmtNet): Promise<void> {
  // 127.0.0.1 of the host reaches a published port only so; what nodes send to 127.0.0.0/8 our rules drop.
  await shell.setSysctl(`net/ipv4/conf/${net.bridge}/route_localnet`, '1');
  await shell.setSysctl(`net/ipv6/conf/${net.bridge}/accept_ra`, '0');
  if (net.bridgeMadeBy === 'others' || net.ipv6Subnet === undefined) return;
  // While the link-local address is on trial, the host cannot ask for its neighbours, and the first second is lost.
  await shell.setSysctl(`net/ipv6/conf/${net.bridge}/accept_dad`, '0');
  await shell.setSysctl(`net/ipv6/conf/${net.bridge}/disable_ipv6`, '0');
}
