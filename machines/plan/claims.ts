// What a lab holds of what all labs share: number, names, addresses, ports, tunnel numbers, room on hosts.
import { z } from 'zod';
import { HostId } from '../vocabulary/ids.ts';
import { MgmtSpan } from '../vocabulary/lab-plan.ts';
import type { NodePlan } from '../vocabulary/lab-plan.ts';
import type { Ceilings } from '../vocabulary/placement.ts';
import type { LabState } from '../evolve/lab-state.ts';
import { allocatedBy } from './choose-places.ts';
import { vlansHeldBy } from './plan-planes.ts';

const Held = z.object({ cpuMillis: z.number(), memoryMiB: z.number(), diskMiB: z.number(), ports: z.number() });

export const LabClaims = z.object({
  labNumbers: z.array(z.number().int()),
  /** Management networks by name: addresses without prefix length, and the part of the network that the lab fixed. */
  networks: z.record(z.string(), z.object({ addresses: z.array(z.string()), span: MgmtSpan.optional() })),
  /** Numbers of tunnels between hosts, and of tunnels that the lab file itself names. */
  vnis: z.array(z.number().int()),
  /** On the bridge that a host shares with others; absent in claims of older supervisors. */
  vlans: z.record(HostId, z.array(z.number().int())).default({}),
  /** `tcp/8080`-like. */
  ports: z.array(z.string()),
  containerNames: z.array(z.string()),
  /** Ceilings of its nodes on each host. */
  held: z.record(HostId, Held),
});
export type LabClaims = z.infer<typeof LabClaims>;

export const NO_CLAIMS: LabClaims = { labNumbers: [], networks: {}, vnis: [], vlans: {}, ports: [], containerNames: [], held: {} };

/** All that a lab holds; lists are sorted, so that equal claims are equal data. */
export function claimsOf(state: LabState): LabClaims {
  const { plan } = state;
  if (!plan || state.lab.value === 'destroyed' || state.lab.value === 'absent') return NO_CLAIMS;
  const plans = Object.values(state.nodes).flatMap((node) => (node.next ? [node.plan, node.next.plan] : [node.plan]));
  return {
    labNumbers: [plan.labNumber],
    networks: { [plan.mgmt.network]: { addresses: sorted([...plans.flatMap(addressesOf), ...gatewaysOf(plan.span)]), ...(plan.span ? { span: plan.span } : {}) } },
    vnis: sorted(heldVnis(state)),
    vlans: Object.fromEntries([...vlansHeldBy(state)].map(([host, vlans]): [string, number[]] => [host, sorted(vlans)]).toSorted(([a], [b]) => (a < b ? -1 : 1))),
    ports: sorted(plans.flatMap((node) => node.ports.map((port) => `${port.protocol}/${port.hostPort}`))),
    containerNames: sorted(Object.values(state.nodes).flatMap((node) => [node.spec, ...(node.next ? [node.next.spec] : [])].flatMap((spec) => (spec.runtime === 'container' ? [spec.containerName] : [])))),
    held: Object.fromEntries([...allocatedBy(state)].toSorted(([a], [b]) => (a < b ? -1 : 1))),
  };
}

/** What is held while it is not known which of the two holds: both. */
export function unionOfClaims(before: LabClaims, after: LabClaims): LabClaims {
  const both = <T extends string | number>(key: (claims: LabClaims) => readonly T[]): T[] => sorted([...key(before), ...key(after)]);
  return {
    labNumbers: both((claims) => claims.labNumbers),
    networks: merged(before.networks, after.networks, (a, b) => ({
      addresses: sorted([...a.addresses, ...b.addresses]),
      ...(a.span && b.span ? { span: { ...b.span, hosts: { ...a.span.hosts, ...b.span.hosts } } } : a.span || b.span ? { span: b.span ?? a.span } : {}),
    })),
    vnis: both((claims) => claims.vnis),
    vlans: merged(before.vlans, after.vlans, (a, b) => sorted([...a, ...b])),
    ports: both((claims) => claims.ports),
    containerNames: both((claims) => claims.containerNames),
    held: merged(before.held, after.held, largest),
  };
}

/** Whether two states of a lab, one after the other, may differ in what they hold; quick, and never wrongly no. */
export function mayHoldOther(before: LabState, after: LabState): boolean {
  if (before.plan !== after.plan || before.spec !== after.spec || before.lab.value !== after.lab.value) return true;
  if (differs(before.owed, after.owed, (a, b) => a.plan !== b.plan)) return true;
  return differs(before.nodes, after.nodes, (a, b) => a.plan !== b.plan || a.next !== b.next || a.spec !== b.spec) || differs(before.links, after.links, (a, b) => a.plan !== b.plan || a.spec !== b.spec);
}

const addressesOf = (plan: NodePlan): string[] => [plan.mgmt?.ipv4, plan.mgmt?.ipv6].flatMap((address) => address?.split('/')[0] ?? []);

const gatewaysOf = (span: MgmtSpan | undefined): string[] => Object.values(span?.hosts ?? {}).flatMap(({ ipv4Gateway, ipv6Gateway }) => [ipv4Gateway, ipv6Gateway].filter((address) => address !== undefined));

function heldVnis(state: LabState): number[] {
  const links = Object.values(state.links).flatMap(({ plan, spec }) => [plan.far?.tunnel.vni, ...[spec.a, spec.b].map((end) => (end.at === 'vxlan' ? end.vni : undefined))]);
  return [state.plan?.span?.vni, ...links].filter((vni) => vni !== undefined);
}

const largest = (a: Ceilings, b: Ceilings): Ceilings => ({ cpuMillis: Math.max(a.cpuMillis, b.cpuMillis), memoryMiB: Math.max(a.memoryMiB, b.memoryMiB), diskMiB: Math.max(a.diskMiB, b.diskMiB), ports: Math.max(a.ports, b.ports) });

const sorted = <T extends string | number>(values: readonly T[]): T[] => [...new Set(values)].toSorted((a, b) => (a < b ? -1 : 1));

function merged<T>(a: Readonly<Record<string, T>>, b: Readonly<Record<string, T>>, merge: (a: T, b: T) => T): Record<string, T> {
  const keys = sorted([...Object.keys(a), ...Object.keys(b)]);
  return Object.fromEntries(keys.flatMap((key): [string, T][] => {
    const [left, right] = [a[key], b[key]];
    const value = left !== undefined && right !== undefined ? merge(left, right) : (left ?? right);
    return value === undefined ? [] : [[key, value]];
  }));
}

function differs<T>(a: Readonly<Record<string, T>>, b: Readonly<Record<string, T>>, other: (a: T, b: T) => boolean): boolean {
  if (a === b) return false;
  const keys = Object.keys(b);
  return keys.length !== Object.keys(a).length || keys.some((key) => {
    const [left, right] = [a[key], b[key]];
    return left === undefined || right === undefined || other(left, right);
  });
}
