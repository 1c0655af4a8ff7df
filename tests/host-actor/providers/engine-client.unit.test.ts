// The lines of engine calls: creates take a share of that of changes, and what is free of it.
import { describe, expect, it } from 'vitest';
import { EngineClient } from '../../../host-actor/providers/docker/engine-client.ts';
import type { CallLane } from '../../../host-actor/providers/docker/engine-client.ts';

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

describe('lines of engine calls', () => {
  const begin = (atOnce: number) => {
    const engine = new EngineClient({ socketPath: '/nowhere', pace: { now: { atOnce } } });
    const ends = new Map<CallLane, (() => void)[]>();
    const all: Promise<void>[] = [];
    const call = (lane: CallLane, times: number): void => {
      for (let n = 0; n < times; n += 1) {
        all.push(engine.call({ what: lane, lane }, async () => await new Promise<void>((end) => void ends.set(lane, [...(ends.get(lane) ?? []), end]))));
      }
    };
    const running = () => [ends.get('create')?.length ?? 0, ends.get('change')?.length ?? 0];
    const end = async (lane: CallLane): Promise<void> => {
      ends.get(lane)?.shift()?.();
      await turn();
    };
    return { call, running, end, all };
  };

  it('creates take what is free but for two places while nothing else waits', async () => {
    const { call, running } = begin(8);
    call('create', 20);
    await turn();
    expect(running()).toEqual([6, 0]);
    call('change', 20);
    await turn();
    expect(running()).toEqual([6, 2]);
  });

  it('creates that come at once leave their places to the starts that run', async () => {
    const { call, running, end } = begin(8);
    call('change', 4);
    call('create', 20);
    await turn();
    expect(running()).toEqual([2, 4]);
    await end('create');
    expect(running()).toEqual([2, 4]);
    await end('change');
    expect(running()).toEqual([3, 3]);
    for (let n = 0; n < 3; n += 1) await end('change');
    expect(running()).toEqual([6, 0]);
  });

  it('creates take a quarter where there are starts for the rest, and all of them come to their end', async () => {
    const { call, running, end, all } = begin(8);
    call('change', 20);
    call('create', 20);
    await turn();
    expect(running()).toEqual([0, 8]);
    for (let n = 0; n < 6; n += 1) await end('change');
    expect(running()).toEqual([0, 8]);
    for (let n = 0; n < 8; n += 1) await end('change');
    expect(running()).toEqual([2, 6]);
    await end('create');
    expect(running()).toEqual([2, 6]);
    for (let n = 0; n < 60; n += 1) {
      await end('change');
      await end('create');
    }
    await Promise.all(all);
    expect(running()).toEqual([0, 0]);
  });

  it('of a line of one place creates have their turn', async () => {
    const { call, running, end } = begin(1);
    call('create', 2);
    await turn();
    expect(running()).toEqual([1, 0]);
    call('change', 1);
    await end('create');
    expect(running()).toEqual([0, 1]);
    await end('change');
    expect(running()).toEqual([1, 0]);
  });
});
