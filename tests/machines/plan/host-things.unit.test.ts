// Images, devices and bridges that a lab names: its nodes go where these are, and the refusal says where what lacks.
import { describe, expect, it } from 'vitest';
import { decide } from '../../../machines/decide/decide.ts';
import { evolve } from '../../../machines/evolve/evolve.ts';
import { initialLab } from '../../../machines/evolve/lab-state.ts';
import { thingsOf } from '../../../machines/place/placement-of-spec.ts';
import type { Facts } from '../../../machines/plan/plan-lab.ts';
import type { NodeSpec } from '../../../machines/vocabulary/lab-spec.ts';
import { NO_THINGS } from '../../../machines/vocabulary/host-things.ts';
import type { HostThings } from '../../../machines/vocabulary/host-things.ts';
import { aLab, aNode, facts, host, lab } from '../../support/lab-builders.ts';

const aHost = (name: string, last: number, lacks?: Partial<HostThings>): Facts['hosts'][number] =>
  ({ id: host(name), state: 'joined', underlay: { address: `10.0.0.${last}`, device: 'x', mtu: 1500 }, ...(lacks ? { lacks: { ...NO_THINGS, ...lacks } } : {}) });
const LOCAL = { image: 'own:1', imagePullPolicy: 'never' } as const;
const plan = (nodes: NodeSpec[], hosts: Facts['hosts'], state = initialLab(lab('t'))) => decide({ type: 'lab.deploy', spec: aLab(nodes), takeOver: false, reconfigure: false }, state, facts({ hosts }));
const placesOf = (decision: ReturnType<typeof decide>) => ('placement' in decision ? Object.fromEntries((decision.placement?.nodes ?? []).map((one) => [one.node, one.host])) : decision);

describe('things that hosts may lack', () => {
  it('are asked about only where a lab names them', () => {
    expect(thingsOf([aNode('a', LOCAL), aNode('b', { devices: ['/dev/net/tun:/dev/net/tun', '/dev/kvm'] }), aNode('br0', { runtime: 'bridge', containerName: 'br0' })]))
      .toEqual({ images: ['own:1'], devices: ['/dev/net/tun'], bridges: ['br0'] });
    expect(thingsOf([aNode('a')])).toEqual(NO_THINGS);
  });

  it('P05: lead each node to a host that has what it needs', () => {
    const { image: _none, ...bare } = aNode('br0', { runtime: 'bridge', containerName: 'br0' });
    const hosts = [aHost('h1', 1, { images: ['own:1'], bridges: ['br0'] }), aHost('h2', 2, { bridges: ['br0'], devices: ['/dev/fuse'] }), aHost('h3', 3, { images: ['own:1'] })];
    expect(placesOf(plan([aNode('a', LOCAL), bare, aNode('c', { devices: ['/dev/fuse'], labels: { 'labwright-apart': 'x' } })], hosts))).toMatchObject({ a: 'h2', br0: 'h3', c: expect.not.stringMatching('h2') as string });
  });

  it('P01: are named in the refusal with the node, each host, and what would help', () => {
    const refused = plan([aNode('a', { ...LOCAL, devices: ['/dev/fuse'] })], [aHost('h1', 1, { images: ['own:1'] }), aHost('h2', 2, { images: ['own:1'], devices: ['/dev/fuse'] })]);
    expect(refused).toMatchObject({ kind: 'rejected', rejections: [{ code: 'no-capacity', details: {
      nodes: ['a'],
      hosts: [{ host: 'h1', reason: 'it lacks the image own:1, which may not be pulled' }, { host: 'h2', reason: 'it lacks the device /dev/fuse' }],
      remedies: ['bring the image own:1 to h1', 'bring the device /dev/fuse and the image own:1 to h2', expect.stringContaining('add a host') as string],
    } }] });
  });

  it('refuse nothing on a host that never said', () => {
    expect(placesOf(plan([aNode('a', LOCAL)], [aHost('h1', 1)]))).toEqual({ a: 'h1' });
  });

  it('take no node away that stands as it is wanted, though its image is gone', () => {
    const first = plan([aNode('a', LOCAL)], [aHost('h1', 1)]);
    if (first.kind !== 'events') throw new Error('not planned');
    const state = evolve(initialLab(lab('t')), { v: 1, lab: lab('t'), n: 1, at: 1_000, term: 0, events: [...first.events] }).state;
    const hosts = [aHost('h1', 1, { images: ['own:1', 'own:2'] }), aHost('h2', 2, {})];
    expect(plan([aNode('a', LOCAL)], hosts, state).kind).toBe('nothing');
    expect(placesOf(plan([aNode('a', { ...LOCAL, image: 'own:2' })], hosts, state))).toEqual({ a: 'h2' });
  });
});
