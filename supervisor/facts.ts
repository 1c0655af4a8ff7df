// What a decision may know beyond its own lab: hosts, and the numbers, names, addresses and ports that other labs hold.
import { createHash } from 'node:crypto';
import type { LabState } from '../machines/evolve/lab-state.ts';
import type { LabId } from '../machines/vocabulary/ids.ts';
import type { MgmtSpan, NodePlan } from '../machines/vocabulary/lab-plan.ts';
import { allocatedBy, NOTHING } from '../machines/plan/choose-places.ts';
import { vlansHeldBy } from '../machines/plan/plan-planes.ts';
import type { Ceilings } from '../machines/vocabulary/placement.ts';
import type { Facts } from '../machines/plan/plan-lab.ts';

const LAB_NUMBERS = 4095;

/** Facts for a decision on `lab`; `others` are the latest states of all labs, entries in flight included. */
export function collectFacts(lab: LabId, parts: { now: number; labs: Iterable<LabState>; hosts: Facts['hosts']; firstNumber: number; foreignAddresses: (network: string) => readonly string[] }): Facts {
  const others = [...parts.labs].filter((state) => state.id !== lab && state.plan && state.lab.value !== 'destroyed' && state.lab.value !== 'absent');
  return {
    now: parts.now,
    hosts: parts.hosts,
    labNumber: freeLabNumber(others, parts.firstNumber),
    takenAddresses: (network) => new Set([...others.filter((state) => state.plan?.mgmt.network === network).flatMap(heldAddresses), ...parts.foreignAddresses(network)]),
    allocated: (host) => others.map((state) => allocatedBy(state).get(host) ?? NOTHING).reduce(sum, NOTHING),
    takenVnis: new Set(others.flatMap(heldVnis)),
    takenVlans: (host) => new Set(others.flatMap((state) => vlansHeldBy(state).get(host) ?? [])),
    spans: (network) => joinSpans(others.flatMap((state) => (state.plan?.mgmt.network === network && state.plan.span ? [state.plan.span] : []))),
    takenPorts: new Map(others.flatMap((state) => plansOf(state).flatMap((plan) => plan.ports.map((port) => [`${port.protocol}/${port.hostPort}`, state.id] as const)))),
    takenNames: new Map(others.flatMap((state) => Object.values(state.nodes).filter((node) => node.spec.runtime === 'container').map((node) => [node.spec.containerName, state.id] as const))),
  };
}

/** Where an installation begins to count, so that two on one machine seldom meet in device names (a name that is taken is refused). */
export function firstLabNumber(incarnation: string): number {
  return 1 + (createHash('sha256').update(incarnation).digest().readUInt32BE(0) % LAB_NUMBERS);
}

function freeLabNumber(others: readonly LabState[], first: number): number | null {
  const used = new Set(others.map((state) => state.plan?.labNumber));
  for (let step = 0; step < LAB_NUMBERS; step += 1) {
    const number = 1 + ((first - 1 + step) % LAB_NUMBERS);
    if (!used.has(number)) return number;
  }
  return null;
}

function plansOf(state: LabState): NodePlan[] {
  return Object.values(state.nodes).flatMap((node) => (node.next ? [node.plan, node.next.plan] : [node.plan]));
}

const sum = (a: Ceilings, b: Ceilings): Ceilings => ({ cpuMillis: a.cpuMillis + b.cpuMillis, memoryMiB: a.memoryMiB + b.memoryMiB, diskMiB: a.diskMiB + b.diskMiB, ports: a.ports + b.ports });

/** Numbers of tunnels between hosts, and of tunnels that a lab file itself names. */
function heldVnis(state: LabState): number[] {
  const links = Object.values(state.links).flatMap(({ plan, spec }) => [plan.far?.tunnel.vni, ...[spec.a, spec.b].map((end) => (end.at === 'vxlan' ? end.vni : undefined))]);
  return [state.plan?.span?.vni, ...links].filter((vni) => vni !== undefined);
}

function joinSpans(spans: readonly MgmtSpan[]): MgmtSpan | undefined {
  const [first] = spans;
  return first && { ...first, hosts: Object.assign({}, ...spans.map((span) => span.hosts)) as MgmtSpan['hosts'] };
}

function heldAddresses(state: LabState): string[] {
  const gateways = Object.values(state.plan?.span?.hosts ?? {}).flatMap(({ ipv4Gateway, ipv6Gateway }) => [ipv4Gateway, ipv6Gateway].filter((address) => address !== undefined));
  return [...gateways, ...heldOfNodes(state)];
}

function heldOfNodes(state: LabState): string[] {
  return plansOf(state).flatMap((plan) => [plan.mgmt?.ipv4, plan.mgmt?.ipv6].flatMap((address) => address?.split('/')[0] ?? []));
}
