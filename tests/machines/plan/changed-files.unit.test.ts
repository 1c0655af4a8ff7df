// Which nodes a deploy makes anew because files changed: those that bind copies, not those that bind the files where they lie.
import { describe, expect, it } from 'vitest';
import { decide } from '../../../machines/decide/decide.ts';
import { evolve } from '../../../machines/evolve/evolve.ts';
import type { LabState } from '../../../machines/evolve/lab-state.ts';
import { initialLab } from '../../../machines/evolve/lab-state.ts';
import { renderOrder } from '../../../machines/evolve/render-order.ts';
import type { LabSpec } from '../../../machines/vocabulary/lab-spec.ts';
import { aLab, aNode, facts, host, lab } from '../../support/lab-builders.ts';

const [H1, H2] = [host('h1'), host('h2')];
const underlay = (address: string) => ({ underlay: { address, device: 'eth0', mtu: 1500 } });
const FACTS = facts({ hosts: [{ id: H1, state: 'joined', ...underlay('10.0.0.1') }, { id: H2, state: 'joined', ...underlay('10.0.0.2') }] });
const files = (digit: string) => [{ source: '/l/conf', entries: [{ is: 'folder' as const, path: '', mode: 0o755, uid: 0, gid: 0 }, { is: 'file' as const, path: 'x', mode: 0o644, uid: 0, gid: 0, sha256: digit.repeat(64) }] }];
const spec = (digit: string, filesHost: LabSpec['filesHost'] = H1): LabSpec =>
  aLab(['h1', 'h2'].map((name) => aNode(`on-${name}`, { host: name, binds: ['/l/conf:/conf'], files: files(digit) })), [], filesHost === undefined ? {} : { filesHost });

function deployed(first: LabSpec): LabState {
  const decision = decide({ type: 'lab.deploy', spec: first, takeOver: false, reconfigure: false }, initialLab(lab('t')), FACTS);
  if (decision.kind !== 'events') throw new Error(JSON.stringify(decision));
  return evolve(initialLab(lab('t')), { v: 1, lab: lab('t'), n: 1, at: 1_000, term: 0, events: [...decision.events] }).state;
}

function changesOf(state: LabState, next: LabSpec): string[] {
  const decision = decide({ type: 'lab.deploy', spec: next, takeOver: false, reconfigure: false }, state, FACTS);
  return decision.kind === 'events' ? decision.changes.map(({ id, action, reason }) => `${action} ${id}: ${reason}`) : [decision.kind];
}

describe('files of a lab', () => {
  it('X14: changed ones recreate the nodes that bind copies, and no other', () => {
    expect(changesOf(deployed(spec('a')), spec('a'))).toEqual(['nothing']);
    expect(changesOf(deployed(spec('a')), spec('b'))).toEqual(['recreate on-h2: files changed: /l/conf/x']);
  });

  it('X14: deployed from another host, those that bind them in place get copies, and the other way round', () => {
    expect(changesOf(deployed(spec('a', H1)), spec('a', H2))).toEqual(['recreate on-h1: binds copies of files now', 'recreate on-h2: binds files in place now']);
  });

  it('X14: of a lab that was deployed without them recreate the nodes that need copies', () => {
    const without = { ...spec('a'), nodes: spec('a').nodes.map(({ files: _files, ...node }) => node) };
    expect(changesOf(deployed(without), spec('a'))).toEqual(['recreate on-h2: binds copies of files now']);
  });

  it('X14: each order says on which host they lie', () => {
    const state = deployed(spec('a'));
    const orders = Object.values(state.pending).flatMap((effect) => renderOrder(state, effect) ?? []).filter((order) => order.type === 'node.prepare');
    expect(orders.map((order) => [order.host, order.context.filesHost, order.node.files?.length])).toEqual([['h1', 'h1', 1], ['h2', 'h1', 1]]);
  });
});
