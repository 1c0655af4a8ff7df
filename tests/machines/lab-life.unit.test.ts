// The life of a lab through decide, admit and evolve, with a host that only exists as answers.
import { describe, expect, it } from 'vitest';
import { evolve } from '../../machines/evolve/evolve.ts';
import { initialLab } from '../../machines/evolve/lab-state.ts';
import type { LabState } from '../../machines/evolve/lab-state.ts';
import type { LabSpec } from '../../machines/vocabulary/lab-spec.ts';
import type { LogEntry } from '../../machines/vocabulary/event.ts';
import { aLab, aLink, aNode, host, lab, node } from '../support/lab-builders.ts';
import { idealHost, SimulatedLab } from '../support/simulated-lab.ts';

const deploy = (spec: LabSpec) => ({ type: 'lab.deploy' as const, spec, takeOver: false, reconfigure: false });
const pair = () => aLab([aNode('a', { exec: ['ip link'] }), aNode('b')], [aLink('a:eth1', 'b:eth1')]);

function refold(entries: readonly LogEntry[]): LabState {
  return entries.reduce<LabState>((state, entry) => evolve(state, JSON.parse(JSON.stringify(entry)) as LogEntry).state, initialLab(lab('t')));
}

describe('a lab of two nodes and a link', () => {
  it('comes up: wires before processes, exec after the start, then running', () => {
    const sim = new SimulatedLab();
    expect(sim.command(deploy(pair()))).toEqual([]);
    sim.run();
    expect(sim.states()).toEqual({ a: 'running', b: 'running', 'a:eth1--b:eth1': 'up' });
    expect(sim.state.lab.value).toBe('running');
    const types = sim.orders.map((order) => order.type);
    expect(types.indexOf('link.ensure')).toBeLessThan(types.indexOf('node.start'));
    expect(types.filter((type) => type === 'node.exec')).toHaveLength(1);
    expect(sim.state.pending).toEqual({});
  });

  it('tells a node at its making how many interfaces it will have', () => {
    const sim = new SimulatedLab();
    sim.command(deploy(aLab([aNode('a'), aNode('b'), aNode('c')], [aLink('a:eth1', 'b:eth1'), aLink('b:eth2', 'b:eth3')])));
    sim.run();
    const made = sim.orders.flatMap((order) => (order.type === 'node.prepare' ? [[order.node.id, order.interfaces]] : []));
    expect(Object.fromEntries(made)).toEqual({ a: 1, b: 3, c: 0 });
  });

  it('is destroyed in one go: the network is ordered away together with the nodes, after them', () => {
    const sim = new SimulatedLab();
    sim.command(deploy(pair()));
    sim.run();
    const before = sim.orders.length;
    sim.command({ type: 'lab.destroy', cleanup: false, keepMgmtNet: false });
    expect(sim.orders.slice(before).map((order) => order.type)).toEqual(['link.remove', 'node.remove', 'node.remove', 'network.remove']);
    sim.run((order, at) => (order.type === 'node.remove' ? null : idealHost(order, at)));
    expect(sim.state.lab.value).toBe('destroying');
  });

  it('starts no node before its links are joined', () => {
    const sim = new SimulatedLab();
    sim.command(deploy(pair()));
    sim.run((order, at) => (order.type === 'link.ensure' ? null : idealHost(order, at)));
    expect(sim.states()).toMatchObject({ a: 'waiting', b: 'waiting', 'a:eth1--b:eth1': 'joining' });
    expect(sim.orders.some((order) => order.type === 'node.start')).toBe(false);
  });

  it('S17: refolds from its log to the live state, also through JSON', () => {
    const sim = new SimulatedLab();
    sim.command(deploy(pair()));
    sim.run();
    sim.command({ type: 'node.stop', nodes: [node('a')] });
    sim.run();
    sim.command({ type: 'lab.destroy', cleanup: false, keepMgmtNet: false });
    expect(JSON.parse(JSON.stringify(refold(sim.entries)))).toEqual(JSON.parse(JSON.stringify(sim.state)));
  });

  it('goes without a trace in its state, network last', () => {
    const sim = new SimulatedLab();
    sim.command(deploy(pair()));
    sim.run();
    sim.command({ type: 'lab.destroy', cleanup: false, keepMgmtNet: false });
    sim.run();
    expect(sim.state.lab.value).toBe('destroyed');
    expect(sim.states()).toEqual({});
    expect(sim.state.networks).toEqual({});
    expect(sim.orders.at(-1)?.type).toBe('network.remove');
    expect(sim.state.pending).toEqual({});
  });

  it('is left alone by a second deploy of the same file', () => {
    const sim = new SimulatedLab();
    sim.command(deploy(pair()));
    sim.run();
    const before = sim.state.n;
    expect(sim.command(deploy(pair()))).toEqual([]);
    expect(sim.state.n).toBe(before);
  });

  it('recreates only the node that changed, and joins its links again without touching the neighbour', () => {
    const sim = new SimulatedLab();
    sim.command(deploy(pair()));
    sim.run();
    const earlier = sim.orders.length;
    sim.command(deploy(aLab([aNode('a', { exec: ['ip link'], env: { X: '1' } }), aNode('b')], [aLink('a:eth1', 'b:eth1')])));
    sim.run();
    const since = sim.orders.slice(earlier);
    expect(since.map((order) => order.type)).toEqual(['network.ensure', 'node.remove', 'node.prepare', 'link.ensure', 'node.start', 'node.exec']);
    expect(since.every((order) => !('node' in order) || order.node.id === 'a')).toBe(true);
    expect(sim.states()).toEqual({ a: 'running', b: 'running', 'a:eth1--b:eth1': 'up' });
    expect(sim.state.nodes[node('a')]?.spec.env).toEqual({ X: '1' });
  });

  it('removes what the file no longer has', () => {
    const sim = new SimulatedLab();
    sim.command(deploy(pair()));
    sim.run();
    sim.command(deploy(aLab([aNode('a', { exec: ['ip link'] })])));
    sim.run();
    expect(sim.states()).toEqual({ a: 'running' });
  });

  it('refuses a lab name that runs from another file, unless told to take over', () => {
    const sim = new SimulatedLab();
    sim.command(deploy(pair()));
    sim.run();
    const other = { ...pair(), topologyPath: '/elsewhere/x.clab.yml' };
    expect(sim.command(deploy(other)).map((rejection) => rejection.code)).toEqual(['other-topology']);
    expect(sim.command({ ...deploy(other), takeOver: true })).toEqual([]);
    sim.run();
    expect([sim.state.lab.value, sim.state.spec?.topologyPath]).toEqual(['running', other.topologyPath]);
    expect(sim.command(deploy(other))).toEqual([]);
  });
});

