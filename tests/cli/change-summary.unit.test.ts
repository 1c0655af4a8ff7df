// What deploy says it changes: rows that people's scripts look for, with a reason for each step beside them.
import { describe, expect, it } from 'vitest';
import { renderChangeSummary, renderChangeTable } from '../../cli/output/change-summary.ts';
import type { Change } from '../../machines/vocabulary/lab-plan.ts';

const changes: Change[] = [
  { object: 'link', id: 'l1:eth2--l2:eth2', action: 'remove', reason: 'not in the lab file any more' },
  { object: 'node', id: 'l3', action: 'remove', reason: 'not in the lab file any more' },
  { object: 'node', id: 'l4', action: 'add', reason: 'not there yet' },
  { object: 'node', id: 'l1', action: 'recreate', reason: 'changed: env, exec' },
  { object: 'node', id: 'l5', action: 'start', reason: 'it is stopped' },
  { object: 'link', id: 'l1:eth3--l4:eth1', action: 'add', reason: 'not there yet' },
  { object: 'link', id: 'l1:eth1--l2:eth1', action: 'update', reason: 'changed: mtu' },
];

describe('change summary', () => {
  it('has one row for each kind of change', () => {
    expect(renderChangeSummary('Apply summary', changes)).toBe([
      'Apply summary',
      '  added nodes: l4',
      '  deleted nodes: l3',
      '  recreated nodes: l1 (config drift: Env, Exec)',
      '  started nodes: l5',
      '  added links: l1:eth3 <--> l4:eth1',
      '  updated links: l1:eth1 <--> l2:eth1 (config drift: Mtu)',
      '  deleted endpoints: l1:eth2, l2:eth2',
    ].join('\n'));
  });
  it('says when there is nothing to do', () => {
    expect(renderChangeSummary('Apply plan', [])).toBe('Apply plan\n  no changes');
  });
  it('has a table with a reason for each step', () => {
    expect(renderChangeTable(changes.slice(0, 1))).toContain('│ link   │ l1:eth2--l2:eth2 │ remove │ not in the lab file any more │');
  });
});
