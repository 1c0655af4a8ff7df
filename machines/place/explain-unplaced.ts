// Says of nodes that no host can take why not, host by host, and what would make them fit.
import type { UnplacedNodes } from '../vocabulary/placement.ts';
import { isReadable, lackOf, NO_ENGINE, refusalOf, thingsToBring } from './host-fitness.ts';
import type { HostRoom, Resource, Shortage } from './host-room.ts';
import { amountText, shortageText } from './keep-places.ts';
import type { Unit } from './placement-world.ts';

/** One entry for each group that must be together, and for single nodes of the same needs. */
export function explainUnplaced(room: HostRoom, failed: readonly Unit[]): UnplacedNodes[] {
  const alike = Map.groupBy(failed, (unit) => (unit.nodes.length > 1 ? `group ${unit.index}` : JSON.stringify([unit.requirement.index, unit.needs, unit.previous])));
  return [...alike.values()].map((units) => explain(room, units));
}

type Verdict = { readonly host: number; readonly id: string; readonly state: string | undefined; readonly lack: string | undefined; readonly short: Shortage | undefined; readonly text: string };

function explain(room: HostRoom, units: readonly Unit[]): UnplacedNodes {
  const [unit] = units;
  if (unit === undefined) throw new Error('a group of units has one at least');
  const { hosts, input } = room.world;
  const verdicts = hosts.map((host, index): Verdict => {
    const state = refusalOf(host, unit.requirement);
    const lack = lackOf(host, unit.requirement, input);
    const short = isReadable(host) ? room.shortage(unit, index) : undefined;
    return { host: index, id: host.id, state, lack, short, text: state ?? lack ?? shortageText(room, unit, index) ?? 'other nodes of the lab were placed first' };
  });
  const nodes = units.flatMap((one) => one.nodes.map((node) => node.id));
  return {
    nodes,
    together: unit.nodes.length > 1,
    needs: unit.needs,
    message: `${namesText(nodes)} cannot be placed: ${causeText(room, unit, verdicts)}`,
    hosts: hosts.map((host, index) => ({ host: host.id, reason: verdicts[index]?.text ?? '' })),
    remedies: remediesOf(room, unit, verdicts),
  };
}

function namesText(names: readonly string[]): string {
  return names.length <= 3 ? names.join(', ') : `${names.slice(0, 3).join(', ')} and ${names.length - 3} more`;
}

/** The cause, then what it does not say yet of single hosts. Each reason stands there once. */
function causeText(room: HostRoom, unit: Unit, verdicts: readonly Verdict[]): string {
  if (verdicts.length === 0) return 'no host has joined';
  if (unit.requirement.pins.length > 1) return `they must be on one host, and the file pins them to ${unit.requirement.pins.join(' and ')}`;
  const [pin] = unit.requirement.pins;
  const pinned = verdicts.find(({ id }) => id === pin);
  if (pin !== undefined) return pinned === undefined ? `the file pins it to ${pin}, which is no host here` : `the file pins it to ${pin}: ${pinned.text}`;
  const open = verdicts.filter(({ state, lack }) => state === undefined && lack === undefined);
  if (open.length === 0) return reasonsText(verdicts);
  const resources = [...new Set(open.flatMap(({ short }) => short?.resource ?? []))];
  const each = unit.nodes.length > 1 ? 'together they need' : 'it needs';
  const cause = resources.length === 0 ? 'the hosts are full' : resources.map((resource) => `${each} ${amountText(resource, neededOf(open, resource))}, ${largestFree(room, open, resource)}`).join('; ');
  const others = verdicts.filter((verdict) => !open.includes(verdict) || verdict.short === undefined);
  return others.length === 0 ? cause : `${cause} (${reasonsText(others)})`;
}

const reasonsText = (verdicts: readonly Verdict[]): string =>
  [...Map.groupBy(verdicts, ({ text }) => text)].map(([text, alike]) => `${namesText(alike.map(({ id }) => id))}: ${text}`).join('; ');

const neededOf = (verdicts: readonly Verdict[], resource: Resource): number => Math.max(...verdicts.map(({ short }) => (short?.resource === resource ? short.needed : 0)));

