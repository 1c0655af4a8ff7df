// Which plane joins the ends of a link, and which VLAN it has where others share the bridge: fixed in the plan, kept, never given twice.
import { describe, expect, it } from 'vitest';
import { evolve } from '../../../machines/evolve/evolve.ts';
import { initialLab } from '../../../machines/evolve/lab-state.ts';
import type { Facts } from '../../../machines/plan/plan-lab.ts';
import { vlansHeldBy } from '../../../machines/plan/plan-planes.ts';
import type { LabSpec } from '../../../machines/vocabulary/lab-spec.ts';
import { aLab, aLink, aNode, host } from '../../support/lab-builders.ts';
import { idealHost, SimulatedLab } from '../../support/simulated-lab.ts';

type PlanHost = Facts['hosts'][number];
const aHost = (name: string, last: number, over: Partial<PlanHost> = {}): PlanHost => ({ id: host(name), state: 'joined', underlay: { address: `10.200.0.${last}`, device: 'under', mtu: 1500 }, planes: ['tc', 'ovs'], ovs: { datapath: 'netdev' }, ...over });
const TC = aHost('h1', 1);
const OVS = aHost('h2', 2, { planes: ['ovs', 'tc'] });
const SHARED = aHost('h3', 3, { planes: ['ovs', 'tc'], ovs: { datapath: 'netdev', sharedBridge: 'br', usedVlans: [[4094, 4094], [10, 4000]] } });
const BARE = aHost('h1', 1, { planes: ['tc'], ovs: {} });

const two = (a: string, b: string, count = 1, plane?: 'tc' | 'ovs'): LabSpec =>
  aLab([aNode('a', { host: a }), aNode('b', { host: b })], Array.from({ length: count }, (_unused, n) => aLink(`a:eth${n}`, `b:eth${n}`)), plane === undefined ? {} : { placement: { policy: 'pack', onLostHost: 'wait', plane } });
const deploy = (spec: LabSpec) => ({ type: 'lab.deploy', spec, takeOver: false, reconfigure: false }) as const;
const deployed = (spec: LabSpec, over: Partial<Facts>): SimulatedLab => {
  const sim = new SimulatedLab();
  expect(sim.command(deploy(spec), over)).toEqual([]);
  return sim.run();
};
const planes = (sim: SimulatedLab) => Object.values(sim.state.links).map(({ plan }) => [plan.plane, plan.far?.plane]);
const linkOrders = (sim: SimulatedLab) => sim.orders.flatMap((order) => (order.type === 'link.ensure' ? [order] : []));

