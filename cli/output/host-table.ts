// Hosts as a table, one host in full, and the nodes on it.
import type { HostDetail } from '../../machines/vocabulary/host-view.ts';
import { DEFAULT_CPU_OVERCOMMIT } from '../../machines/vocabulary/placement.ts';
import { renderVlans } from '../../machines/vocabulary/vlan-ranges.ts';
import type { OpsResponse } from '../../nats/ops-contract.ts';
import { renderDuration } from '../render-duration.ts';
import { renderTable } from './table.ts';
import { RepairClass } from '../../machines/vocabulary/repair-switches.ts';

export type HostTableOptions = { readonly now: number; readonly paintState: (state: string) => string };

export function renderHostTable(hosts: readonly HostDetail[], { now, paintState }: HostTableOptions): string {
  const rows = hosts.map((host) => [
    host.host, stateWords(host, paintState), String(host.labs.length), String(host.nodes), cpus(host), memory(host),
    host.underlay === undefined ? '-' : `${host.underlay.address} (${host.underlay.mtu})`, (host.planes ?? []).join(', ') || '-', host.version ?? '-', `${renderDuration(Math.max(0, now - host.lastSeenAt))} ago`,
  ]);
  const troubles = hosts.flatMap((host) => (host.problem === undefined ? [] : [`${host.host}: ${host.problem}`]));
  return [renderTable(['Host', 'State', 'Labs', 'Nodes', 'CPU given/has', 'Memory given/has', 'Underlay (MTU)', 'Planes', 'Version', 'Heard of'], rows), ...troubles].join('\n');
}

/** A wish that does not show in the state, because the host is not there, stands beside it. */
function stateWords({ state, wish }: HostDetail, paint: (state: string) => string): string {
  return wish === 'open' || wish === state ? paint(state) : `${paint(state)}, ${wish}`;
}

const cpus = ({ allocated, capacity }: HostDetail): string => `${(allocated.cpuMillis / 1000).toFixed(1)}/${capacity?.cpus ?? '?'}`;
const memory = ({ allocated, capacity }: HostDetail): string => `${gib(allocated.memoryMiB)}/${capacity === undefined ? '?' : gib(capacity.memoryMiB)} GiB`;
const planes = ({ planes: offered, ovs }: HostDetail): string =>
  ((offered ?? []).join(', ') || '-') + (ovs?.sharedBridge === undefined ? '' : ` (on bridge ${ovs.sharedBridge}, VLANs ${ovs.vlans === undefined ? 'that nobody has' : renderVlans(ovs.vlans)})`);
const gib = (mib: number): string => (mib / 1024).toFixed(1);

const paceWords = ({ pace }: HostDetail): string =>
  (pace === undefined ? '-' : `${pace.atOnce} nodes at once${pace.because === undefined ? '' : `, fewer than usual: ${pace.because === 'load' ? 'the host is loaded' : 'it waits for memory'}`}`);

export function renderHost({ host, nodes, stuck, fingerprint }: OpsResponse<'host'>, options: HostTableOptions): string {
  const { capacity, underlay } = host;
  const lines: [string, string][] = [
    ['host', host.host], ['state', stateWords(host, options.paintState)], ...(host.problem === undefined ? [] : [['problem', host.problem] as [string, string]]),
    ['wish', host.wish], ['version', `${host.version ?? '-'}, protocol ${host.protocol ?? '-'}`],
    ['heard of', `${renderDuration(Math.max(0, options.now - host.lastSeenAt))} ago, first on ${new Date(host.firstSeenAt).toISOString()}`],
    ['underlay', underlay === undefined ? '-' : `${underlay.address} on ${underlay.device}, MTU ${underlay.mtu}`], ['link planes', planes(host)],
    ['CPU', `${cpus(host)} given to nodes (ceilings), may be given away ${capacity?.cpuOvercommit ?? DEFAULT_CPU_OVERCOMMIT} times`], ['memory', `${memory(host)} given`], ['disk', `${gib(host.allocated.diskMiB)}/${capacity === undefined ? '?' : gib(capacity.diskMiB)} GiB given`],
    ...(host.repairs === undefined ? [] : [['repairs', RepairClass.options.map((kind) => `${kind} ${host.repairs?.[kind] === false ? 'off' : 'on'}`).join(', ')] as [string, string]]),
    ['pace', paceWords(host)], ['devices', (capacity?.devices ?? []).join(', ') || '-'], ['labs', host.labs.join(', ') || '-'],
    ...(fingerprint?.changed ?? []).map((one, index): [string, string] => [index === 0 ? 'changed' : '', `${one.title}: ${one.before} before, ${one.now} now`]),
    ...(fingerprint?.notWell ?? []).map((probe, index): [string, string] => [index === 0 ? 'not well' : '', `${probe.title}: ${probe.found}${probe.remedy === undefined ? '' : ` (${probe.remedy})`}`]),
    ...stuck.map(({ lab, reason }, index): [string, string] => [index === 0 ? 'cannot leave' : '', `lab ${lab}: ${reason}`]),
    ...(host.conflict ?? []).map((one, index): [string, string] => [index === 0 ? 'host-actors' : '', `${one.instance} started ${new Date(one.startedAt).toISOString()}${one.fenced ? ', fenced' : index === 0 ? ', counts' : ', not fenced yet'}`]),
  ];
  const width = Math.max(...lines.map(([key]) => key.length));
  const text = lines.map(([key, value]) => `${key.padEnd(width)}  ${value}`).join('\n');
  return nodes.length === 0 ? text : [text, renderTable(['Lab', 'Node', 'State', 'Pinned'], nodes.map((node) => [node.lab, node.node, options.paintState(node.state), node.pinned ? 'yes' : '']))].join('\n');
}
