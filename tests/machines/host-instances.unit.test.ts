// Which processes speak in a host's name: restarts are no conflict, two at a time are, and the newest wins.
import { describe, expect, it } from 'vitest';
import { noteInstance, rivalsOf, toFence, withoutSilent } from '../../machines/host/host-instances.ts';
import type { KnownInstance } from '../../machines/host/host-instances.ts';
import { hostStepper } from '../../machines/evolve/steppers.ts';
import { hostStateOf } from '../../machines/host/host-machine.ts';
import type { HostEvent, HostLife } from '../../machines/host/host-machine.ts';
import { HOST_PROTOCOL, protocolMismatch } from '../../machines/vocabulary/host-protocol.ts';

const STARTED: Record<string, number> = { old: 100, new: 200, newest: 300 };
/** Beats as `old@0 new@2`, seconds; a beat with `!` says that it is fenced. */
function heard(text: string): readonly KnownInstance[] {
  return text.split(' ').reduce<readonly KnownInstance[]>((known, word) => {
    const [name = '', at = ''] = word.replace('!', '').split('@');
    return noteInstance(known, { instance: name, startedAt: STARTED[name] ?? 0, fenced: word.includes('!') }, { now: Number(at) * 1000, windowMs: 5_000 });
  }, []);
}
const names = (list: readonly KnownInstance[]) => list.map((one) => one.instance);

describe('processes that speak in one name', () => {
  it('are no conflict when one follows the other', () => {
    expect(rivalsOf(heard('old@0 old@2 new@3 new@5'))).toEqual([]);
    expect(rivalsOf(heard('new@0 new@2 old@3 old@5 old@7'))).toEqual([]);
  });

  it('R06 are in conflict once the earlier one speaks again, and the older is to be fenced', () => {
    const known = heard('old@0 new@1 old@2');
    expect([names(rivalsOf(known)), names(toFence(rivalsOf(known)))]).toEqual([['new', 'old'], ['old']]);
    expect(names(toFence(rivalsOf(heard('new@0 old@1 new@2'))))).toEqual(['old']);
    expect(names(toFence(rivalsOf(heard('old@0 new@1 old@2 newest@2 new@3 old@4'))))).toEqual(['new', 'old']);
  });

  it('stay in conflict while both speak, though the older is fenced', () => {
    const known = heard('old@0 new@1 old@2 new@3 old!@4 new@5 old!@6');
    expect([names(rivalsOf(known)), toFence(rivalsOf(known))]).toEqual([['new', 'old'], []]);
  });

  it('are in conflict no more when one was silent for the window', () => {
    const known = withoutSilent(heard('old@0 new@1 old@2 new@3 new@5'), { now: 7_500, windowMs: 5_000 });
    expect([names(known), rivalsOf(known)]).toEqual([['new'], []]);
  });
});

describe('the life of a host', () => {
  const after = (...events: HostEvent['type'][]) => {
    const end = events.reduce((state, type) => hostStepper.step(state, type === 'wish' ? { type, wish: 'draining' } : { type }).next, hostStepper.initial());
    return hostStateOf(end.value as HostLife, end.context);
  };
  it('X13: of another protocol is incompatible, whatever is wished, and is compared once both sides fit', () => {
    expect(after('strange')).toBe('incompatible');
    expect(after('beat', 'wish', 'strange')).toBe('incompatible');
    expect(after('beat', 'strange', 'beat')).toBe('returned');
    expect(after('beat', 'strange', 'beat', 'compared')).toBe('joined');
    expect(after('strange', 'silent')).toBe('lost');
  });

  it('X13: says which side is to be updated', () => {
    const own = { protocol: HOST_PROTOCOL, version: '0.2.0' };
    expect(protocolMismatch('host h1', { protocol: HOST_PROTOCOL, version: '0.1.0' }, own)).toBeUndefined();
    expect(protocolMismatch('host h1', { version: '0.1.0' }, own)).toMatch(/^host h1 speaks protocol of before protocols had numbers \(version 0\.1\.0\).*install version 0\.2\.0 there$/);
    expect(protocolMismatch('host h1', { protocol: HOST_PROTOCOL + 1, version: '0.3.0' }, own)).toMatch(/install version 0\.3\.0 here$/);
  });
});