describe('plane of a link', () => {
  it('is each host\'s own choice; a node on tc computes checksums for a far end on a userspace switch', () => {
    expect(planes(deployed(two('h1', 'h2'), { hosts: [TC, OVS] }))).toEqual([[{ kind: 'tc', computeChecksums: true }, { kind: 'ovs' }]]);
    expect(planes(deployed(two('h1', 'h2'), { hosts: [TC, { ...OVS, ovs: { datapath: 'system' } }] }))).toEqual([[{ kind: 'tc' }, { kind: 'ovs' }]]);
    expect(planes(deployed(two('h2', 'h2'), { hosts: [TC, OVS] }))).toEqual([[{ kind: 'ovs' }, undefined]]);
  });

  it('is the lab\'s wish on all hosts, and stands in each order', () => {
    const sim = deployed(two('h1', 'h2', 1, 'ovs'), { hosts: [TC, OVS] });
    expect(planes(sim)).toEqual([[{ kind: 'ovs' }, { kind: 'ovs' }]]);
    expect(linkOrders(sim).every(({ plan }) => plan.plane?.kind === 'ovs' && plan.far?.plane?.kind === 'ovs')).toBe(true);
  });

  it('a host without the wanted plane gets no node, with that reason', () => {
    const [rejection] = new SimulatedLab().command(deploy(two('h1', 'h2', 1, 'ovs')), { hosts: [BARE, OVS] });
    expect(rejection?.message).toContain('it has no link plane ovs');
    const free = aLab([aNode('a'), aNode('b')], [aLink('a:eth1', 'b:eth1')], { placement: { policy: 'spread', onLostHost: 'wait', plane: 'ovs' } });
    expect(Object.values(deployed(free, { hosts: [BARE, OVS] }).state.nodes).map(({ plan }) => plan.host)).toEqual(['h2', 'h2']);
  });

  it('a node that stands on a host without the plane that its lab comes to want is refused where it is pinned', () => {
    const sim = deployed(two('h1', 'h1'), { hosts: [BARE] });
    expect(sim.command(deploy(two('h1', 'h1', 1, 'ovs')), { hosts: [BARE] })).toMatchObject([{ code: 'no-plane', details: { host: 'h1', plane: 'ovs' } }]);
  });

  it('the size limit of a userspace datapath counts links of all labs there', () => {
    const small = { ...OVS, planePorts: { ovs: 8 } };
    const other = deployed(two('h2', 'h2', 3), { hosts: [small] });
    const held = { cpuMillis: 0, memoryMiB: 0, diskMiB: 0, ports: 6 };
    expect(vlansHeldBy(other.state).size).toBe(0);
    const spec = aLab([aNode('a'), aNode('b')], [aLink('a:eth1', 'b:eth1'), aLink('a:eth2', 'b:eth2')]);
    const [rejection] = new SimulatedLab().command(deploy(spec), { hosts: [small], allocated: () => held });
    expect(rejection?.message).toMatch(/needs 4 ports, the largest free is 2 ports on h2/);
    expect(new SimulatedLab().command(deploy(spec), { hosts: [{ ...small, planePorts: { ovs: 10 } }], allocated: () => held })).toEqual([]);
  });

  it('that changes is the only change, and node and tunnel stay; the same file again changes nothing', () => {
    const sim = deployed(two('h1', 'h2'), { hosts: [TC, OVS] });
    const [before] = Object.values(sim.state.links);
    const generations = Object.values(sim.state.nodes).map(({ plan }) => plan.generation);
    const entries = sim.entries.length;
    sim.command(deploy(two('h1', 'h2')), { hosts: [TC, OVS] });
    expect(sim.entries).toHaveLength(entries);
    sim.command(deploy(two('h1', 'h2', 1, 'tc')), { hosts: [TC, OVS] });
    sim.run();
    const [after] = Object.values(sim.state.links);
    expect(after?.plan).toEqual({ ...before?.plan, plane: { kind: 'tc' }, far: { ...before?.plan.far, plane: { kind: 'tc' } } });
    expect(after?.machine.value).toBe('up');
    expect(Object.values(sim.state.nodes).map(({ plan }) => plan.generation)).toEqual(generations);
  });

  it('of a link that moves to a host is that host\'s own choice, and the other end knows it', () => {
    const sim = deployed(two('h1', 'h1'), { hosts: [TC, OVS] });
    expect(sim.command(deploy(two('h1', 'h2')), { hosts: [TC, OVS] })).toEqual([]);
    expect(planes(sim.run())).toEqual([[{ kind: 'tc', computeChecksums: true }, { kind: 'ovs' }]]);
    expect(sim.command(deploy(two('h2', 'h2')), { hosts: [TC, OVS] })).toEqual([]);
    expect(planes(sim.run())).toEqual([[{ kind: 'ovs' }, undefined]]);
  });

  it('of a link in an older log is its host\'s own, and stays so', () => {
    const old = { ...TC, planes: undefined, ovs: undefined };
    const sim = new SimulatedLab();
    const { planes: _planes, ovs: _ovs, ...untold } = old;
    sim.command(deploy(two('h1', 'h1')), { hosts: [untold] });
    sim.run();
    expect(planes(sim)).toEqual([[undefined, undefined]]);
    const entries = sim.entries.length;
    sim.command(deploy(two('h1', 'h1')), { hosts: [TC] });
    expect(sim.entries).toHaveLength(entries);
  });
});

