// Placement over random labs and hosts, from fixed seeds: what must hold whatever is asked.
import { beforeAll, describe, expect, it } from 'vitest';
import { freeBeforeLab } from '../../../machines/place/host-room.ts';
import type { HostState, PlacementInput, PlacementNode } from '../../../machines/place/placement-input.ts';
import { placeNodes } from '../../../machines/place/place-nodes.ts';
import type { PlacementView } from '../../../machines/vocabulary/placement.ts';
import { host, node } from '../../support/lab-builders.ts';
import { aHost, aPlaceable, aPlacement, aWire, placesOf, withPlaces } from '../../support/placement-builders.ts';

const SEEDS = Array.from({ length: 120 }, (_unused, n) => n + 1);

/** Numbers below a bound, the same for the same seed. */
function numbers(seed: number): (below: number) => number {
  let state = Math.imul(seed, 2_654_435_761) >>> 0;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

const STATES: readonly HostState[] = ['joined', 'joined', 'joined', 'joined', 'joined', 'cordoned', 'suspect', 'lost', 'draining', 'returned'];

function randomInput(seed: number): PlacementInput {
  const random = numbers(seed);
  const [nodeCount, hostCount] = [1 + random(60), 1 + random(8)];
  const hostName = (n: number) => host(`h${n}`);
  const nodes = Array.from({ length: nodeCount }, (_unused, n): PlacementNode => aPlaceable(`n${n}`, { cpuMillis: random(3) * 250, memoryMiB: 1 + random(random(4) === 0 ? 3000 : 300), diskMiB: random(100), ports: random(2) }, {
    wants: random(10) === 0 ? ['kvm:kvm'] : [], ...(random(10) === 0 ? { pin: hostName(random(hostCount)) } : {}), ...(random(5) === 0 ? { apart: `w${random(2)}` } : {}),
    ...(random(5) === 0 ? { near: `w${random(3)}` } : {}), ...(random(3) === 0 ? { previous: hostName(random(hostCount + 1)) } : {}), restarts: random(4) === 0,
  }));
  const hosts = Array.from({ length: hostCount }, (_unused, n) => (random(12) === 0 ? { id: hostName(n), state: 'unreadable' as const, error: 'x' } :
    aHost(`h${n}`, { cpuMillis: 1000 * (1 + random(8)), memoryMiB: 500 + random(6000), diskMiB: 500 + random(5000) }, {
      state: STATES[random(STATES.length)] ?? 'joined', offers: { kvm: random(2) === 0 ? ['kvm'] : [] }, allocated: { cpuMillis: random(2000), memoryMiB: random(1000), diskMiB: random(500), ports: random(20) },
      planes: [random(3) === 0 ? { kind: 'ovs', maxPorts: 40 + random(60) } : { kind: 'tc' }],
    })));
  const links = Array.from({ length: random(2 * nodeCount) }, () => aWire(`n${random(nodeCount)}`, `n${random(nodeCount)}`));
  const together = Array.from({ length: random(3) }, () => [node(`n${random(nodeCount)}`), node(`n${random(nodeCount)}`)]);
  return aPlacement(nodes, hosts, { links, together, policy: random(2) === 0 ? 'pack' : 'spread', cpuOvercommit: 1 + random(4), ...(random(2) === 0 ? {} : { left: hostName(random(hostCount)) }) });
}

/** What the nodes need on a host, counted afresh from the answer alone. */
function loadOn(input: PlacementInput, view: PlacementView, hostId: string) {
  const places = placesOf(view);
  const there = input.nodes.filter(({ id }) => places[id] === hostId);
  const sum = (key: 'cpuMillis' | 'memoryMiB' | 'diskMiB' | 'ports'): number => there.reduce((total, { needs }) => total + needs[key], 0);
  const wires = input.links.filter(({ a, b }) => a !== b && (places[a] === hostId || places[b] === hostId)).length;
  const loops = input.links.filter(({ a, b }) => a === b && places[a] === hostId).length;
  return { cpuMillis: sum('cpuMillis'), memoryMiB: sum('memoryMiB'), diskMiB: sum('diskMiB'), ports: sum('ports') + 2 * (wires + loops) };
}

const shuffled = <T>(items: readonly T[], random: (below: number) => number): T[] => items.map((item) => ({ item, key: random(1e9) })).toSorted((a, b) => a.key - b.key).map(({ item }) => item);

type Sample = { seed: number; input: PlacementInput; view: PlacementView; places: Record<string, string> };

function makeSample(seed: number): Sample {
  const input = randomInput(seed);
  const view = placeNodes(input);
  return { seed, input, view, places: placesOf(view) };
}

let samples: readonly Sample[] = [];
beforeAll(() => {
  samples = SEEDS.map(makeSample);
});

function forAllSeeds(check: (sample: Sample) => void): void {
  for (const sample of samples) {
    try {
      check(sample);
    } catch (error) {
      throw new Error(`seed ${sample.seed}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
    }
  }
}

describe('random labs', () => {
  it('places or refuses each node once, with a reason', () => forAllSeeds(({ input, view }) => {
    expect([...view.nodes.map((placed) => placed.node), ...view.unplaced.flatMap((entry) => entry.nodes)].toSorted()).toEqual(input.nodes.map(({ id }) => id).toSorted());
    expect(view.nodes.filter(({ reason }) => reason === '')).toEqual([]);
    for (const entry of view.unplaced) {
      expect(entry.hosts).toHaveLength(input.hosts.length);
      expect([entry.message, ...entry.hosts.map(({ reason }) => reason), ...entry.remedies].filter((text) => text === '' || /NaN|undefined/.test(text))).toEqual([]);
      expect(entry.remedies.length).toBeGreaterThan(0);
    }
  }));

  it('puts no more on a host than it has', () => forAllSeeds(({ input, view }) => {
    const wrong = input.hosts.filter((one) => one.state === 'joined' || one.state === 'cordoned').flatMap((one) => {
      const [load, free] = [loadOn(input, view, one.id), freeBeforeLab(one, input)];
      return (['cpuMillis', 'memoryMiB', 'diskMiB', 'ports'] as const).filter((key) => load[key] > Math.max(0, free[key])).map((key) => `${one.id}: ${key} ${load[key]} of ${free[key]}`);
    });
    expect(wrong).toEqual([]);
    expect(view.hosts.map((share) => share.lab)).toEqual(view.hosts.map((share) => loadOn(input, view, share.host)));
  }));

  it('holds pins, needs and groups, and gives hosts that are not joined nothing new', () => forAllSeeds(({ input, places }) => {
    const byId = new Map(input.hosts.map((one) => [one.id as string, one]));
    const wrong = input.nodes.flatMap((one) => {
      const [place, target] = [places[one.id], byId.get(places[one.id] ?? '')];
      if (target === undefined) return [];
      const lacksKvm = target.state !== 'unreadable' && one.wants.length > 0 && target.offers['kvm']?.length !== 1;
      const isNewThere = target.state !== 'joined' && place !== one.previous && !input.together.some((group) => group.includes(one.id));
      return (one.pin !== undefined && place !== one.pin) || lacksKvm || isNewThere || target.state === 'draining' ? [{ one, target }] : [];
    });
    expect(wrong).toEqual([]);
    for (const group of input.together) expect(new Set(group.map((id) => places[id])).size).toBeLessThanOrEqual(1);
  }));

  it('answers the same whatever the order of its lists', () => forAllSeeds(({ seed, input, view }) => {
    const random = numbers(seed + 1000);
    const other = { ...input, nodes: shuffled(input.nodes, random), hosts: shuffled(input.hosts, random), links: shuffled(input.links, random).map(({ a, b }) => ({ a: b, b: a })), together: shuffled(input.together, random) };
    expect(placeNodes(other)).toEqual(view);
  }));

  it('moves nobody when the same is planned again', () => forAllSeeds(({ input, view, places }) => {
    // Nodes that gave way once may have to be where they are now; nothing else is asked for.
    const again = placeNodes(withPlaces(input, view));
    expect(again.nodes.filter(({ from }) => from !== undefined)).toEqual([]);
    expect(placesOf(again)).toMatchObject(places);
  }));

  it('a node more or less moves nobody else, unless the new one fits nowhere else', () => forAllSeeds(({ input, view }) => {
    const standing = withPlaces(input, view);
    const more = placeNodes({ ...standing, nodes: [...standing.nodes, aPlaceable('new', { memoryMiB: 200, cpuMillis: 250 })], links: [...standing.links, aWire('new', 'n0')] });
    // The new link takes ports on the host of its old end, too.
    expect(more.nodes.filter(({ from, reason }) => from !== undefined && !/gives way|ports needed/.test(reason))).toEqual([]);
    const gone = standing.nodes[0]?.id;
    const less = placeNodes({ ...standing, nodes: standing.nodes.slice(1), links: standing.links.filter(({ a, b }) => a !== gone && b !== gone) });
    expect(less.nodes.filter(({ from, reason }) => from !== undefined && !reason.includes('gives way'))).toEqual([]);
  }));
});
