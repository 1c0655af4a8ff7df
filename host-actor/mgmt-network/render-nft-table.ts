// The nftables rules of all management networks of a host as one text that replaces our tables in one transaction.
import type { PublishedPort } from '../../machines/vocabulary/lab-spec.ts';
import type { MgmtLab, MgmtNet, MgmtNode, MgmtState } from './mgmt-network-state.ts';

/** Name of our tables (`inet` and `bridge`); `engineMark` = the mark with which an engine that uses nftables lets packets pass. */
export interface NftOptions { readonly table: string; readonly engineMark?: number | undefined }

/**
 * Renders everything for `nft -f -`: way out by NAT, published ports, isolation of labs. A state without networks in use
 * renders the removal of our tables. Each rule bears a comment `<table> lab/node ...` as its mark.
 */
export function renderNftTable(state: MgmtState, options: NftOptions): string {
  const used = state.networks.filter((net) => state.labs.some((lab) => lab.network === net.network));
  const labs = state.labs.filter((lab) => used.some((net) => net.network === lab.network));
  const isolated = labs.filter((lab) => lab.isolated && lab.nodes.length > 0);
  const mark = (words: string) => `comment "${`${options.table} ${words}`.replace(/[^A-Za-z0-9 _.:/=[\]-]/g, '_').slice(0, 120)}"`;
  const lines = [...dropTable('inet', options.table), ...dropTable('bridge', options.table)];
  if (used.length === 0) return joined(lines);
  const forward = [...closedLabs(labs, used, mark), ...isolated.flatMap((lab) => isolatedRouted(lab, used, mark))];
  lines.push(
    `table inet ${options.table} {`,
    ...chain('martians', 'type filter hook prerouting priority raw; policy accept;', used.map((net) => `iifname "${net.bridge}" ip daddr 127.0.0.0/8 drop ${mark(`loopback ${net.network}`)}`)),
    ...chain('published', undefined, labs.flatMap((lab) => lab.nodes.flatMap((node) => node.ports.flatMap((port) => publishedRules(lab, node, port, mark))))),
    // After the engine's own rules (-100), so that what others publish is never taken over.
    ...chain('prerouting', 'type nat hook prerouting priority -99; policy accept;', [`jump published ${mark('published')}`]),
    ...chain('output', 'type nat hook output priority -99; policy accept;', [`jump published ${mark('published')}`]),
    ...chain('postrouting', 'type nat hook postrouting priority 101; policy accept;', used.flatMap((net) => wayOut(net, mark))),
    ...chain('forward', 'type filter hook forward priority -1; policy accept;', forward),
    ...engineMarks(used, options, mark),
    '}',
  );
  if (isolated.length > 0) {
    lines.push(
      `table bridge ${options.table} {`,
      ...chain('forward', 'type filter hook forward priority -1; policy accept;', isolated.flatMap((lab) => isolatedBridged(lab, mark))),
      '}',
    );
  }
  return joined(lines);
}

/** The families in which the rendered text has a table; a table costs a process to read back. */
export function nftFamilies(state: MgmtState): string[] {
  if (!state.labs.some((lab) => lab.network !== undefined)) return [];
  return state.labs.some((lab) => lab.network !== undefined && lab.isolated && lab.nodes.length > 0) ? ['inet', 'bridge'] : ['inet'];
}

type Mark = (words: string) => string;

function dropTable(family: string, table: string): string[] {
  // Declared first, because the removal of a table that is not there would fail the whole transaction.
  return [`table ${family} ${table}`, `delete table ${family} ${table}`];
}

function chain(name: string, hook: string | undefined, rules: string[]): string[] {
  return [`\tchain ${name} {`, ...(hook === undefined ? [] : [`\t\t${hook}`]), ...rules.map((rule) => `\t\t${rule}`), '\t}'];
}

function wayOut(net: MgmtNet, mark: Mark): string[] {
  const bridge = `"${net.bridge}"`;
  return [
    ...(net.ipv4Subnet === undefined ? [] : [`oifname != ${bridge} ip saddr ${net.ipv4Subnet} masquerade ${mark(`way out ${net.network}`)}`]),
    ...(net.ipv6Subnet === undefined ? [] : [`oifname != ${bridge} ip6 saddr ${net.ipv6Subnet} masquerade ${mark(`way out ${net.network}`)}`]),
    // A node may have its default route elsewhere, and 127.0.0.1 means itself: from the host all comes from the gateway.
    `oifname ${bridge} ct status dnat fib saddr type local masquerade ${mark(`from this host ${net.network}`)}`,
    `oifname ${bridge} iifname ${bridge} ct status dnat masquerade ${mark(`hairpin ${net.network}`)}`,
  ];
}

