// What nodes of a resolved lab need of a host: the settings that the host will carry out, no others.
import { describe, expect, it } from 'vitest';
import { placeNodes } from '../../../machines/place/place-nodes.ts';
import { capacityOfHost } from '../../../machines/place/placement-defaults.ts';
import { placementOfSpec } from '../../../machines/place/placement-of-spec.ts';
import type { LabSpec } from '../../../machines/vocabulary/lab-spec.ts';
import { LinkId } from '../../../machines/vocabulary/ids.ts';
import { readLab } from '../../../topology/read-lab.ts';
import { aLab, aLink, aNode, host, node } from '../../support/lab-builders.ts';
import { aHost, aPlacement, placesOf } from '../../support/placement-builders.ts';

const nothing = { places: new Map(), restarts: new Set<never>() };

function read(text: string): LabSpec {
  const result = readLab({ text, path: '/labs/t.clab.yml', folder: '/labs', env: {}, readTextFile: () => '' });
  if ('faults' in result) throw new Error(result.faults.map((fault) => fault.message).join('; '));
  return result.lab;
}

describe('needs of nodes', () => {
  it('P03: a limit that a node overrides is what placement counts: 8 GB do not go onto a host of 4', () => {
    const spec = read('name: t\ntopology:\n  defaults: { kind: linux, image: "alpine:3", memory: 256Mib, cpu: 0.5 }\n  nodes:\n    a:\n    big: { memory: 8Gib }\n');
    const wishes = placementOfSpec(spec, nothing);
    expect(wishes.nodes.map(({ needs }) => [needs.cpuMillis, needs.memoryMiB])).toEqual([[500, 256], [500, 8192]]);
    const view = placeNodes({ ...aPlacement([], [aHost('h1', { memoryMiB: 4096 })]), ...wishes });
    expect(placesOf(view)).toEqual({ a: 'h1' });
    expect(view.unplaced).toMatchObject([{ nodes: ['big'], message: 'big cannot be placed: it needs 8192 MiB of memory, the largest free is 3840 MiB of memory on h1' }]);
  });

  it('counts a container without limits as a small router, and bridges and the host as nothing', () => {
    const nodes = [aNode('a'), aNode('br0', { runtime: 'bridge', containerName: 'br0' })];
    expect(placementOfSpec(aLab(nodes), nothing).nodes.map(({ needs }) => needs)).toEqual([{ cpuMillis: 10, memoryMiB: 32, diskMiB: 32, ports: 0 }, { cpuMillis: 0, memoryMiB: 0, diskMiB: 0, ports: 0 }]);
    expect(placementOfSpec(aLab(nodes), { ...nothing, unlimited: { cpuMillis: 1, memoryMiB: 2, diskMiB: 3 } }).nodes[0]?.needs).toEqual({ cpuMillis: 1, memoryMiB: 2, diskMiB: 3, ports: 0 });
  });

  it('knows what must be there: KVM, bridges, parents of macvlan, other people\'s containers, images that are not pulled', () => {
    const nodes = [
      aNode('a', { devices: ['/dev/kvm:/dev/kvm', '/dev/net/tun'], imagePullPolicy: 'never' }), aNode('br0', { runtime: 'bridge', containerName: 'br0' }),
      aNode('e', { runtime: 'ext-container', containerName: 'theirs' }), aNode('f', { network: { mode: 'container', container: 'x' } }),
    ];
    const links = [{ id: LinkId.parse('a:eth1--macvlan'), a: { at: 'node' as const, node: node('a'), interface: 'eth1' }, b: { at: 'macvlan' as const, parent: 'eth0', mode: 'bridge' as const }, labels: {}, vars: {} }];
    const wishes = placementOfSpec(aLab(nodes, links), nothing);
    expect(Object.fromEntries(wishes.nodes.map((one) => [one.id, one.wants]))).toEqual({ a: ['device:/dev/net/tun', 'interface:eth0', 'kvm:kvm'], br0: ['bridge:br0'], e: ['container:theirs'], f: ['container:x'] });
    expect(wishes.nodes[0]?.image).toEqual({ name: 'alpine:3', mustBePresent: true });
  });

  it('reads pins from node, group, kind and defaults, and wishes from labels', () => {
    const spec = read('name: t\ntopology:\n  defaults: { kind: linux, image: "alpine:3", host: h1 }\n  groups: { g: { host: h2 } }\n  nodes:\n    a: { labels: { labwright-near: x, labwright-apart: y } }\n    b: { group: g }\n    c: { group: g, host: h3, cpu-set: "0-2,5" }\n');
    const wishes = placementOfSpec(spec, { ...nothing, hostNamed: (name) => (name === 'h3' ? host('id-of-h3') : undefined) });
    expect(wishes.nodes.map(({ pin, near, apart, cores }) => [pin, near, apart, cores])).toEqual([['h1', 'x', 'y', undefined], ['h2', undefined, undefined, undefined], ['id-of-h3', undefined, undefined, 6]]);
  });

  it('reads the section placement', () => {
    const text = (section: string) => `name: t\n${section}topology:\n  nodes: { a: { kind: linux, image: "alpine:3" } }\n`;
    expect(read(text('')).placement).toBeUndefined();
    expect(read(text('placement: {}\n')).placement).toEqual({ policy: 'pack', onLostHost: 'wait' });
    expect(read(text('placement: { policy: spread, on-lost-host: 1h30m }\n')).placement).toEqual({ policy: 'spread', onLostHost: { moveAfterSeconds: 5400 } });
    expect(read(text('placement: { on-lost-host: 90 }\n')).placement?.onLostHost).toEqual({ moveAfterSeconds: 90 });
  });

  it('keeps on one host what shares a namespace: network mode, process namespace, a bridge inside a node', () => {
    const nodes = [aNode('a'), aNode('b', { network: { mode: 'node', node: node('a') } }), aNode('c', { pidMode: 'container:clab-t-b' }), aNode('sw|a', { runtime: 'bridge', containerName: 'sw' })];
    const links = [{ id: LinkId.parse('a:eth1--sw|a:p1'), a: { at: 'node' as const, node: node('a'), interface: 'eth1' }, b: { at: 'node-bridge' as const, node: node('sw|a'), inside: node('a'), bridge: 'sw', interface: 'p1' }, labels: {}, vars: {} }];
    const wishes = placementOfSpec(aLab(nodes, links), nothing);
    expect(wishes.together).toEqual([['b', 'a'], ['c', 'b'], ['sw|a', 'a']]);
    expect(wishes.nodes.find(({ id }) => id === 'sw|a')?.wants).toEqual([]);
  });

  it('counts no port of a link plane for an end in a bridge of the host', () => {
    const links = [{ id: LinkId.parse('a:eth1--br0:p1'), a: { at: 'node' as const, node: node('a'), interface: 'eth1' }, b: { at: 'bridge' as const, node: node('br0'), bridge: 'br0', interface: 'p1' }, labels: {}, vars: {} }];
    const wishes = placementOfSpec(aLab([aNode('a'), aNode('br0', { runtime: 'bridge', containerName: 'br0' })], links), nothing);
    const view = placeNodes({ ...aPlacement([], [aHost('h1', {}, { planes: [{ kind: 'ovs', maxPorts: 1 }] })]), ...wishes });
    expect([placesOf(view), view.hosts[0]?.lab.ports]).toEqual([{ a: 'h1', br0: 'h1' }, 0]);
  });

  it('tells where nodes are, and which are made anew', () => {
    const spec = aLab([aNode('a'), aNode('b')], [aLink('a:eth1', 'b:eth1')]);
    const wishes = placementOfSpec(spec, { places: new Map([[node('a'), host('h7')]]), restarts: new Set([node('b')]) });
    expect(wishes.nodes.map(({ previous, restarts }) => [previous, restarts])).toEqual([['h7', false], [undefined, true]]);
    expect(wishes.links).toEqual([{ a: 'a', b: 'b' }]);
  });
});

it('a host keeps a part for itself, more of a small one', () => {
  expect(capacityOfHost({ cores: 4, memoryMiB: 100_000, diskMiB: 1_000_000 })).toEqual({ cpuMillis: 4000, memoryMiB: 95_000, diskMiB: 950_000 });
  expect(capacityOfHost({ cores: 1, memoryMiB: 1024, diskMiB: 512 })).toEqual({ cpuMillis: 1000, memoryMiB: 768, diskMiB: 0 });
});
