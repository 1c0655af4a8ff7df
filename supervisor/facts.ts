// What a decision may know beyond its own lab: hosts, and the numbers, names, addresses and ports that other labs hold.
import { createHash } from 'node:crypto';
import type { HostId, LabId } from '../machines/vocabulary/ids.ts';
import type { MgmtSpan } from '../machines/vocabulary/lab-plan.ts';
import type { LabClaims } from '../machines/plan/claims.ts';
import { addCeilings, NOTHING } from '../machines/plan/choose-places.ts';
import type { Ceilings } from '../machines/vocabulary/placement.ts';
import type { Facts } from '../machines/plan/plan-lab.ts';

const LAB_NUMBERS = 4095;

export type FactsInput = {
  readonly now: number;
  /** What each lab holds, whoever owns it; what is about to be taken included. */
  readonly claims: ReadonlyMap<LabId, LabClaims>;
  readonly hosts: Facts['hosts'];
  readonly firstNumber: number;
  readonly foreignAddresses: (network: string) => readonly string[];
};

/** Facts for a decision on `lab`. */
export function collectFacts(lab: LabId, input: FactsInput): Facts {
  const others = [...input.claims].filter(([id]) => id !== lab);
  const allocated = sumOfHosts(others.map(([, { held }]) => held));
  const inNetwork = (network: string) => others.flatMap(([, claims]) => claims.networks[network] ?? []);
  const vnis = new Set(others.flatMap(([, claims]) => claims.vnis));
  const foreign = input.hosts.flatMap(({ tunnels }) => tunnels?.usedVnis ?? []);
  const byHolder = (held: (claims: LabClaims) => readonly string[]) => new Map(others.flatMap(([id, claims]) => held(claims).map((one) => [one, id] as const)));
  return {
    now: input.now,
    hosts: input.hosts,
    labNumber: freeLabNumber(new Set(others.flatMap(([, claims]) => claims.labNumbers)), input.firstNumber),
    takenAddresses: (network) => new Set([...inNetwork(network).flatMap(({ addresses }) => addresses), ...input.foreignAddresses(network)]),
    allocated: (host) => allocated.get(host) ?? NOTHING,
    takenVnis: { has: (vni) => vnis.has(vni) || foreign.some(([first, last]) => first <= vni && vni <= last) },
    takenVlans: (host) => new Set(others.flatMap(([, { vlans }]) => vlans[host] ?? [])),
    spans: (network) => joinSpans(inNetwork(network).flatMap(({ span }) => span ?? [])),
    takenPorts: byHolder(({ ports }) => ports),
    takenNames: byHolder(({ containerNames }) => containerNames),
  };
}

/** Where an installation begins to count, so that two on one machine seldom meet in device names (a name that is taken is refused). */
export function firstLabNumber(incarnation: string): number {
  return 1 + (createHash('sha256').update(incarnation).digest().readUInt32BE(0) % LAB_NUMBERS);
}

function freeLabNumber(used: ReadonlySet<number>, first: number): number | null {
  for (let step = 0; step < LAB_NUMBERS; step += 1) {
    const number = 1 + ((first - 1 + step) % LAB_NUMBERS);
    if (!used.has(number)) return number;
  }
  return null;
}

function sumOfHosts(held: readonly LabClaims['held'][]): Map<HostId, Ceilings> {
  const sums = new Map<HostId, Ceilings>();
  // Object.entries forgets the key type.
  for (const [host, ceilings] of held.flatMap((one) => Object.entries(one) as [HostId, Ceilings][])) sums.set(host, addCeilings(sums.get(host) ?? NOTHING, ceilings));
  return sums;
}

function joinSpans(spans: readonly MgmtSpan[]): MgmtSpan | undefined {
  const [first] = spans;
  return first && { ...first, hosts: Object.assign({}, ...spans.map((span) => span.hosts)) as MgmtSpan['hosts'] };
}
