// Every pair of what is wanted and what is, of nodes, links, the management network and whole labs: each has a way that ends where wanted.
import { describe, expect, it } from 'vitest';
import type { AnyEventObject } from 'xstate';
import type { Plain, Step } from '../../machines/evolve/run-machine.ts';
import { labStepper, linkStepper, nodeStepper } from '../../machines/evolve/steppers.ts';
import { labMachine } from '../../machines/lab/lab-machine.ts';
import { linkMachine } from '../../machines/link/link-machine.ts';
import { nodeMachine } from '../../machines/node/node-machine.ts';
import type { Order } from '../../machines/vocabulary/effect.ts';
import type { Observation } from '../../machines/vocabulary/observation.ts';
import type { Facts } from '../../machines/plan/plan-lab.ts';
import { aLab, aLink, aNode, host } from '../support/lab-builders.ts';
import { idealHost, SimulatedLab } from '../support/simulated-lab.ts';

type Context = Record<string, unknown>;
type Walker = { initial(): Plain<Context>; step(present: Plain<Context>, event: AnyEventObject): Step<Context, unknown> };

const failure = { code: 'x', message: 'y', log: [] };
const MOST_HOPS = 12;

/** Says the wish, then answers what a host that can would answer, until the machine asks for nothing more. */
function follow(walker: Walker, from: Plain<Context>, way: { wish: AnyEventObject; answers: Readonly<Record<string, AnyEventObject>> }): string {
  let present = walker.step(from, way.wish).next;
  for (let hop = 0; hop < MOST_HOPS; hop += 1) {
    const answer = way.answers[present.value];
    if (!answer) break;
    present = walker.step(present, answer).next;
  }
  return present.value;
}

const pairs = <D extends string>(states: object, wanted: readonly D[]) => Object.keys(states).flatMap((value) => wanted.map((desired) => [value, desired] as const));
/** Failed or not before: what it remembers must not stand in the way. */
const memories = [{ failure: null, attempts: 0 }, { failure, attempts: 5 }];

describe('a node', () => {
  const walker = nodeStepper as unknown as Walker;
  const started = { type: 'started', runtimeId: 'r1', pid: 1, at: 1, repaired: false };
  const answers = {
    unknown: { type: 'host.returned' }, preparing: { type: 'prepared', runtimeId: 'r1' }, waiting: { type: 'gate.opened' }, starting: started, configuring: { type: 'steps.finished' },
    recovering: started, stopping: { type: 'stopped' }, removing: { type: 'removed' },
  };
  it.each(pairs(nodeMachine.states, ['running', 'stopped', 'absent']))('that is %s and wanted %s gets there', (value, desired) => {
    for (const memory of memories) {
      const from = { value, context: { ...walker.initial().context, ...memory, desired, runtimeId: 'r' } };
      expect(follow(walker, from, { wish: { type: `want.${desired}` }, answers })).toBe(desired);
    }
  });
});

describe('a link', () => {
  const walker = linkStepper as unknown as Walker;
  const seen = { carrierA: true, carrierB: true, adminUp: true, held: [] };
  const answers = {
    waiting: { type: 'gate.opened' }, joining: { type: 'joined', ...seen }, repairing: { type: 'repaired', ...seen }, down: { type: 'carrier', carrierA: true, carrierB: true }, removing: { type: 'removed' },
  };
  it.each(pairs(linkMachine.states, ['present', 'absent']))('that is %s and wanted %s gets there', (value, desired) => {
    for (const memory of memories) {
      const from = { value, context: { ...walker.initial().context, ...memory, desired } };
      expect(follow(walker, from, { wish: { type: `want.${desired}` }, answers })).toBe(desired === 'present' ? 'up' : 'absent');
    }
  });

  it.each(pairs(linkMachine.states, ['up', 'down']))('that is %s and wanted set %s gets there', (value, admin) => {
    const from = { value, context: { ...walker.initial().context, desired: 'present', admin: admin === 'up' ? 'down' : 'up' } };
    const there = { ...seen, adminUp: admin === 'up', carrierA: admin === 'up', carrierB: admin === 'up' };
    const set = follow(walker, walker.step(from, { type: 'admin.set', admin }).next, { wish: { type: 'want.present' }, answers: { waiting: { type: 'gate.opened' }, joining: { type: 'joined', ...there }, repairing: { type: 'repaired', ...there }, removing: { type: 'removed' } } });
    expect(set).toBe(admin);
  });
});

