// Numbers of tunnels are unique over the installation, whatever other labs and lab files hold.
import { describe, expect, it } from 'vitest';
import { decide } from '../../../machines/decide/decide.ts';
import { initialLab } from '../../../machines/evolve/lab-state.ts';
import type { Facts } from '../../../machines/plan/plan-lab.ts';
import { tunnelNumbers } from '../../../machines/plan/plan-tunnels.ts';
import { collectFacts } from '../../../supervisor/facts.ts';
import { aLab, aLink, aNode, facts, host, lab } from '../../support/lab-builders.ts';

const take = (numbers: ReturnType<typeof tunnelNumbers>, count: number) => Array.from({ length: count }, () => numbers.take());
const hosts: Facts['hosts'] = ['h1', 'h2'].map((name, index) => ({ id: host(name), state: 'joined', underlay: { address: `10.0.0.${index + 1}`, device: 'x', mtu: 1500 } }));

/** The numbers that a lab of so many links between two hosts gets. */
function numbersOf(name: string, links: number, over: Partial<Facts>): number[] {
  const spec = aLab([aNode('a', { host: 'h1' }), aNode('b', { host: 'h2' })], Array.from({ length: links }, (_, index) => aLink(`a:eth${index + 1}`, `b:eth${index + 1}`)), { id: lab(name) });
  const decision = decide({ type: 'lab.deploy', spec, takeOver: false, reconfigure: false }, initialLab(lab(name)), facts({ hosts, ...over }));
  if (decision.kind !== 'events') throw new Error(JSON.stringify(decision));
  const [event] = decision.events;
  if (event?.type !== 'LabDeployRequested') throw new Error('no deploy');
  return [...Object.values(event.plan.links).flatMap((link) => link.far?.tunnel.vni ?? []), ...(event.plan.span ? [event.plan.span.vni] : [])];
}

describe('tunnel numbers', () => {
  it('X04: of 100,000 links in 25 labs are all different, and none is one that a lab file named', () => {
    const named = Array.from({ length: 1_000 }, (_, index) => 4096 * (1 + (index % 25)) + 1 + index);
    const taken = new Set(named);
    for (let labNumber = 1; labNumber <= 25; labNumber += 1) {
      const numbers = take(tunnelNumbers(labNumber, 1, taken), 4_000).flatMap((vni) => vni ?? []);
      expect(numbers.some((vni) => taken.has(vni))).toBe(false);
      for (const vni of numbers) taken.add(vni);
    }
    expect(taken.size).toBe(new Set(named).size + 100_000);
    expect(Math.max(...taken)).toBeLessThan(2 ** 24);
  });

  it('X04: differ also where two labs are forced to the same number', () => {
    const first = tunnelNumbers(7, 1, new Set());
    const one = take(first, 2_000);
    const other = take(tunnelNumbers(7, 1, new Set(one.flatMap((vni) => vni ?? []))), 2_000);
    expect(new Set([...one, ...other]).size).toBe(4_000);
    expect(take(tunnelNumbers(7, 1, new Set([...one, ...other].flatMap((vni) => vni ?? []))), 96).at(-1)).toBeNull();
  });

  it('X06: are none that a tunnel of somebody else has on any host, the management network\'s included', () => {
    const taken = collectFacts(lab('one'), { now: 1, claims: new Map(), hosts: hosts.map((one, index) => ({ ...one, tunnels: { usedVnis: index === 0 ? [[9 * 4096, 9 * 4096 + 3]] : [[9 * 4096 + 5, 9 * 4096 + 5]] } })), firstNumber: 9, foreignAddresses: () => [] });
    expect(numbersOf('one', 3, { labNumber: 9, takenVnis: taken.takenVnis }).toSorted((one, other) => one - other)).toEqual([4, 6, 7, 8].map((count) => 9 * 4096 + count));
  });

  it('X04: of whole plans with one lab number share none, the management network\'s included', () => {
    const one = numbersOf('one', 300, { labNumber: 9 });
    const other = numbersOf('other', 300, { labNumber: 9, takenVnis: new Set(one) });
    expect(one).toHaveLength(301);
    expect(new Set([...one, ...other]).size).toBe(602);
  });
});
