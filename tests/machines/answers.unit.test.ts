// Orders whose answer does not come: a named wait with a moment, asked again, said in words, and forgotten once answered.
import { describe, expect, it } from 'vitest';
import { evolve } from '../../machines/evolve/evolve.ts';
import { initialLab } from '../../machines/evolve/lab-state.ts';
import { labView } from '../../machines/evolve/lab-view.ts';
import { ANSWER_WITHIN_MS } from '../../machines/policy/retry-policy.ts';
import { aLab, aLink, aNode, lab } from '../support/lab-builders.ts';
import { idealHost, SimulatedLab } from '../support/simulated-lab.ts';

const spec = aLab([aNode('a', { exec: ['x'] }), aNode('b')], [aLink('a:eth1', 'b:eth1')]);
const deployed = (answer = idealHost) => {
  const sim = new SimulatedLab();
  sim.command({ type: 'lab.deploy', spec, takeOver: false, reconfigure: false });
  return sim.run(answer);
};
const silentAbout = (type: string) => deployed((order, at) => (order.type === type ? null : idealHost(order, at)));

describe('a host that does not answer', () => {
  it('is waited for by name until a moment, which the user sees; no other wait stands beside it', () => {
    const sim = silentAbout('link.ensure');
    const sentAt = Object.values(sim.state.pending)[0]?.sentAt ?? 0;
    expect(labView(sim.state)).toMatchObject({ state: 'deploying', problems: [], deadlines: [{ name: 'answer/h1', at: sentAt + ANSWER_WITHIN_MS }] });
  });

  it('is asked again with the same order, later each time and without end, and the lab says since when', () => {
    const sim = silentAbout('link.ensure');
    const [order] = sim.orders.filter(({ type }) => type === 'link.ensure');
    const waits: number[] = [];
    for (let times = 0; times < 7; times += 1) {
      expect(sim.passDeadline()).toBe('answer/h1');
      waits.push((sim.state.deadlines['answer/h1'] ?? 0) - sim.at);
      sim.run(() => null);
    }
    expect(sim.orders.filter(({ type }) => type === 'link.ensure')).toEqual(Array.from({ length: 8 }, () => order));
    expect(waits).toEqual([120_000, 240_000, 480_000, 600_000, 600_000, 600_000, 600_000]);
    const { problems, links, state } = labView(sim.state);
    expect(problems).toEqual([expect.stringMatching(/^host h1 does not answer since 1970-01-01T00:00:01.*: link\.ensure of a:eth1--b:eth1, asked 8 times$/)]);
    expect(links[0]?.reason).toBe('joining: waits for host h1 to answer link.ensure');
    expect(state).toBe('deploying');
    expect(sim.news).toContain('host h1 has not answered link.ensure of a:eth1--b:eth1 for 60 s: asked again');
  });

  it('answers at last: the lab goes on and no wait is left', () => {
    const sim = silentAbout('link.ensure');
    sim.passDeadline();
    sim.run();
    expect(labView(sim.state)).toMatchObject({ state: 'running', problems: [], deadlines: [] });
  });

  it('has longer for images and commands', () => {
    const sim = silentAbout('node.exec');
    const [owed] = Object.values(sim.state.pending);
    expect((owed?.dueAt ?? 0) - (owed?.sentAt ?? 0)).toBe(10 * ANSWER_WITHIN_MS);
  });

  it('is not asked again for what a newer order replaced', () => {
    const sim = silentAbout('node.prepare');
    sim.command({ type: 'lab.destroy', cleanup: false, keepMgmtNet: false });
    sim.run();
    expect(labView(sim.state)).toMatchObject({ state: 'destroyed', deadlines: [], problems: [] });
  });
});

describe('an older supervisor', () => {
  it('waited without end: its orders get their moment with the first entry of this one', () => {
    const sim = silentAbout('link.ensure');
    const old = sim.entries.map(({ answerWithinMs: _within, ...entry }) => entry);
    const before = old.reduce((state, entry) => evolve(state, entry).state, initialLab(lab('t')));
    expect(labView(before).deadlines).toEqual([]);
    const after = evolve(before, { v: 1, lab: lab('t'), n: before.n + 1, at: 5_000, term: 1, answerWithinMs: 1_000, events: [{ type: 'TakenOver', term: 1, supervisor: 'new' }] }).state;
    expect(labView(after).deadlines).toEqual([{ name: 'answer/h1', at: 6_000 }]);
  });
});