describe('a lab', () => {
  const walker = labStepper as unknown as Walker;
  const settled = (outcome: string) => ({ type: 'settled', outcome, at: 1 });
  it.each(pairs(labMachine.states, ['running', 'destroyed']))('that is %s and wanted %s gets there', (value, desired) => {
    const wish = desired === 'running' ? { type: 'deploy', at: 1 } : { type: 'destroy', cleanup: false, keepMgmtNet: false };
    const answers = { deploying: settled('good'), degraded: settled('good'), destroying: settled('gone') };
    const end = follow(walker, { value, context: walker.initial().context }, { wish, answers });
    // A lab on its way out takes no deploy (the command is refused): it is taken once the lab is gone. What never was needs no destroying.
    const last = desired === 'running' && end === 'destroyed' ? follow(walker, { value: end, context: walker.initial().context }, { wish, answers }) : end;
    expect(last).toBe(value === 'absent' && desired === 'destroyed' ? 'absent' : desired);
  });
});

describe('a management network', () => {
  const deploy = { type: 'lab.deploy' as const, spec: aLab([aNode('a')]), takeOver: false, reconfigure: false };
  const destroy = { type: 'lab.destroy' as const, cleanup: false, keepMgmtNet: false };
  const failed = (order: Order, at: number): Observation => ({ type: 'effect.failed', effectId: order.id, at, code: 'engine-refused', message: 'no', retryable: false, log: [] });
  const without = (type: Order['type'], instead: (order: Order, at: number) => Observation | null) => (order: Order, at: number) => (order.type === type ? instead(order, at) : idealHost(order, at));

  const networkState = (sim: SimulatedLab) => sim.state.networks[host('h1')]?.state ?? 'absent';

  /** Each state, brought about as it comes about. */
  const states: Record<string, () => SimulatedLab> = {
    absent: () => new SimulatedLab(),
    ensuring: () => began([deploy], without('network.ensure', () => null)),
    ready: () => began([deploy], idealHost),
    'failed (ensure)': () => began([deploy], without('network.ensure', failed)),
    removing: () => began([deploy, destroy], without('network.remove', () => null)),
    'failed (remove)': () => began([deploy, destroy], without('network.remove', failed)),
  };
  function began(commands: readonly (typeof deploy | typeof destroy)[], answer: Parameters<SimulatedLab['run']>[0]): SimulatedLab {
    const sim = new SimulatedLab();
    for (const command of commands) {
      sim.command(command);
      sim.run(answer);
    }
    return sim;
  }

  /** A host that can from here on: what is owed is done, what waits comes to its end. */
  function recover(sim: SimulatedLab): void {
    for (let waits = 0; waits < 10; waits += 1) {
      sim.run();
      if (Object.keys(sim.state.pending).length === 0 && sim.passDeadline() === null) return;
      if (Object.keys(sim.state.pending).length > 0) sim.passDeadline();
    }
  }

  it.each(Object.keys(states).flatMap((state) => [[state, 'ready'], [state, 'absent']] as const))('that is %s and wanted %s gets there', (state, desired) => {
    const sim = states[state]?.() ?? new SimulatedLab();
    expect(state.startsWith(networkState(sim))).toBe(true);
    const wish = desired === 'ready' ? deploy : destroy;
    sim.command(wish);
    if (desired === 'ready') sim.command({ type: 'lab.retry', nodes: [], links: [] });
    recover(sim);
    // While it is being removed a deploy is refused; it is taken afterwards.
    if (desired === 'ready' && networkState(sim) === 'absent') {
      sim.command(wish);
      recover(sim);
    }
    expect(networkState(sim)).toBe(desired);
    expect(sim.state.pending).toEqual({});
  });
});