describe('a management network of somebody else', () => {
  it('has the engine attach the nodes: they start first, their links follow, and again after each start', () => {
    const sim = new SimulatedLab();
    sim.command(deploy(pair()));
    const foreign = (order: Parameters<typeof idealHost>[0], at: number) => {
      const seen = idealHost(order, at);
      return seen?.type === 'network.ready' ? { ...seen, foreign: true } : seen;
    };
    sim.run(foreign);
    expect(sim.states()).toEqual({ a: 'running', b: 'running', 'a:eth1--b:eth1': 'up' });
    const types = sim.orders.map((order) => order.type);
    expect(types.indexOf('link.ensure')).toBeGreaterThan(types.lastIndexOf('node.start'));
    const link = sim.orders.find((order) => order.type === 'link.ensure');
    expect(link).toMatchObject({ a: { container: 'clab-t-a' }, b: { container: 'clab-t-b' } });
    const earlier = sim.orders.length;
    sim.observe({ type: 'node.started', node: node('a'), generation: 1_000_001, at: sim.at, runtimeId: 'c-a-1000001', pid: 77, startedAt: sim.at, cause: 'repair' });
    sim.run(foreign);
    expect(sim.orders.slice(earlier).map((order) => order.type)).toContain('link.ensure');
    expect(sim.states()).toMatchObject({ a: 'running', 'a:eth1--b:eth1': 'up' });
  });
});

describe('stages', () => {
  it('hold a node back until the other has finished the stage', () => {
    const sim = new SimulatedLab();
    const waits = { waitFor: [{ node: node('b'), stage: 'configure' as const }], exec: [] };
    sim.command(deploy(aLab([aNode('a', { stages: { create: waits } }), aNode('b', { exec: ['sleep'] })])));
    sim.run((order, at) => (order.type === 'node.exec' ? null : idealHost(order, at)));
    expect(sim.states()).toEqual({ a: 'waiting', b: 'configuring' });
    const exec = sim.orders.find((order) => order.type === 'node.exec');
    if (!exec) throw new Error('no exec was ordered');
    const answer = idealHost(exec, sim.at);
    if (answer) sim.observe(answer);
    sim.run();
    expect(sim.states()).toEqual({ a: 'running', b: 'running' });
  });

  it('a wait for a node that failed counts as a fault of the lab, not as being busy', () => {
    const sim = new SimulatedLab();
    const waits = { waitFor: [{ node: node('b'), stage: 'create' as const }], exec: [] };
    sim.command(deploy(aLab([aNode('a', { stages: { create: waits } }), aNode('b')])));
    sim.run((order, at) => (order.type === 'node.start'
      ? { type: 'effect.failed', effectId: order.id, at, code: 'start-failed', message: 'no', retryable: false, log: [] }
      : idealHost(order, at)));
    expect(sim.state.lab.value).toBe('degraded');
  });

  it('startup-delay is a named deadline', () => {
    const sim = new SimulatedLab();
    sim.command(deploy(aLab([aNode('a', { startupDelaySeconds: 5 })])));
    sim.run();
    expect(sim.states()).toEqual({ a: 'waiting' });
    expect(Object.keys(sim.state.deadlines)).toEqual(['startup-delay/a/1000001']);
    sim.passDeadline();
    sim.run();
    expect(sim.states()).toEqual({ a: 'running' });
  });
});

