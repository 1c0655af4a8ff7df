// What is tried again, how often, and what a deploy or a person can do about what failed for good.
import { describe, expect, it } from 'vitest';
import type { LabSpec } from '../../machines/vocabulary/lab-spec.ts';
import type { Order } from '../../machines/vocabulary/effect.ts';
import type { Observation } from '../../machines/vocabulary/observation.ts';
import { aLab, aLink, aNode, node } from '../support/lab-builders.ts';
import { idealHost, SimulatedLab } from '../support/simulated-lab.ts';

const deploy = (spec: LabSpec) => ({ type: 'lab.deploy' as const, spec, takeOver: false, reconfigure: false });
const one = (env: Record<string, string> = {}) => aLab([aNode('a', { env })]);
const failed = (order: Order, at: number, retryable = true): Observation => ({ type: 'effect.failed', effectId: order.id, at, code: 'engine-away', message: 'no engine', retryable, log: [] });

/** Fails the first `times` orders of a type. */
const failing = (type: Order['type'], times: number, retryable = true) => {
  let left = times;
  return (order: Order, at: number) => (order.type === type && left-- > 0 ? failed(order, at, retryable) : idealHost(order, at));
};

function passAll(sim: SimulatedLab, answer: (order: Order, at: number) => Observation | null): number {
  let passed = 0;
  while (sim.passDeadline()) {
    passed += 1;
    sim.run(answer);
    if (passed > 50) throw new Error('retries do not end');
  }
  return passed;
}

describe('a failure that will be tried again', () => {
  it('keeps the lab deploying, not degraded, and is forgotten once it went well', () => {
    const sim = new SimulatedLab();
    sim.command(deploy(one()));
    const host = failing('node.prepare', 1);
    sim.run(host);
    expect(sim.state.lab.value).toBe('deploying');
    passAll(sim, host);
    expect(sim.state.lab.value).toBe('running');
    expect(sim.state.deadlines).toEqual({});
  });

  it('S08: a start that always fails ends, although each preparation before it goes well', () => {
    const sim = new SimulatedLab();
    sim.command(deploy(one()));
    const host = failing('node.start', Number.POSITIVE_INFINITY);
    sim.run(host);
    expect(passAll(sim, host)).toBe(4);
    expect(sim.state.lab.value).toBe('degraded');
  });

  it('a recreate whose removal failed goes on with the removal and takes the new definition', () => {
    const sim = new SimulatedLab();
    sim.command(deploy(one({ X: '1' })));
    sim.run();
    sim.command(deploy(one({ X: '2' })));
    const host = failing('node.remove', 1);
    sim.run(host);
    passAll(sim, host);
    expect(sim.state.nodes[node('a')]?.spec.env).toEqual({ X: '2' });
    expect(sim.states()).toEqual({ a: 'running' });
  });
});

describe('what failed for good', () => {
  it('a management network is made by a retry, and by another deploy of the same file', () => {
    for (const again of [{ type: 'lab.retry' as const, nodes: [], links: [] }, deploy(one())]) {
      const sim = new SimulatedLab();
      sim.command(deploy(one()));
      sim.run(failing('network.ensure', 1, false));
      expect(sim.state.lab.value).toBe('degraded');
      sim.command(again);
      sim.run();
      expect(sim.state.lab.value).toBe('running');
    }
  });
});

describe('nodes in transit', () => {
  it('one that comes back while it is being removed comes with the definition of the file', () => {
    const sim = new SimulatedLab();
    sim.command(deploy(aLab([aNode('a'), aNode('b')], [aLink('a:eth1', 'b:eth1')])));
    sim.run();
    sim.command(deploy(aLab([aNode('b')])));
    sim.command(deploy(aLab([aNode('a', { env: { X: '2' } }), aNode('b')], [aLink('a:eth1', 'b:eth1')])));
    sim.run();
    expect(sim.states()).toEqual({ a: 'running', b: 'running', 'a:eth1--b:eth1': 'up' });
    expect(sim.state.nodes[node('a')]?.spec.env).toEqual({ X: '2' });
  });

  it('one that is being removed is not brought back by a start', () => {
    const sim = new SimulatedLab();
    sim.command(deploy(aLab([aNode('a'), aNode('b')])));
    sim.run();
    sim.command(deploy(aLab([aNode('b')])));
    sim.command({ type: 'node.start', nodes: [node('a')] });
    sim.run();
    expect(sim.states()).toEqual({ b: 'running' });
  });

  it('one that shares the namespace of a later one is recreated with it', () => {
    const shared = (env: Record<string, string>) => aLab([aNode('a', { network: { mode: 'node', node: node('z') } }), aNode('z', { env })]);
    const sim = new SimulatedLab();
    sim.command(deploy(shared({})));
    sim.run();
    sim.command(deploy(shared({ X: '1' })));
    sim.run();
    expect(sim.orders.filter((order) => order.type === 'node.remove').map((order) => order.node.id)).toEqual(['a', 'z']);
  });

  it('commands of a process that died do not count for its successor', () => {
    const sim = new SimulatedLab();
    sim.command(deploy(aLab([aNode('a', { exec: ['first'] })])));
    let held: Order | null = null;
    sim.run((order, at) => {
      if (order.type === 'node.exec' && held === null) {
        held = order;
        return null;
      }
      return idealHost(order, at);
    });
    const about = { node: node('a'), generation: 1_000_001, at: sim.at };
    sim.observe({ type: 'node.died', ...about, exitCode: 1, oomKilled: false, log: [], next: 'restart' });
    sim.observe({ type: 'node.started', ...about, runtimeId: 'c-a-1000001', pid: 9, startedAt: sim.at, cause: 'repair' });
    sim.run();
    expect(sim.orders.filter((order) => order.type === 'node.exec')).toHaveLength(2);
    sim.passDeadline();
    expect(sim.states()).toEqual({ a: 'running' });
  });
});