describe('a link over two hosts', () => {
  const HOSTS: Facts['hosts'] = ['h1', 'h2'].map((name, index) => ({ id: host(name), state: 'joined', underlay: { address: `10.200.0.${index + 1}`, device: 'under', mtu: 1500 } }));
  const nodes = [aNode('a', { host: 'h1' }), aNode('b', { host: 'h2' })];
  const one = aLink('a:eth1', 'b:eth1');
  const deploy = (links = [one]) => ({ type: 'lab.deploy' as const, spec: aLab(nodes, links), takeOver: false, reconfigure: false });
  type Joined = Extract<Observation, { type: 'link.joined' }>;
  type Seen = (order: Order, at: number) => Observation | null;

  const ofLink = (change: (joined: Joined) => Observation | null, on = 'h2'): Seen => (order, at) => {
    const seen = idealHost(order, at);
    return seen?.type === 'link.joined' && order.host === on ? change(seen) : seen;
  };
  const withTunnel = (over: Partial<NonNullable<Joined['tunnel']>>): Seen => ofLink((seen) => (seen.tunnel ? { ...seen, tunnel: { ...seen.tunnel, ...over } } : seen));
  const news = (sim: SimulatedLab, on: string, change: (joined: Joined) => Observation): void => {
    const order = sim.orders.findLast((each) => each.type === 'link.ensure' && each.host === on);
    const seen = order && idealHost(order, sim.at);
    if (seen?.type !== 'link.joined') throw new Error(`no end on ${on}`);
    const { effectId: _answered, ...told } = seen;
    sim.observeOn(host(on), change(told));
  };
  const begun = (answer: Seen): SimulatedLab => {
    const sim = new SimulatedLab();
    sim.command(deploy(), { hosts: HOSTS });
    return sim.run(answer);
  };
  const running = (then: (sim: SimulatedLab) => void): SimulatedLab => {
    const sim = begun(idealHost);
    then(sim);
    return sim;
  };
  const failing = ofLink((seen) => ({ type: 'effect.failed', effectId: seen.effectId ?? ('' as never), at: seen.at, code: 'kernel-refused', message: 'no', retryable: false, log: [] }));

  /** What the two hosts show, each brought about as it comes about. */
  const facts: Record<string, () => SimulatedLab> = {
    'not there': () => running((sim) => {
      sim.command(deploy([]), { hosts: HOSTS });
      sim.run();
    }),
    'being made': () => begun(ofLink(() => null)),
    'refused by one host': () => begun(failing),
    'of another VNI on one host': () => begun(withTunnel({ vni: 99 })),
    'led to another remote by one host': () => begun(withTunnel({ remote: '10.200.0.9' })),
    'without an echo': () => begun(withTunnel({ echo: 'lost' })),
    'not probed yet': () => begun(withTunnel({ echo: 'untold' })),
    'up': () => begun(idealHost),
    'up, then without an echo': () => running((sim) => news(sim, 'h2', (seen) => (seen.tunnel ? { ...seen, tunnel: { ...seen.tunnel, echo: 'lost' } } : seen))),
    'up, then lost on one host': () => running((sim) => news(sim, 'h1', ({ at, link }) => ({ type: 'link.lost', at, link, what: 'tunnel gone' }))),
    'up, then given up by one host': () => running((sim) => news(sim, 'h2', ({ at, link }) => ({ type: 'link.gave-up', at, link, code: 'x', message: 'y' }))),
    'up, with a host lost meanwhile': () => running((sim) => {
      sim.append([{ type: 'HostLost', host: host('h2'), reason: 'silent' }]);
      sim.run((order, at) => (order.host === host('h2') ? null : idealHost(order, at)));
      sim.append([{ type: 'HostReturned', host: host('h2') }]);
    }),
    'set down': () => running((sim) => {
      sim.command({ type: 'link.set', link: one.id, admin: 'down' });
      sim.run();
    }),
    'being removed': () => running((sim) => {
      sim.command(deploy([]), { hosts: HOSTS });
      sim.run((order, at) => (order.type === 'link.remove' ? null : idealHost(order, at)));
    }),
  };
  /** Hosts that can from here on, and say again what they see. */
  function recover(sim: SimulatedLab): void {
    for (let waits = 0; waits < 12; waits += 1) {
      sim.run();
      if (Object.keys(sim.state.pending).length === 0 && sim.passDeadline() === null) return;
      if (Object.keys(sim.state.pending).length > 0) sim.passDeadline();
    }
  }
  const oper = (sim: SimulatedLab): string => sim.state.links[one.id]?.machine.value ?? 'absent';

  it.each(Object.keys(facts).flatMap((fact) => ['up', 'down', 'absent'].map((wish) => [fact, wish] as const)))('X07: that is %s and wanted %s gets there', (fact, wish) => {
    const sim = facts[fact]?.() ?? new SimulatedLab();
    sim.command(deploy(wish === 'absent' ? [] : [one]), { hosts: HOSTS });
    recover(sim);
    // A link that was on its way out is wished for anew.
    if (wish !== 'absent' && oper(sim) === 'absent') {
      sim.command(deploy(), { hosts: HOSTS });
      recover(sim);
    }
    if (wish !== 'absent') sim.command({ type: 'link.set', link: one.id, admin: wish === 'up' ? 'up' : 'down' });
    sim.command({ type: 'lab.retry', nodes: [], links: [] });
    recover(sim);
    expect([oper(sim), sim.state.pending]).toEqual([wish, {}]);
  });
});