function largestFree(room: HostRoom, open: readonly Verdict[], resource: Resource): string {
  const free = { cpuMillis: room.cpu, memoryMiB: room.memory, diskMiB: room.disk, ports: room.ports }[resource];
  const best = open.toSorted((a, b) => (free[b.host] ?? 0) - (free[a.host] ?? 0) || a.host - b.host)[0];
  return best === undefined ? '' : `the largest free is ${amountText(resource, Math.max(0, free[best.host] ?? 0))} on ${best.id}`;
}

function remediesOf(room: HostRoom, unit: Unit, verdicts: readonly Verdict[]): string[] {
  const { requirement, needs } = unit;
  if (requirement.pins.length > 1) return [`pin ${namesText(unit.nodes.map((node) => node.id))} to one host`];
  return [...waitRemedies(verdicts), ...bringRemedies(room, unit, verdicts), ...lowerRemedies(unit, verdicts), ...unpinRemedies(room, unit, verdicts), addRemedy(room, unit, needs)];
}

function waitRemedies(verdicts: readonly Verdict[]): string[] {
  return verdicts.filter(({ lack, short, state }) => state !== undefined && lack === undefined && short === undefined)
    .slice(0, 3).map(({ id, state }) => (state === 'it is cordoned' ? `uncordon ${id}` : state === NO_ENGINE ? `have the engine of ${id} answer again` : `have ${id} back in service`));
}

/** Where something could be brought to a host that has room otherwise. */
function bringRemedies({ world }: HostRoom, { requirement }: Unit, verdicts: readonly Verdict[]): string[] {
  return verdicts.flatMap(({ host, id, state, short }) => {
    const facts = world.hosts[host];
    const things = facts === undefined || state !== undefined || short !== undefined ? undefined : thingsToBring(facts, requirement, world.input);
    return things === undefined ? [] : [`bring ${things} to ${id}`];
  }).slice(0, 3);
}

// Only where a single resource is short; CPU and memory are what a file can set.
function lowerRemedies(unit: Unit, verdicts: readonly Verdict[]): string[] {
  const words = { memoryMiB: 'memory', cpuMillis: 'cpu' } as const;
  const open = verdicts.filter(({ state, lack }) => state === undefined && lack === undefined);
  return (['memoryMiB', 'cpuMillis'] as const).flatMap((resource) => {
    const best = open.filter(({ short }) => short?.resource === resource && short.free > 0).toSorted((a, b) => (b.short?.free ?? 0) - (a.short?.free ?? 0) || a.host - b.host)[0];
    if (best?.short === undefined) return [];
    return [`lower ${words[resource]} of ${namesText(unit.nodes.map((node) => node.id))} to ${amountText(resource, best.short.free)}${unit.nodes.length > 1 ? ' in all' : ''} (${best.id})`];
  });
}

function unpinRemedies(room: HostRoom, unit: Unit, verdicts: readonly Verdict[]): string[] {
  if (unit.requirement.pins.length === 0) return [];
  const { hosts, input } = room.world;
  const other = verdicts.find(({ host, state, short }) => {
    const facts = hosts[host];
    return state === undefined && short === undefined && facts !== undefined && lackOf(facts, { ...unit.requirement, pins: [] }, input) === undefined;
  });
  return other === undefined ? [] : [`take its pin away: it fits on ${other.id}`];
}

function addRemedy({ world }: HostRoom, unit: Unit, needs: Unit['needs']): string {
  const { requirement } = unit;
  const overcommit = world.input.cpuOvercommit;
  const has = [
    `${Math.ceil(needs.memoryMiB)} MiB of memory`,
    `${Math.ceil(needs.cpuMillis / overcommit / 10) / 100} cores`,
    `${Math.ceil(needs.diskMiB)} MiB of disk`,
    ...requirement.wants.map((want) => (want === 'kvm:kvm' ? 'KVM' : want.replace(':', ' '))),
    ...requirement.images.map((image) => `image ${image}`),
  ];
  const [pin] = requirement.pins;
  return `${pin === undefined ? 'add a host' : `let ${pin} be a host`} with ${has.join(', ')} free`;
}