describe('N06: VLANs of a shared bridge', () => {
  const vlans = (sim: SimulatedLab): number[] => vlansHeldBy(sim.state).get(host('h3')) ?? [];

  it('are leased from the plan, none twice, over labs, and none that any port has there', () => {
    const hosts = [TC, OVS, SHARED];
    const first = deployed(two('h3', 'h3', 30), { hosts });
    const second = deployed(two('h1', 'h3', 30), { hosts, takenVlans: (id) => new Set(vlansHeldBy(first.state).get(id)) });
    expect(vlans(first)[0]).toBe(4093);
    expect(vlans(second)).toHaveLength(30);
    const all = [...vlans(first), ...vlans(second)];
    expect(new Set(all).size).toBe(60);
    expect(all.filter((vlan) => vlan === 4094 || (vlan >= 10 && vlan <= 4000))).toEqual([]);
    expect(linkOrders(second).every(({ plan }) => plan.plane?.vlan === undefined && plan.far?.plane?.vlan !== undefined)).toBe(true);
  });

  it('stay with their links over changes and replays; one that is given up is not given out before the link is gone', () => {
    const sim = deployed(two('h3', 'h3', 3), { hosts: [SHARED] });
    const [, ...kept] = vlans(sim);
    const spec = two('h3', 'h3', 4);
    sim.command(deploy({ ...spec, links: spec.links.slice(1) }), { hosts: [SHARED] });
    const now = Object.values(sim.state.links).filter(({ machine }) => machine.context.desired === 'present').map(({ plan }) => plan.plane?.vlan);
    expect(now.slice(0, 2)).toEqual(kept);
    expect(new Set(vlans(sim)).size).toBe(4);
    expect(sim.entries.reduce((state, entry) => evolve(state, entry).state, initialLab(sim.state.id))).toEqual(sim.state);
  });

  it('one that somebody else took meanwhile is replaced by the next deploy', () => {
    const sim = new SimulatedLab();
    sim.command(deploy(two('h3', 'h3')), { hosts: [SHARED] });
    sim.run((order, at) => (order.type === 'link.ensure' ? { type: 'effect.failed', effectId: order.id, at, code: 'vlan-taken', message: 'VLAN 4093 is used', retryable: false, log: [] } : idealHost(order, at)));
    sim.command(deploy(two('h3', 'h3')), { hosts: [SHARED] });
    sim.run();
    expect([vlans(sim), Object.values(sim.state.links)[0]?.machine.value]).toEqual([[4092], 'up']);
  });

  it('are of the range that the host was given; a link that has another one keeps it', () => {
    const ranged = { ...SHARED, ovs: { ...SHARED.ovs, vlans: [[4000, 4003], [4090, 4090], [5, 6]] as [number, number][] } };
    expect(vlans(deployed(two('h3', 'h3', 5), { hosts: [ranged] }))).toEqual([4090, 4003, 4002, 4001, 6]);
    const sim = deployed(two('h3', 'h3', 1), { hosts: [SHARED] });
    sim.command(deploy(two('h3', 'h3', 2)), { hosts: [ranged] });
    expect(vlans(sim)).toEqual([4093, 4090]);
    const [rejection] = new SimulatedLab().command(deploy(two('h3', 'h3', 8)), { hosts: [ranged] });
    expect(rejection).toMatchObject({ code: 'no-numbers', message: expect.stringContaining('LABWRIGHT_OVS_VLANS') });
  });

  it('that run out refuse the lab', () => {
    const full = { ...SHARED, ovs: { ...SHARED.ovs, usedVlans: [[2, 4094]] as [number, number][] } };
    expect(new SimulatedLab().command(deploy(two('h3', 'h3', 2)), { hosts: [full] })).toMatchObject([{ code: 'no-numbers' }]);
  });
});