describe('trouble', () => {
  it('a process that dies and is restarted by its host shows the repair', () => {
    const sim = new SimulatedLab();
    sim.command(deploy(pair()));
    sim.run();
    sim.at += 60_000;
    const about = { node: node('a'), generation: 1_000_001, at: sim.at };
    sim.observe({ type: 'node.died', ...about, exitCode: 137, oomKilled: false, log: ['last words'], next: 'restart' });
    expect(sim.states()['a']).toBe('recovering');
    sim.observe({ type: 'node.started', ...about, runtimeId: 'c-a-1000001', pid: 7, startedAt: sim.at, cause: 'repair' });
    expect(sim.states()['a']).toBe('running');
    expect(sim.state.nodes[node('a')]?.machine.context.repairs).toBe(1);
  });

  it('a process that was gone when it was read back does not count as running', () => {
    const sim = new SimulatedLab();
    sim.command(deploy(aLab([aNode('a')])));
    sim.run((order, at) => {
      const seen = idealHost(order, at);
      if (seen?.type !== 'node.started') return seen;
      const { pid: _pid, ...gone } = seen;
      return gone;
    });
    expect(sim.states()).toEqual({ a: 'starting' });
    sim.observe({ type: 'node.died', node: node('a'), generation: 1_000_001, at: sim.at, exitCode: 1, oomKilled: false, log: ['boom'], next: 'gave-up' });
    expect(sim.states()).toEqual({ a: 'failed' });
    expect(sim.state.lab.value).toBe('degraded');
  });

  it('a process that died soon after its start has to show that the next one stays', () => {
    const sim = new SimulatedLab();
    sim.command(deploy(aLab([aNode('a')])));
    sim.run();
    const about = { node: node('a'), generation: 1_000_001 };
    sim.observe({ type: 'node.died', ...about, at: sim.at, exitCode: 7, oomKilled: false, log: [], next: 'restart' });
    sim.observe({ type: 'node.started', ...about, at: sim.at, runtimeId: 'c-a-1000001', pid: 7, startedAt: sim.at, cause: 'repair' });
    expect(sim.states()).toEqual({ a: 'configuring' });
    expect(sim.passDeadline()).toBe(`steady/a/${sim.at - 2_000}`);
    expect(sim.states()).toEqual({ a: 'running' });
    expect(sim.state.deadlines).toEqual({});
  });

  it('runs exec again when the container was made anew', () => {
    const sim = new SimulatedLab();
    sim.command(deploy(pair()));
    sim.run();
    sim.at += 60_000;
    const about = { node: node('a'), generation: 1_000_001, at: sim.at };
    sim.observe({ type: 'node.died', ...about, exitCode: 137, oomKilled: false, log: [], next: 'restart' });
    sim.observe({ type: 'node.started', ...about, runtimeId: 'another', pid: 7, startedAt: sim.at, cause: 'repair' });
    expect(sim.orders.filter((order) => order.type === 'node.exec')).toHaveLength(2);
    sim.run();
    expect(sim.states()['a']).toBe('running');
  });

  it('a node that fails leaves the others to come up, and the lab is degraded', () => {
    const sim = new SimulatedLab();
    sim.command(deploy(pair()));
    sim.run((order, at) => (order.type === 'node.start' && order.node.id === 'a'
      ? { type: 'effect.failed', effectId: order.id, at, code: 'image-missing', message: 'no image', retryable: false, log: [] }
      : idealHost(order, at)));
    expect(sim.states()).toMatchObject({ a: 'failed', b: 'running' });
    expect(sim.state.lab.value).toBe('degraded');
  });

  it('S09: a retryable failure is tried again with growing waits, and not for ever', () => {
    const sim = new SimulatedLab();
    sim.command(deploy(aLab([aNode('a')])));
    const failing = (order: Parameters<typeof idealHost>[0], at: number) => (order.type === 'node.prepare'
      ? { type: 'effect.failed' as const, effectId: order.id, at, code: 'engine-away', message: 'no engine', retryable: true, log: [] }
      : idealHost(order, at));
    sim.run(failing);
    const waits: number[] = [];
    for (let at = sim.at; sim.passDeadline(); at = sim.at) {
      waits.push(sim.at - at);
      sim.run(failing);
    }
    expect(waits.map((wait) => Math.round(wait / 500))).toEqual([1, 2, 4, 8]);
    expect(sim.state.lab.value).toBe('degraded');
    sim.command({ type: 'lab.retry', nodes: [], links: [] });
    sim.run();
    expect(sim.states()).toEqual({ a: 'running' });
  });

  it('R04: a report about another generation of a node is void', () => {
    const sim = new SimulatedLab();
    sim.command(deploy(pair()));
    sim.run();
    expect(sim.observe({ type: 'node.died', node: node('a'), generation: 99, at: sim.at, exitCode: 1, oomKilled: false, log: [], next: 'gave-up' })).toBe(false);
  });

  it('keeps what the engine says of a container whose node is gone or made anew, and changes nothing by it', () => {
    const sim = new SimulatedLab();
    sim.command(deploy(pair()));
    sim.run();
    const before = sim.states();
    const late = { type: 'node.engine' as const, at: sim.at, runtimeId: 'old', action: 'destroy' };
    expect(sim.observe({ ...late, node: node('a'), generation: 99 })).toBe(true);
    expect(sim.observe({ ...late, node: node('gone'), generation: 1 })).toBe(true);
    expect(sim.states()).toEqual(before);
    expect(refold(sim.entries).n).toBe(sim.state.n);
  });

  it('S24: a bulk stop while nodes are starting stops them all in the end', () => {
    const sim = new SimulatedLab();
    sim.command(deploy(pair()));
    sim.run((order, at) => (order.type === 'node.start' ? null : idealHost(order, at)));
    sim.command({ type: 'node.stop', nodes: [node('a'), node('b')] });
    sim.run();
    expect(sim.states()).toMatchObject({ a: 'stopped', b: 'stopped' });
  });

  it('N16: a link that was set down stays down over another deploy', () => {
    const sim = new SimulatedLab();
    sim.command(deploy(pair()));
    sim.run();
    const [link] = pair().links;
    if (!link) throw new Error('no link');
    sim.command({ type: 'link.set', link: link.id, admin: 'down' });
    sim.run();
    sim.command(deploy(aLab([aNode('a', { exec: ['other'] }), aNode('b')], [aLink('a:eth1', 'b:eth1')])));
    sim.run();
    expect(sim.states()).toMatchObject({ a: 'running', b: 'running', 'a:eth1--b:eth1': 'down' });
  });

  it('S22: destroy ends also when the management network had failed', () => {
    const sim = new SimulatedLab();
    sim.command(deploy(pair()));
    sim.run();
    sim.command(deploy(aLab([aNode('a', { exec: ['other'] }), aNode('b')], [aLink('a:eth1', 'b:eth1')])));
    sim.run((order, at) => (order.type === 'network.ensure'
      ? { type: 'effect.failed', effectId: order.id, at, code: 'unexpected', message: 'ENOENT', retryable: true, log: [] }
      : idealHost(order, at)));
    expect(sim.state.networks[host('h1')]?.state).toBe('failed');
    sim.command({ type: 'lab.destroy', cleanup: false, keepMgmtNet: false });
    sim.run();
    expect(sim.state.lab.value).toBe('destroyed');
  });

  it('S22: a removal that fails keeps the lab in destroying and is tried until it is done', () => {
    const sim = new SimulatedLab();
    sim.command(deploy(aLab([aNode('a')])));
    sim.run();
    let refusals = 7;
    sim.command({ type: 'lab.destroy', cleanup: false, keepMgmtNet: false });
    const stubborn = (order: Parameters<typeof idealHost>[0], at: number) => (order.type === 'node.remove' && refusals-- > 0
      ? { type: 'effect.failed' as const, effectId: order.id, at, code: 'engine-away', message: 'no engine', retryable: false, log: [] }
      : idealHost(order, at));
    sim.run(stubborn);
    while (sim.passDeadline()) {
      expect(sim.state.lab.value).toBe('destroying');
      sim.run(stubborn);
    }
    expect(sim.state.lab.value).toBe('destroyed');
  });
});
