// Which host runs which node: capacity, pins, what stays, what goes together, and what is said of the rest.
import { describe, expect, it } from 'vitest';
import { placeNodes } from '../../../machines/place/place-nodes.ts';
import type { HostState } from '../../../machines/place/placement-input.ts';
import { PlacementView } from '../../../machines/vocabulary/placement.ts';
import { aHost, aPlaceable, aPlacement, aWire, placesOf } from '../../support/placement-builders.ts';
import { host, node } from '../../support/lab-builders.ts';

const names = (count: number) => Array.from({ length: count }, (_unused, n) => `n${String(n).padStart(2, '0')}`);
const ring = (ids: string[]) => ids.map((id, n) => aWire(id, ids[(n + 1) % ids.length] ?? id));

describe('capacity', () => {
  it('P01: one full host blocks nobody: what fits is placed, the rest is told why, host by host', () => {
    const hosts = [aHost('h1', { memoryMiB: 4096 }, { allocated: { cpuMillis: 0, memoryMiB: 4096, diskMiB: 0, ports: 0 } }), aHost('h2', { memoryMiB: 4096 })];
    const view = placeNodes(aPlacement([aPlaceable('big', { memoryMiB: 8192 }), aPlaceable('onfull', {}, { pin: host('h1') }), aPlaceable('small')], hosts));
    expect(placesOf(view)).toEqual({ small: 'h2' });
    expect(view.unplaced.map((entry) => [entry.nodes, entry.message])).toEqual([
      [['big'], 'big cannot be placed: it needs 8192 MiB of memory, the largest free is 3996 MiB of memory on h2'],
      [['onfull'], 'onfull cannot be placed: the file pins it to h1: 100 MiB of memory needed, 0 MiB of memory free'],
    ]);
    expect(view.unplaced[0]?.hosts).toEqual([{ host: 'h1', reason: '8192 MiB of memory needed, 0 MiB of memory free' }, { host: 'h2', reason: '8192 MiB of memory needed, 3996 MiB of memory free' }]);
    expect(view.unplaced[0]?.remedies).toEqual(['lower memory of big to 3996 MiB of memory (h2)', 'add a host with 8192 MiB of memory, 0.03 cores, 0 MiB of disk free']);
    expect(view.unplaced[1]?.remedies).toContain('take its pin away: it fits on h2');
  });

  it('P02: a node stays where it is as long as it fits, and goes elsewhere when other labs have filled its host', () => {
    const nodes = [aPlaceable('a', { memoryMiB: 1000 }, { previous: host('h2') })];
    const taken = (memoryMiB: number) => ({ allocated: { cpuMillis: 0, memoryMiB, diskMiB: 0, ports: 0 } });
    expect(placeNodes(aPlacement(nodes, [aHost('h1'), aHost('h2', {}, taken(15_000))])).nodes).toMatchObject([{ host: 'h2', code: 'stays' }]);
    const moved = placeNodes(aPlacement(nodes, [aHost('h1'), aHost('h2', {}, taken(16_000))]));
    expect(moved.nodes).toMatchObject([{ host: 'h1', from: 'h2', reason: 'leaves h2: 1000 MiB of memory needed, 384 MiB of memory free; has room, and the lab is on few hosts' }]);
    expect(placeNodes(aPlacement(nodes, [aHost('h2', {}, taken(16_000))])).unplaced).toMatchObject([{ nodes: ['a'] }]);
  });

  it('gives CPU away as often as is set, memory once', () => {
    const nodes = names(9).map((id) => aPlaceable(id, { cpuMillis: 1000 }));
    expect(placeNodes(aPlacement(nodes, [aHost('h1', { cpuMillis: 2000 })])).unplaced[0]?.nodes).toHaveLength(1);
    expect(placeNodes(aPlacement(nodes, [aHost('h1', { cpuMillis: 2000 })], { cpuOvercommit: 5 })).unplaced).toEqual([]);
    expect(placeNodes(aPlacement(nodes, [aHost('h1', { cpuMillis: 2000 }, { cpuOvercommit: 1 })])).unplaced[0]?.nodes).toHaveLength(7);
  });

  it('finds room for large nodes beside small ones that are linked', () => {
    const nodes = [...names(8).map((id) => aPlaceable(id, { memoryMiB: 1000 })), aPlaceable('x', { memoryMiB: 4000 }), aPlaceable('y', { memoryMiB: 4000 })];
    const view = placeNodes(aPlacement(nodes, [aHost('h1', { memoryMiB: 8000 }), aHost('h2', { memoryMiB: 8000 })], { links: ring([...names(8), 'x', 'y']) }));
    expect(view.unplaced).toEqual([]);
  });

  it('knows the size of a userspace datapath: a link takes two ports on each host that it touches', () => {
    const ids = names(6);
    const ovs = (id: string, maxPorts: number) => aHost(id, {}, { planes: [{ kind: 'ovs', maxPorts }] });
    expect(placeNodes(aPlacement(ids.map((id) => aPlaceable(id)), [ovs('h1', 12)], { links: ring(ids) })).hosts).toMatchObject([{ lab: { ports: 12 }, free: { ports: 0 } }]);
    const view = placeNodes(aPlacement(ids.map((id) => aPlaceable(id)), [ovs('h1', 10), ovs('h2', 10)], { links: ring(ids) }));
    expect(view.unplaced).toEqual([]);
    for (const share of view.hosts) expect(share.lab.ports).toBeLessThanOrEqual(10);
    expect(placeNodes(aPlacement(ids.map((id) => aPlaceable(id)), [ovs('h1', 10)], { links: ring(ids) })).unplaced[0]?.message).toMatch(/it needs [24] ports, the largest free is \d ports on h1/);
  });
});

