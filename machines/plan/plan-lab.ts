// Places and numbers of a lab: hosts, addresses, device names, MACs; what is there already keeps its own.
import type { HostId } from '../vocabulary/ids.ts';
import type { LabSpec, LinkEnd, LinkSpec, NodeSpec, PublishedPort } from '../vocabulary/lab-spec.ts';
import type { LabPlan, LinkPlan, MgmtPlan, NodePlan, PortLease } from '../vocabulary/lab-plan.ts';
import type { Rejection } from '../vocabulary/command.ts';
import { splitMgmtPool } from '../vocabulary/mgmt-pool.ts';
import { overLogs } from '../evolve/lab-state.ts';
import type { LabState } from '../evolve/lab-state.ts';
import { assignMgmtAddresses } from './assign-mgmt-addresses.ts';
import type { MgmtAddresses } from './assign-mgmt-addresses.ts';
import { deepEqual } from './deep-equal.ts';
import { leasePorts } from './lease-ports.ts';
import { planChanges } from './plan-changes.ts';
import type { Change } from '../vocabulary/lab-plan.ts';

/** All that a deploy needs and the log does not hold; what it took from here goes into the event. */
export type Facts = {
  readonly now: number;
  readonly hosts: readonly { readonly id: HostId; readonly state: 'joined' | 'lost' }[];
  /** Leased by the caller for this lab if it has none yet; null = all are in use. */
  readonly labNumber: number | null;
  /** Management addresses that other labs and foreign containers hold in a network, by its name. */
  readonly takenAddresses: (network: string) => ReadonlySet<string>;
  /** `tcp/8080`-like keys of ports that other labs publish, with the lab's name. */
  readonly takenPorts: ReadonlyMap<string, string>;
  /** Container names of other labs, with the lab's name. */
  readonly takenNames: ReadonlyMap<string, string>;
};

export type Planned = { readonly plan: LabPlan; readonly changes: readonly Change[] } | { readonly rejections: Rejection[] };

const LINK_MTU = 9500;
const MGMT_MTU = 1500;

/** Fixes everything a deploy of `spec` needs, or says why it cannot be. */
export function planLab(input: { state: LabState; spec: LabSpec; facts: Facts; reconfigure: boolean }): Planned {
  const { state, spec, facts } = input;
  const host = facts.hosts.find((candidate) => candidate.state === 'joined');
  if (!host) return { rejections: [reject('no-host', 'no host has joined: start one with `labwright up`', {})] };
  const labNumber = state.plan && state.lab.value !== 'destroyed' ? state.plan.labNumber : facts.labNumber;
  if (labNumber === null) return { rejections: [reject('no-numbers', 'all 4095 lab numbers are in use: destroy a lab first', {})] };
  const rejections = [...takenNames(spec, facts), ...takenPorts(spec, facts)];
  const addresses = assignMgmtAddresses({
    mgmt: spec.mgmt,
    nodes: spec.nodes.filter(hasMgmt).map((node) => ({ id: node.id, wantIpv4: node.mgmtIpv4, wantIpv6: node.mgmtIpv6 })),
    taken: facts.takenAddresses(spec.mgmt.network),
    previous: previousAddresses(state),
  });
  const leased = leasePorts(spec.nodes.map((node) => ({ node: node.id, ports: node.ports, previous: standingPlan(state, node)?.ports ?? [] })), new Set(facts.takenPorts.keys()));
  if (!addresses.ok) return { rejections: [...rejections, ...leased.rejections, ...addresses.rejections] };
  rejections.push(...leased.rejections);
  if (rejections.length > 0) return { rejections };
  const mgmt = planMgmt(spec);
  const changes = planChanges(state, spec, { reconfigure: input.reconfigure, mgmt });
  const leases = createLeases(labNumber, state.lab.value === 'destroyed' ? 1 : (state.plan?.nextPort ?? 1));
  const fresh = new Set(changes.filter((change) => change.object === 'node' && change.action !== 'start').map((change) => change.id));
  const generation = overLogs(state.n === 0 ? Math.floor(facts.now / 1000) : state.born, state.n + 1);
  const nodes = Object.fromEntries(spec.nodes.map((node) =>
    [node.id, planNode({ node, standing: standingPlan(state, node), generation, host: host.id, leases, address: addresses.addresses[node.id], ports: leased.ports.get(node.id) ?? [], isNew: fresh.has(node.id) })]));
  const links = Object.fromEntries(spec.links.map((link) => [link.id, planLink({ link, state, host: host.id, leases })]));
  return { plan: { labNumber, nextPort: leases.next(), mgmt, nodes, links }, changes };
}

export const hasMgmt = (node: NodeSpec): boolean => node.runtime === 'container' && node.network.mode === 'sandbox';

const reject = (code: Rejection['code'], message: string, details: Record<string, unknown>): Rejection => ({ code, message, details });

