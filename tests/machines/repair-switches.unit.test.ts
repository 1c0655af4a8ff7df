// What a lab makes of repairs that a host did not make because they are switched off.
import { beforeEach, describe, expect, it } from 'vitest';
import { labView } from '../../machines/evolve/lab-view.ts';
import { aLab, aLink, aNode, node } from '../support/lab-builders.ts';
import { SimulatedLab } from '../support/simulated-lab.ts';

const SPEC = aLab([aNode('a'), aNode('b')], [aLink('a:eth1', 'b:eth1')]);
const deploy = (spec = SPEC) => ({ type: 'lab.deploy', spec, takeOver: false, reconfigure: false }) as const;
const why = 'repair is switched off (invasive, by settings.repairs of the lab)';
let sim: SimulatedLab;

beforeEach(() => {
  sim = new SimulatedLab();
  sim.command(deploy());
  sim.run();
});

describe('repairs that are switched off', () => {
  it('reach the hosts with the next deploy, which changes nothing else, and stand in the view', () => {
    const before = sim.orders.length;
    sim.command(deploy({ ...SPEC, repairs: { invasive: false } }));
    sim.run();
    expect(sim.orders.slice(before)).toMatchObject([{ type: 'network.ensure', repairs: { invasive: false } }]);
    expect(labView(sim.state)).toMatchObject({ state: 'running', repairs: { invasive: false }, problems: [] });
    expect(sim.command(deploy({ ...SPEC, repairs: { invasive: false } }))).toEqual([]);
    expect(sim.orders).toHaveLength(before + 1);
  });

  it('leave a node failed with the reason, until it is tried again', () => {
    const generation = sim.state.nodes[node('a')]?.plan.generation ?? 0;
    sim.observe({ type: 'node.died', at: sim.at, node: node('a'), generation, exitCode: 1, oomKilled: false, log: [], next: 'gave-up', why });
    expect(labView(sim.state)).toMatchObject({ state: 'degraded', nodes: [{ state: 'failed', failure: { code: 'repair-off', message: expect.stringContaining(why) } }, { state: 'running' }] });
    sim.command({ type: 'lab.retry', nodes: [], links: [] });
    sim.run();
    expect(labView(sim.state)).toMatchObject({ state: 'running', problems: [] });
  });

  it('leave what the lab lost where it is, which is news and no fault; so is its removal', () => {
    for (const seen of [{ type: 'orphan.left', kind: 'container', name: 'copy', why }, { type: 'orphan.removed', kind: 'device', name: 'lw1.x', seenForMs: 61_000 }] as const) expect(sim.observe({ ...seen, at: sim.at })).toBe(true);
    expect(labView(sim.state)).toMatchObject({ state: 'running', problems: [] });
  });

  it('leave a management network failed with the reason, until it is tried again', () => {
    expect(sim.observe({ type: 'network.drifted', at: sim.at, what: 'a rule is gone', why })).toBe(true);
    expect(sim.observe({ type: 'network.drifted', at: sim.at, what: 'a rule is gone', why })).toBe(false);
    expect(labView(sim.state)).toMatchObject({ state: 'degraded', problems: [`management network: a rule is gone; ${why}`] });
    sim.command({ type: 'lab.retry', nodes: [], links: [] });
    sim.run();
    expect(labView(sim.state)).toMatchObject({ state: 'running', problems: [] });
  });
});