describe('hosts that may not be used', () => {
  it('P05 S18: a host whose facts are an error is left out with that reason, and placement goes on', () => {
    const view = placeNodes(aPlacement([aPlaceable('a'), aPlaceable('b', {}, { pin: host('h1') })], [
      { id: host('h1'), state: 'unreadable', error: 'no answer in 5 s' }, aHost('h2'), aHost('h0', { memoryMiB: Number.NaN }),
    ]));
    expect(placesOf(view)).toEqual({ a: 'h2' });
    expect(view.unplaced).toMatchObject([{ nodes: ['b'], message: 'b cannot be placed: the file pins it to h1: its facts cannot be read: no answer in 5 s' }]);
    expect(view.unplaced[0]?.hosts[0]).toEqual({ host: 'h0', reason: 'it reports sizes that make no sense' });
  });

  it.each<[HostState, string, string]>([
    ['cordoned', 'h2', 'h1'], ['suspect', 'h2', 'h1'], ['returned', 'h2', 'h1'], ['lost', 'h2', 'h1'], ['lost', 'h1', 'h2'], ['suspect', 'h1', 'h2'], ['draining', 'h2', 'h2'],
  ])('a host that is %s gets nothing new; when %s is left, what is there is then on %s', (state, left, expected) => {
    const view = placeNodes(aPlacement([aPlaceable('new'), aPlaceable('old', {}, { previous: host('h1') })], [aHost('h1', {}, { state }), aHost('h2')], { left: host(left) }));
    expect(placesOf(view)).toEqual({ new: 'h2', old: expected });
  });

  it('P05: one without an answering engine gets no container, keeps those that it has, and takes what needs none', () => {
    const dead = aHost('h1', {}, { engineAnswers: false });
    const container = (id: string, over: Parameters<typeof aPlaceable>[2] = {}) => aPlaceable(id, {}, { needsEngine: true, ...over });
    const nodes = [container('new'), container('old', { previous: host('h1') }), aPlaceable('bridge', {}, { wants: ['bridge:br0'] }), container('near-old', { near: 'x' })];
    const hosts = [{ ...dead, offers: { bridge: ['br0'] } }, aHost('h2', {}, { engineAnswers: true, offers: { bridge: [] } })];
    expect(placesOf(placeNodes(aPlacement(nodes, hosts, { links: [aWire('new', 'old')] })))).toEqual({ new: 'h2', old: 'h1', bridge: 'h1', 'near-old': 'h2' });
    const [refused] = placeNodes(aPlacement([container('a', { pin: host('h1') })], hosts)).unplaced;
    expect(refused?.message).toBe('a cannot be placed: the file pins it to h1: its container engine does not answer');
    expect(refused?.remedies).toEqual(['have the engine of h1 answer again', 'take its pin away: it fits on h2', 'let h1 be a host with 100 MiB of memory, 0.03 cores, 0 MiB of disk free']);
  });

  it('P08: a node that leaves a host names it, so that its copy there is known to be gone before it starts', () => {
    const nodes = [aPlaceable('a', {}, { previous: host('h1') }), aPlaceable('b', {}, { previous: host('h2') }), aPlaceable('c', {}, { previous: host('gone') }), aPlaceable('d')];
    const view = placeNodes(aPlacement(nodes, [aHost('h1', {}, { state: 'lost' }), aHost('h2')], { left: host('h1') }));
    expect(view.nodes.map(({ node: id, host: to, from }) => [id, to, from])).toEqual([['a', 'h2', 'h1'], ['b', 'h2', undefined], ['c', 'h2', 'gone'], ['d', 'h2', undefined]]);
    expect(view.nodes.map(({ reason }) => reason.split(';')[0])).toEqual(['leaves h1: it is lost', 'is there already', 'leaves gone: that is no host any more', expect.anything()]);
  });

  it('says what each cause of refusal is, and what would help', () => {
    const hosts = [aHost('h1', {}, { offers: { kvm: [] } }), aHost('h2', {}, { offers: { kvm: ['kvm'] }, state: 'cordoned' })];
    const [entry] = placeNodes(aPlacement([aPlaceable('vm', { memoryMiB: 2048, cpuMillis: 2000, diskMiB: 4096 }, { wants: ['kvm:kvm'] })], hosts)).unplaced;
    expect(entry?.message).toBe('vm cannot be placed: h1: it has no KVM; h2: it is cordoned');
    expect(entry?.remedies).toEqual(['uncordon h2', 'add a host with 2048 MiB of memory, 0.5 cores, 4096 MiB of disk, KVM free']);
    expect(placeNodes(aPlacement([aPlaceable('a')], [])).unplaced).toMatchObject([{ message: 'a cannot be placed: no host has joined' }]);
    const never = aPlaceable('a', {}, { image: { name: 'own:1', mustBePresent: true }, cores: 4 });
    expect(placeNodes(aPlacement([never], [aHost('h1', {}, { images: new Set() }), aHost('h2', {}, { cores: 2 })])).unplaced[0]?.hosts.map(({ reason }) => reason)).toEqual([
      'it lacks the image own:1, which may not be pulled', 'it has 2 processors, and a node is bound to number 3',
    ]);
    expect(placeNodes(aPlacement([aPlaceable('a')], [aHost('h1')], { plane: 'ovs' })).unplaced[0]?.message).toBe('a cannot be placed: h1: it has no link plane ovs');
  });
});

