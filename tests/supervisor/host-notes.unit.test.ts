// What a lab has yet to learn of a host.
import { describe, expect, it } from 'vitest';
import type { Facts } from '../../machines/plan/plan-lab.ts';
import { newsFor } from '../../supervisor/host-notes.ts';
import { aLab, aLink, aNode, host } from '../support/lab-builders.ts';
import { SimulatedLab } from '../support/simulated-lab.ts';

const underlay = (address: string) => ({ address, device: 'under', mtu: 1500 });
const hosts = (second: string): Facts['hosts'] => [{ id: host('h1'), state: 'joined', underlay: underlay('10.200.0.1') }, { id: host('h2'), state: 'joined', underlay: underlay(second) }];
const beating = (address: string) => ({ id: host('h2'), state: 'joined' as const, wish: 'open' as const, problem: undefined, conflict: [], firstSeenAt: 0, lastSeenAt: 0, beat: { underlay: underlay(address) } });
const LINK = aLink('a:eth1', 'b:eth1');
const deploy = (...more: string[]) => ({ type: 'lab.deploy' as const, spec: aLab([aNode('a', { host: 'h1' }), aNode('b', { host: 'h2' }), ...more.map((name) => aNode(name, { host: 'h1' }))], [LINK]), takeOver: false, reconfigure: false });

describe('a host whose underlay address changes', () => {
  it('X12: is told to the lab also when a deploy knew the new address before: its links still lead to the old one', () => {
    const sim = new SimulatedLab();
    sim.command(deploy(), { hosts: hosts('10.200.0.2') });
    sim.run();
    expect(newsFor(sim.state, beating('10.200.0.2'), 0)).toBeNull();
    sim.command(deploy('c'), { hosts: hosts('10.200.0.7') });
    sim.run();
    const news = newsFor(sim.state, beating('10.200.0.7'), 0);
    expect(news).toEqual({ type: 'VtepChanged', host: 'h2', vtep: '10.200.0.7', mtu: 1500 });
    if (news) sim.append([news]);
    sim.run();
    expect(sim.state.links[LINK.id]).toMatchObject({ plan: { far: { tunnel: { b: { vtep: '10.200.0.7' } } } }, machine: { value: 'up' } });
    expect(newsFor(sim.state, beating('10.200.0.7'), 0)).toBeNull();
  });
});
