// An own end, somebody's hand, a restart by the engine, an outage: told apart by container and events.
import { describe, expect, it } from 'vitest';
import { deathOf, graceLeftMs, nextAfterDeath } from '../../../host-actor/judge-death.ts';
import { HostId, LabId, NodeId } from '../../../machines/vocabulary/ids.ts';
import type { InspectedNode, ObservedNode } from '../../../host-actor/providers/provider.ts';

const container: ObservedNode = {
  labId: LabId.parse('l'), nodeId: NodeId.parse('n'), hostId: HostId.parse('h'), generation: 1, specDigest: '', runtimeId: 'c1', name: 'clab-l-n', status: 'exited', pid: 0, exitCode: 3,
  oomKilled: false, error: '', createdAt: 1, startedAt: 1_000, finishedAt: 5_000, health: 'none', image: 'i', imageId: '', tty: true, wiring: 'before-start', engineNetworks: {},
};
const exited: InspectedNode = { found: 'ours', node: container };
const events = { runtimeId: 'c1', startAt: 1_000 };

describe('death of a process', () => {
  it('is its own without a kill or stop before it', () => {
    expect(deathOf(exited, { ...events, dieAt: 5_000 })).toMatchObject({ kind: 'own', exitCode: 3 });
  });

  it('is by hand after a kill, and with a stop beside it', () => {
    expect(deathOf(exited, { ...events, killAt: 4_990, dieAt: 5_000 })).toMatchObject({ kind: 'hand' });
    expect(deathOf(exited, { ...events, dieAt: 5_000, stopAt: 5_001 })).toMatchObject({ kind: 'hand' });
  });

  it('is its own when the kill was of an earlier life', () => {
    expect(deathOf(exited, { ...events, killAt: 900, dieAt: 5_000 })).toMatchObject({ kind: 'own' });
  });

  it('is an outage when the engine told nobody', () => {
    expect(deathOf(exited, undefined)).toMatchObject({ kind: 'outage' });
    expect(deathOf(exited, { ...events, runtimeId: 'older', dieAt: 5_000 })).toMatchObject({ kind: 'outage' });
  });

  it('is a removal when the container is gone, or its name is held by another', () => {
    expect(deathOf({ found: 'absent' }, { ...events, dieAt: 5_000, exitCode: 137 })).toMatchObject({ kind: 'removed', exitCode: 137 });
    expect(deathOf({ found: 'foreign', holder: { runtimeId: 'x', name: 'clab-l-n', image: 'i' } }, undefined)).toMatchObject({ kind: 'removed' });
  });

  it('is none when nothing ran yet', () => {
    const { startedAt: _startedAt, finishedAt: _finishedAt, ...rest } = container;
    expect(deathOf({ found: 'ours', node: { ...rest, startedAt: undefined, finishedAt: undefined, status: 'created' } }, undefined)).toMatchObject({ kind: 'never-ran' });
  });
});

describe('restart policy', () => {
  const own = deathOf(exited, { ...events, dieAt: 5_000 });
  it('judges an own end', () => {
    expect(nextAfterDeath('no', own)).toBe('leave');
    expect(nextAfterDeath('on-failure', own)).toBe('restart');
    expect(nextAfterDeath('on-failure', { ...own, exitCode: 0 })).toBe('leave');
    expect(nextAfterDeath('always', { ...own, exitCode: 0 })).toBe('restart');
    expect(nextAfterDeath('unless-stopped', own)).toBe('restart');
  });

  it('does not excuse what a hand or an outage did', () => {
    for (const kind of ['hand', 'removed', 'outage', 'never-ran'] as const) expect(nextAfterDeath('no', { ...own, kind })).toBe('restart');
  });
});

describe('grace for a restart by the engine', () => {
  it('is none for an own end, so that repair begins at once', () => {
    expect(graceLeftMs({ ...events, dieAt: 5_000 }, 5_001)).toBe(0);
  });

  it('is none after a bare SIGKILL, and a second after a stop signal, until it is clear whether a stop follows', () => {
    expect(graceLeftMs({ ...events, killAt: 4_999, dieAt: 5_000 }, 5_010)).toBe(0);
    expect(graceLeftMs({ ...events, killAt: 4_999, termAt: 4_998, dieAt: 5_000 }, 5_010)).toBe(990);
    expect(graceLeftMs({ ...events, killAt: 4_999, termAt: 4_998, dieAt: 5_000 }, 6_000)).toBe(0);
    expect(graceLeftMs({ ...events, killAt: 900, termAt: 900, dieAt: 5_000 }, 5_010)).toBe(0);
  });

  it('is a second after a stop, and none once the container is gone', () => {
    expect(graceLeftMs({ ...events, killAt: 4_999, dieAt: 5_000, stopAt: 5_002 }, 5_100)).toBe(902);
    expect(graceLeftMs({ ...events, killAt: 4_999, dieAt: 5_000, stopAt: 5_002, destroyAt: 5_050 }, 5_100)).toBe(0);
  });
});
