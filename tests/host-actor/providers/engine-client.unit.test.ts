// The lines of engine calls: creates take a share of that of changes.
import { describe, expect, it } from 'vitest';
import { EngineClient } from '../../../host-actor/providers/docker/engine-client.ts';
import type { CallLane } from '../../../host-actor/providers/docker/engine-client.ts';

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

describe('lines of engine calls', () => {
  it('creates leave most of the line of changes to starts, and wait in it like them', async () => {
    const engine = new EngineClient({ socketPath: '/nowhere', pace: { now: { atOnce: 8 } } });
    const running: CallLane[] = [];
    const gate = Promise.withResolvers<void>();
    const all: Promise<void>[] = [];
    const call = (lane: CallLane): void => {
      all.push(engine.call({ what: lane, lane }, async () => {
        running.push(lane);
        await gate.promise;
        running.splice(running.indexOf(lane), 1);
      }));
    };
    for (let n = 0; n < 20; n += 1) call('create');
    await turn();
    expect(running).toEqual(['create', 'create']);
    for (let n = 0; n < 20; n += 1) call('change');
    await turn();
    expect(running.filter((lane) => lane === 'change')).toHaveLength(6);
    gate.resolve();
    await Promise.all(all);
    expect(running).toEqual([]);
  });
});
