// The management network over hosts, without hosts: it is proved before the lab runs, and its loss is said and degrades the lab.
import { beforeEach, describe, expect, it } from 'vitest';
import { historyLines } from '../../cli/output/history.ts';
import { evolve } from '../../machines/evolve/evolve.ts';
import { initialLab } from '../../machines/evolve/lab-state.ts';
import { labView } from '../../machines/evolve/lab-view.ts';
import type { Order } from '../../machines/vocabulary/effect.ts';
import type { FarSeen, Observation } from '../../machines/vocabulary/observation.ts';
import type { Facts } from '../../machines/plan/plan-lab.ts';
import { aLab, aNode, host } from '../support/lab-builders.ts';
import { idealHost, SimulatedLab } from '../support/simulated-lab.ts';

const aHost = (name: string, last: number): Facts['hosts'][number] => ({ id: host(name), state: 'joined', underlay: { address: `10.200.0.${last}`, device: 'under', mtu: 1500 } });
const HOSTS = [aHost('h1', 1), aHost('h2', 2)];
const SPEC = aLab([aNode('a', { host: 'h1' }), aNode('b', { host: 'h2' })]);
const SILENT = 'no frame of 1450 bytes came back from 10.200.0.2 (VNI 4096, UDP port 4789)';
const PROBLEM = `management network: host h1 does not reach host h2: ${SILENT}`;

let sim: SimulatedLab;
beforeEach(() => {
  sim = new SimulatedLab();
  sim.command({ type: 'lab.deploy', spec: SPEC, takeOver: false, reconfigure: false }, { hosts: HOSTS });
});

const first = (echo: FarSeen['echo'] | undefined) => (order: Order, at: number): Observation | null => {
  const seen = idealHost(order, at);
  if (seen?.type !== 'network.ready') return seen;
  const { far, ...rest } = seen;
  return echo === undefined ? rest : { ...rest, far: (far ?? []).map((one) => ({ ...one, echo })) };
};
const says = (name: 'h1' | 'h2', echo: 'ok' | 'lost'): boolean =>
  sim.observeOn(host(name), { type: 'network.echo', at: sim.at, far: [{ remote: name === 'h1' ? '10.200.0.2' : '10.200.0.1', echo, ...(echo === 'lost' ? { reason: SILENT } : {}) }] });
const now = () => {
  const { state, problems } = labView(sim.state);
  return { state, problems };
};
const foldsAnew = () => expect(sim.entries.reduce((state, entry) => evolve(state, entry).state, initialLab(sim.state.id))).toEqual(sim.state);

describe('the management network over hosts', () => {
  it('X02: the lab does not run before each host has proved that it reaches the others', () => {
    sim.run(first('untold'));
    expect(now()).toEqual({ state: 'deploying', problems: [] });
    says('h1', 'ok');
    expect(now().state).toBe('deploying');
    says('h2', 'ok');
    expect(now()).toEqual({ state: 'running', problems: [] });
    foldsAnew();
  });

  it('X02: a lab whose hosts do not reach each other from the begin is degraded, with the reason', () => {
    sim.run(first('untold'));
    says('h1', 'lost');
    says('h2', 'ok');
    expect(now()).toEqual({ state: 'degraded', problems: [PROBLEM] });
  });

  it('X08: silence degrades the lab and says which host does not reach which; the answer mends it; nothing else is recorded', () => {
    sim.run();
    expect(now()).toEqual({ state: 'running', problems: [] });
    expect(says('h1', 'ok')).toBe(false);
    expect(says('h1', 'lost')).toBe(true);
    expect(now()).toEqual({ state: 'degraded', problems: [PROBLEM] });
    expect(says('h1', 'lost')).toBe(false);
    says('h1', 'ok');
    expect(now()).toEqual({ state: 'running', problems: [] });
    expect(sim.news.filter((sentence) => sentence.startsWith('management network'))).toEqual(expect.arrayContaining([PROBLEM, 'management network: host h1 reaches host h2 again']));
    foldsAnew();
  });

  it('is in the history by the names of hosts', () => {
    sim.run();
    says('h1', 'lost');
    const entry = sim.entries.at(-1);
    expect(entry && historyLines([{ entry, news: [PROBLEM] }])).toMatchObject([{ cause: 'external', what: PROBLEM }]);
    expect(entry && historyLines([{ entry, news: [] }])).toMatchObject([{ what: 'management network: host h1 hears 10.200.0.2 (lost)' }]);
  });

  it('runs where hosts say nothing of the others', () => {
    sim.run(first(undefined));
    expect(now()).toEqual({ state: 'running', problems: [] });
  });

  it('X09: says nothing of a host that is lost, and again what it knows when that is back', () => {
    sim.run();
    sim.append([{ type: 'HostLost', host: host('h2'), reason: 'silent for 15 s' }]);
    says('h1', 'lost');
    expect(now().problems.filter((problem) => problem.startsWith('management'))).toEqual([]);
    sim.append([{ type: 'HostReturned', host: host('h2') }]);
    sim.run();
    expect(now()).toEqual({ state: 'degraded', problems: [PROBLEM] });
    says('h1', 'ok');
    expect(now()).toEqual({ state: 'running', problems: [] });
  });

  it('X12: what was said of an address that the host has no more is forgotten', () => {
    sim.run();
    says('h1', 'lost');
    sim.append([{ type: 'VtepChanged', host: host('h2'), vtep: '10.200.0.7' }]);
    sim.run();
    expect(now()).toEqual({ state: 'running', problems: [] });
  });

  it('on its way out is not waited for, and its silence is no news', () => {
    sim.run();
    sim.command({ type: 'lab.destroy', cleanup: false, keepMgmtNet: false });
    expect(says('h1', 'lost')).toBe(false);
    sim.run();
    expect(now()).toEqual({ state: 'destroyed', problems: [] });
  });
});
