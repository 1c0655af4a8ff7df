// Where a plan puts nodes, as people read it.
import { expect, it } from 'vitest';
import { renderPlacement } from '../../cli/output/placement.ts';
import { decide } from '../../machines/decide/decide.ts';
import { evolve } from '../../machines/evolve/evolve.ts';
import { initialLab } from '../../machines/evolve/lab-state.ts';
import type { Facts } from '../../machines/plan/plan-lab.ts';
import { aLab, aLink, aNode, facts, host, lab } from '../support/lab-builders.ts';

const capacity = { cpus: 2, cpuOvercommit: 3, memoryMiB: 8192, diskMiB: 40_960, devices: [] };
const hosts: Facts['hosts'] = ['h1', 'h2'].map((name, index) => ({ id: host(name), state: 'joined', capacity, underlay: { address: `10.0.0.${index + 1}`, device: 'x', mtu: 1500 } }));
const deploy = { type: 'lab.deploy', spec: aLab([aNode('a', { host: 'h1', cpus: 1 }), aNode('b', { host: 'h2' })], [aLink('a:eth1', 'b:eth1')]), takeOver: false, reconfigure: false } as const;

it('P06: shows each node with its host and the reason, and what is left on each host by its own overcommit', () => {
  const first = decide(deploy, initialLab(lab('t')), facts({ hosts }));
  if (first.kind !== 'events' || first.placement === undefined) throw new Error('not planned');
  const text = renderPlacement(first.placement);
  expect(text).toContain('│ a    │ h1   │ the file pins it │');
  expect(text).toContain('│ h1   │ 1                │ 5.0      │ 7.6 GiB     │ 38.0 GiB  │ -          │');
  expect(text).toContain('1 link runs between hosts');
  // The same where nothing changes: nodes that are pinned to where they stand take their room too.
  const state = evolve(initialLab(lab('t')), { v: 1, lab: lab('t'), n: 1, at: 1_000, term: 0, events: [...first.events] }).state;
  const again = decide(deploy, state, facts({ hosts }));
  if (again.kind !== 'nothing' || again.placement === undefined) throw new Error('something changes');
  expect(again.placement.nodes.map(({ node, host: on, code }) => [node, on, code])).toEqual([['a', 'h1', 'pinned'], ['b', 'h2', 'pinned']]);
});