describe('nodes that belong together', () => {
  it('puts nodes that share a namespace on one host, counted together', () => {
    const together = [[node('a'), node('b')], [node('b'), node('c')]];
    const nodes = [aPlaceable('a', { memoryMiB: 3000 }), aPlaceable('b', { memoryMiB: 3000 }), aPlaceable('c', { memoryMiB: 3000 }, { pin: host('h2') })];
    expect(placesOf(placeNodes(aPlacement(nodes, [aHost('h1'), aHost('h2')], { together })))).toEqual({ a: 'h2', b: 'h2', c: 'h2' });
    expect(placeNodes(aPlacement(nodes, [aHost('h1'), aHost('h2', { memoryMiB: 8192 })], { together })).unplaced).toMatchObject([{ nodes: ['a', 'b', 'c'], together: true, needs: { memoryMiB: 9000 } }]);
  });

  it('refuses two pins for nodes that share a namespace', () => {
    const nodes = [aPlaceable('a', {}, { pin: host('h1') }), aPlaceable('b', {}, { pin: host('h2') })];
    const [entry] = placeNodes(aPlacement(nodes, [aHost('h1'), aHost('h2')], { together: [[node('a'), node('b')]] })).unplaced;
    expect(entry).toMatchObject({ message: 'a, b cannot be placed: they must be on one host, and the file pins them to h1 and h2', remedies: ['pin a, b to one host'] });
  });

  it('keeps links inside hosts: two rings of ten go to two hosts, whatever their names', () => {
    const ids = names(20);
    const [odd, even] = [ids.filter((_id, n) => n % 2 === 1), ids.filter((_id, n) => n % 2 === 0)];
    const view = placeNodes(aPlacement(ids.map((id) => aPlaceable(id)), [aHost('h1', { memoryMiB: 1000 }), aHost('h2', { memoryMiB: 1000 })], { links: [...ring(odd), ...ring(even)] }));
    expect(view.linksAcross).toBe(0);
    expect(view.hosts.map((share) => share.nodes)).toEqual([10, 10]);
  });

  it('keeps nodes with the same near word together, and those with the same apart word on different hosts while it can', () => {
    const near = names(4).map((id, n) => aPlaceable(id, { memoryMiB: 400 }, { near: n % 2 === 0 ? 'even' : 'odd' }));
    expect(placesOf(placeNodes(aPlacement(near, [aHost('h1', { memoryMiB: 800 }), aHost('h2', { memoryMiB: 800 })])))).toEqual({ n00: 'h1', n02: 'h1', n01: 'h2', n03: 'h2' });
    const apart = names(3).map((id) => aPlaceable(id, {}, { apart: 'core' }));
    const places = placesOf(placeNodes(aPlacement(apart, [aHost('h1'), aHost('h2')], { links: ring(names(3)) })));
    expect(new Set(Object.values(places)).size).toBe(2);
    expect(Object.keys(places)).toHaveLength(3);
  });
});