function publishedRules(lab: MgmtLab, node: MgmtNode, port: PublishedPort, mark: Mark): string[] {
  if (port.hostPort === 0) return [];
  const words = mark(`${lab.lab}/${node.node} ${port.hostPort}:${port.containerPort}/${port.protocol}`);
  const match = publishedOn(port.hostIp);
  const rule = (daddr: string, target: string) => `${daddr} ${port.protocol} dport ${port.hostPort} dnat ${target} ${words}`;
  return [
    ...(match.ipv4 === undefined || node.ipv4 === undefined ? [] : [rule(match.ipv4, `ip to ${node.ipv4}:${port.containerPort}`)]),
    ...(match.ipv6 === undefined || node.ipv6 === undefined ? [] : [rule(match.ipv6, `ip6 to [${node.ipv6}]:${port.containerPort}`)]),
  ];
}

/** Which destinations a published port answers on, by the engine's rules for the host address of a port. */
function publishedOn(hostIp: string | undefined): { ipv4?: string; ipv6?: string } {
  // ::1 cannot be reached by NAT: the relay listens there.
  const anyIpv4 = 'meta nfproto ipv4 fib daddr type local';
  const anyIpv6 = 'meta nfproto ipv6 ip6 daddr != ::1 fib daddr type local';
  if (hostIp === undefined || hostIp === '') return { ipv4: anyIpv4, ipv6: anyIpv6 };
  if (hostIp === '0.0.0.0') return { ipv4: anyIpv4 };
  if (hostIp === '::') return { ipv6: anyIpv6 };
  if (hostIp === '::1') return {};
  return hostIp.includes(':') ? { ipv6: `ip6 daddr ${hostIp}` } : { ipv4: `ip daddr ${hostIp}` };
}

/** Without external access nothing new comes in from outside, published ports excepted. */
function closedLabs(labs: MgmtLab[], used: MgmtNet[], mark: Mark): string[] {
  return labs.filter((lab) => !lab.externalAccess).flatMap((lab) => {
    const net = used.find((other) => other.network === lab.network);
    if (!net) return [];
    return familySets(lab).map(({ ip, set }) =>
      `oifname "${net.bridge}" iifname != "${net.bridge}" ${ip} daddr ${set} ct state new ct status & dnat == 0 drop ${mark(`${lab.lab} no external access`)}`);
  });
}

function isolatedRouted(lab: MgmtLab, used: MgmtNet[], mark: Mark): string[] {
  const bridges = `{ ${used.map((net) => `"${net.bridge}"`).join(', ')} }`;
  const words = mark(`${lab.lab} isolated`);
  return familySets(lab).flatMap(({ ip, set }) => [
    `oifname ${bridges} ${ip} saddr ${set} ${ip} daddr != ${set} drop ${words}`,
    `iifname ${bridges} ${ip} daddr ${set} ${ip} saddr != ${set} drop ${words}`,
  ]);
}

function isolatedBridged(lab: MgmtLab, mark: Mark): string[] {
  const words = mark(`${lab.lab} isolated`);
  const devices = lab.nodes.flatMap((node) => node.device ?? []);
  // No match on the bridge's name: `meta ibrname` is a module that small kernels lack; device names are unique anyway.
  if (devices.length < lab.nodes.length) {
    return familySets(lab).flatMap(({ ip, set }) => [
      `${ip} saddr ${set} ${ip} daddr != ${set} drop ${words}`,
      `${ip} daddr ${set} ${ip} saddr != ${set} drop ${words}`,
    ]);
  }
  const set = `{ ${devices.map((device) => `"${device}"`).join(', ')} }`;
  return [
    `iifname ${set} oifname != ${set} drop ${words}`,
    `oifname ${set} iifname != ${set} drop ${words}`,
  ];
}

function familySets(lab: MgmtLab): { ip: 'ip' | 'ip6'; set: string }[] {
  const set = (addresses: string[]) => `{ ${addresses.join(', ')} }`;
  const ipv4 = lab.nodes.flatMap((node) => node.ipv4 ?? []);
  const ipv6 = lab.nodes.flatMap((node) => node.ipv6 ?? []);
  return [
    ...(ipv4.length > 0 ? [{ ip: 'ip' as const, set: set(ipv4) }] : []),
    ...(ipv6.length > 0 ? [{ ip: 'ip6' as const, set: set(ipv6) }] : []),
  ];
}

function engineMarks(used: MgmtNet[], options: NftOptions, mark: Mark): string[] {
  if (options.engineMark === undefined) return [];
  const set = `meta mark set meta mark | ${options.engineMark}`;
  return chain('engine-mark', 'type filter hook forward priority mangle; policy accept;', used.flatMap((net) => [
    `iifname "${net.bridge}" ${set} ${mark(`pass ${net.network}`)}`,
    `oifname "${net.bridge}" ${set} ${mark(`pass ${net.network}`)}`,
  ]));
}

function joined(lines: string[]): string {
  return `${lines.join('\n')}\n`;
}