function takenNames(spec: LabSpec, facts: Facts): Rejection[] {
  return spec.nodes.flatMap((node) => {
    const lab = node.runtime === 'container' ? facts.takenNames.get(node.containerName) : undefined;
    return lab ? [reject('name-taken', `container name ${node.containerName} of node ${node.id} is used by lab ${lab}: change the name or the prefix`, { node: node.id, lab })] : [];
  });
}

function takenPorts(spec: LabSpec, facts: Facts): Rejection[] {
  return spec.nodes.flatMap((node) => node.ports.flatMap((port) => {
    const lab = port.hostPort === 0 ? undefined : facts.takenPorts.get(`${port.protocol}/${port.hostPort}`);
    return lab ? [reject('port-taken', `port ${port.hostPort}/${port.protocol} of node ${node.id} is published by lab ${lab}: choose another one`, { node: node.id, lab })] : [];
  }));
}

function previousAddresses(state: LabState): Record<string, MgmtAddresses> {
  return Object.fromEntries(Object.entries(state.nodes).map(([id, record]) =>
    [id, { ipv4: (record.next?.plan ?? record.plan).mgmt?.ipv4, ipv6: (record.next?.plan ?? record.plan).mgmt?.ipv6 }]));
}

function planMgmt(spec: LabSpec): MgmtPlan {
  const { bridge = '', mtu = MGMT_MTU, ...rest } = spec.mgmt;
  const ipv4Gateway = gatewayOf(rest.ipv4Subnet, rest.ipv4Gateway, rest.ipv4Range);
  const ipv6Gateway = gatewayOf(rest.ipv6Subnet, rest.ipv6Gateway, rest.ipv6Range);
  return withoutUndefined({ ...rest, ipv4Gateway, ipv6Gateway, bridge, mtu });
}

/** Nodes need it for their default route, so what the file leaves to the rule is fixed here. */
function gatewayOf(subnet: string | undefined, gateway: string | undefined, range: string | undefined): string | undefined {
  return subnet === undefined ? undefined : splitMgmtPool({ subnet, gateway, range })?.gatewayText;
}

type Leases = { port(device?: string, mac?: string): PortLease; next(): number };

/** Numbers of one lab: redirect index (12 bits lab, 20 bits port), device name and MAC all follow from it. */
function createLeases(labNumber: number, first: number): Leases {
  let next = first;
  return {
    next: () => next,
    port(device, mac) {
      const port = next;
      next += 1;
      const hex = (labNumber * 2 ** 20 + port).toString(16).padStart(8, '0');
      const derived = `aa:c1:${hex.slice(0, 2)}:${hex.slice(2, 4)}:${hex.slice(4, 6)}:${hex.slice(6, 8)}`;
      return { device: device ?? `lw${labNumber.toString(36)}.${port.toString(36)}`, index: labNumber * 2 ** 20 + port, mac: mac ?? derived };
    },
  };
}

type NodeInput = { node: NodeSpec; standing: NodePlan | undefined; generation: number; host: HostId; leases: Leases; address: MgmtAddresses | undefined; ports: PublishedPort[]; isNew: boolean };

const standingPlan = (state: LabState, { id }: NodeSpec): NodePlan | undefined => state.nodes[id]?.next?.plan ?? state.nodes[id]?.plan;

function planNode({ node, standing, generation, host, leases, address, ports, isNew }: NodeInput): NodePlan {
  if (standing && !isNew) return standing;
  const mgmt = hasMgmt(node) && address ? { ...withoutUndefined({ ipv4: address.ipv4, ipv6: address.ipv6 }), port: leases.port() } : undefined;
  return withoutUndefined({ host: standing?.host ?? host, generation, mgmt, ports });
}

type LinkInput = { link: LinkSpec; state: LabState; host: HostId; leases: Leases };

function planLink({ link, state, host, leases }: LinkInput): LinkPlan {
  const present = state.links[link.id];
  const mtu = link.mtu ?? LINK_MTU;
  if (present && present.machine.context.desired === 'present' && deepEqual(present.spec, { ...link })) return present.plan;
  const a = present?.plan.a ?? leases.port(hostDevice(link.a), macOf(link.a));
  const b = present?.plan.b ?? leases.port(hostDevice(link.b), macOf(link.b));
  return { host, mtu, a: { ...a, mac: macOf(link.a) ?? a.mac }, b: { ...b, mac: macOf(link.b) ?? b.mac } };
}

/** Ends that are visible on the host carry the name that the file gives them. */
function hostDevice(end: LinkEnd): string | undefined {
  return 'interface' in end && end.at !== 'node' ? end.interface : undefined;
}

const macOf = (end: LinkEnd): string | undefined => ('mac' in end ? end.mac : undefined);

function withoutUndefined<T extends object>(value: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  // Absent keys and undefined ones are the same to readers; the log holds the absent form.
  return Object.fromEntries(Object.entries(value).filter(([, entry]) => entry !== undefined)) as { [K in keyof T]: Exclude<T[K], undefined> };
}