describe('policies', () => {
  it('packs a lab onto the fullest host that holds all of it', () => {
    const hosts = [aHost('h1'), aHost('h2', { memoryMiB: 1200 }), aHost('h3', { memoryMiB: 500 })];
    expect(new Set(Object.values(placesOf(placeNodes(aPlacement(names(10).map((id) => aPlaceable(id)), hosts)))))).toEqual(new Set(['h2']));
  });

  it('spreads a ring evenly, in one piece on each host', () => {
    const ids = names(20);
    const view = placeNodes(aPlacement(ids.map((id) => aPlaceable(id)), ['h1', 'h2', 'h3', 'h4'].map((id) => aHost(id)), { policy: 'spread', links: ring(ids) }));
    expect(view.hosts.map((share) => share.nodes)).toEqual([5, 5, 5, 5]);
    expect(view.linksAcross).toBeLessThanOrEqual(8);
  });

  it('spreads by the room that hosts have', () => {
    const view = placeNodes(aPlacement(names(12).map((id) => aPlaceable(id)), [aHost('h1', { memoryMiB: 10_000, cpuMillis: 10_000 }), aHost('h2', { memoryMiB: 20_000, cpuMillis: 20_000 })], { policy: 'spread' }));
    expect(view.hosts.map((share) => share.nodes)).toEqual([4, 8]);
  });

  it('prefers hosts that have the image', () => {
    const hosts = [aHost('h1', {}, { images: new Set() }), aHost('h2', {}, { images: new Set(['frr:1']) })];
    expect(placesOf(placeNodes(aPlacement([aPlaceable('a', {}, { image: { name: 'frr:1', mustBePresent: false } })], hosts)))).toEqual({ a: 'h2' });
  });
});

describe('planning again', () => {
  it('a new node that only one host can take moves another one out of its way, and says so', () => {
    const hosts = [aHost('h1', { memoryMiB: 1000 }, { offers: { kvm: ['kvm'] } }), aHost('h2', { memoryMiB: 1000 }, { offers: { kvm: [] } })];
    const old = [aPlaceable('a', { memoryMiB: 300 }, { previous: host('h1') }), aPlaceable('b', { memoryMiB: 500 }, { previous: host('h1') })];
    const view = placeNodes(aPlacement([...old, aPlaceable('vm', { memoryMiB: 600 }, { wants: ['kvm:kvm'] })], hosts));
    expect(placesOf(view)).toEqual({ a: 'h1', b: 'h2', vm: 'h1' });
    expect(view.nodes.find(({ node: id }) => id === 'b')?.reason).toMatch(/^leaves h1: it gives way to vm, which fits nowhere else; /);
  });

  it('of a host that is too full those leave that are made anew anyhow', () => {
    const hosts = [aHost('h1', { memoryMiB: 1000 }), aHost('h2', { memoryMiB: 1000 })];
    const nodes = [aPlaceable('a', { memoryMiB: 600 }, { previous: host('h1'), restarts: true }), aPlaceable('b', { memoryMiB: 600 }, { previous: host('h1') })];
    expect(placesOf(placeNodes(aPlacement(nodes, hosts)))).toEqual({ a: 'h2', b: 'h1' });
  });

  it('gives a view that is as the vocabulary says', () => {
    const view = placeNodes(aPlacement([aPlaceable('a'), aPlaceable('big', { memoryMiB: 1e6 })], [aHost('h1'), { id: host('h2'), state: 'unreadable', error: 'x' }]));
    expect(PlacementView.parse(view)).toEqual(view);
  });
});
