// Work that is limited or shared: order, cancelling, and the last one out.
import { describe, expect, it } from 'vitest';
import { CallLimiter } from '../../../host-actor/providers/docker/call-limiter.ts';
import { SharedTasks } from '../../../host-actor/providers/docker/shared-tasks.ts';

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

describe('call limiter', () => {
  it('runs so many at once, the rest in order', async () => {
    const limiter = new CallLimiter(() => 2);
    const opened: number[] = [];
    const gates = Array.from({ length: 5 }, () => Promise.withResolvers<void>());
    const all = gates.map((gate, index) => limiter.run(undefined, async () => {
      opened.push(index);
      await gate.promise;
    }));
    await turn();
    expect(opened).toEqual([0, 1]);
    gates[1]?.resolve();
    await turn();
    expect(opened).toEqual([0, 1, 2]);
    for (const gate of gates) gate.resolve();
    await Promise.all(all);
    expect(opened).toEqual([0, 1, 2, 3, 4]);
  });

  it('follows a limit that changes: none ends early, and the line moves up when it rises', async () => {
    let most = 3;
    const limiter = new CallLimiter(() => most);
    const gates = Array.from({ length: 6 }, () => Promise.withResolvers<void>());
    let opened = 0;
    const all = gates.map((gate) => limiter.run(undefined, async () => {
      opened += 1;
      await gate.promise;
    }));
    await turn();
    most = 1;
    gates[0]?.resolve();
    gates[1]?.resolve();
    await turn();
    expect(opened).toBe(3);
    most = 3;
    gates[2]?.resolve();
    await turn();
    expect(opened).toBe(6);
    for (const gate of gates) gate.resolve();
    await Promise.all(all);
  });

  it('gives its place on after an error', async () => {
    const limiter = new CallLimiter(() => 1);
    await expect(limiter.run(undefined, () => Promise.reject(new Error('no')))).rejects.toThrow('no');
    expect(await limiter.run(undefined, () => Promise.resolve(1))).toBe(1);
  });

  it('lets a cancelled one leave the line without its turn', async () => {
    const limiter = new CallLimiter(() => 1);
    const first = Promise.withResolvers<void>();
    const running = limiter.run(undefined, () => first.promise);
    const leave = new AbortController();
    let ran = false;
    const waiting = limiter.run(leave.signal, async () => { ran = true; });
    const behind = limiter.run(undefined, () => Promise.resolve('behind'));
    leave.abort(new Error('left'));
    await expect(waiting).rejects.toThrow('left');
    first.resolve();
    await running;
    expect(await behind).toBe('behind');
    expect(ran).toBe(false);
    await expect(limiter.run(leave.signal, () => Promise.resolve(1))).rejects.toThrow('left');
  });
});

describe('shared tasks', () => {
  it('does the work once for all who ask meanwhile, and again later', async () => {
    const tasks = new SharedTasks<number, string>();
    const gate = Promise.withResolvers<number>();
    let starts = 0;
    const start = () => { starts += 1; return gate.promise; };
    const both = Promise.all([tasks.run('k', {}, start), tasks.run('k', {}, start)]);
    gate.resolve(5);
    expect(await both).toEqual([5, 5]);
    await turn();
    expect(await tasks.run('k', {}, () => Promise.resolve(6))).toBe(6);
    expect(starts).toBe(1);
  });

  it('tells progress to all who listen', async () => {
    const tasks = new SharedTasks<void, string>();
    const heard: string[] = [];
    await tasks.run('k', { onProgress: (text) => heard.push(text) }, async (_signal, onProgress) => {
      await turn();
      onProgress('half');
    });
    expect(heard).toEqual(['half']);
  });

  it('goes on while one still waits, and stops with the last', async () => {
    const tasks = new SharedTasks<void, never>();
    const stopped: boolean[] = [];
    const start = (signal: AbortSignal) => new Promise<void>((_resolve, reject) => {
      signal.addEventListener('abort', () => { stopped.push(true); reject(new Error('stopped')); });
    });
    const [one, other] = [new AbortController(), new AbortController()];
    const outcomes = [tasks.run('k', { signal: one.signal }, start), tasks.run('k', { signal: other.signal }, start)];
    one.abort();
    await expect(outcomes[0]).rejects.toMatchObject({ code: 'cancelled' });
    expect(stopped).toEqual([]);
    other.abort();
    await expect(outcomes[1]).rejects.toMatchObject({ code: 'cancelled' });
    expect(stopped).toEqual([true]);
  });

  it('gives an error to all, and starts anew after it', async () => {
    const tasks = new SharedTasks<number, never>();
    const outcomes = await Promise.allSettled([tasks.run('k', {}, () => Promise.reject(new Error('no'))), tasks.run('k', {}, () => Promise.resolve(1))]);
    expect(outcomes.map((outcome) => outcome.status)).toEqual(['rejected', 'rejected']);
    await turn();
    expect(await tasks.run('k', {}, () => Promise.resolve(2))).toBe(2);
  });
});
