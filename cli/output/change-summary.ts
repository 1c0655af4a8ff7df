// What a deploy changes on a running lab, in the words people's scripts look for, and as a table with a reason for each step.
import type { Change } from '../../machines/vocabulary/lab-plan.ts';
import { renderTable } from './table.ts';

/** `Apply plan` or `Apply summary` with one row for each kind of change; `no changes` where there are none. */
export function renderChangeSummary(title: 'Apply plan' | 'Apply summary', changes: readonly Change[]): string {
  const rows: (readonly [string, readonly string[]])[] = [
    ['added nodes', pick(changes, 'node', ['add']).map(({ id }) => id)],
    ['deleted nodes', pick(changes, 'node', ['remove']).map(({ id }) => id)],
    ['recreated nodes', pick(changes, 'node', ['recreate']).map(({ id, reason }) => `${id} (${drift(reason)})`)],
    ['started nodes', pick(changes, 'node', ['start']).map(({ id }) => id)],
    ['added links', pick(changes, 'link', ['add']).map(({ id }) => linkText(id))],
    ['updated links', pick(changes, 'link', ['update']).map(({ id, reason }) => `${linkText(id)} (${drift(reason)})`)],
    ['deleted endpoints', pick(changes, 'link', ['remove']).flatMap(({ id }) => endpoints(id))],
    ['lab', pick(changes, 'lab', ['update']).map(({ reason }) => reason)],
    ['management network', pick(changes, 'mgmt', ['add', 'remove', 'recreate', 'update']).map(({ id, reason }) => `${id} (${reason})`)],
  ];
  const lines = rows.filter(([, items]) => items.length > 0).map(([label, items]) => `  ${label}: ${items.join(', ')}`);
  return [title, ...(lines.length > 0 ? lines : ['  no changes'])].join('\n');
}

/** Every step with its reason, in the order it is taken. */
export function renderChangeTable(changes: readonly Change[]): string {
  return renderTable(['Object', 'Id', 'Action', 'Reason'], changes.map((change) => [change.object, change.id, change.action, change.reason]));
}

const pick = (changes: readonly Change[], object: Change['object'], actions: readonly Change['action'][]): Change[] =>
  changes.filter((change) => change.object === object && actions.includes(change.action));

const endpoints = (link: string): string[] => link.split('--');
const linkText = (link: string): string => endpoints(link).join(' <--> ');

/** `changed: env, exec` becomes `config drift: Env, Exec`; other reasons stay as they are. */
function drift(reason: string): string {
  const keys = /^changed: (.+)$/.exec(reason)?.[1];
  if (keys === undefined) return reason;
  return `config drift: ${keys.split(', ').map((key) => key.charAt(0).toUpperCase() + key.slice(1)).join(', ')}`;
}
