// Loops that are watched over: overdue, failing again and again, stuck in one round; and what people are told.
import { pino } from 'pino';
import { beforeEach, describe, expect, it } from 'vitest';
import { loopProblem } from '../../machines/vocabulary/loop-report.ts';
import { LoopHealth } from '../../nats/loop-health.ts';

let now: number;
let lines: { level: number; loop: string; msg: string }[];
let health: LoopHealth;
const thrown = (): never => {
  throw new Error('thrown in the loop');
};
const problems = () => health.read().map(loopProblem);

beforeEach(() => {
  now = 0;
  lines = [];
  health = new LoopHealth(pino({}, { write: (line: string) => void lines.push(JSON.parse(line)) }), () => now);
});

describe('a loop', () => {
  it('S01: without success for two periods is late and an alarm, once, until it works again', async () => {
    const sweep = health.expect('sweep', 1_000);
    now = 2_000;
    health.look();
    expect([health.read(), lines]).toMatchObject([[{ name: 'sweep', late: false }], []]);
    now = 2_001;
    health.look();
    health.look();
    expect(lines).toMatchObject([{ level: 50, loop: 'sweep' }]);
    expect(problems()).toEqual(['its loop "sweep" is overdue']);
    await sweep.run(() => undefined);
    expect(lines.at(-1)).toMatchObject({ level: 30, msg: 'loop works again' });
    expect([health.read(), problems()]).toMatchObject([[{ late: false, runs: 1, ageMs: 0 }], [undefined]]);
  });

  it('S01: that fails twice in a row is an alarm, however soon; what is thrown ends no loop', async () => {
    const looks = health.expect('hosts', 1_000);
    await looks.run(thrown);
    expect([problems(), lines.filter(({ level }) => level === 50)]).toEqual([[undefined], []]);
    await looks.run(async () => await Promise.reject(new Error('thrown later')));
    expect(lines.filter(({ level }) => level === 50)).toMatchObject([{ loop: 'hosts' }]);
    expect([health.read(), problems()]).toMatchObject([[{ failures: 2, failing: 2, runs: 0, late: true }], ['its loop "hosts" fails again and again']]);
  });

  it('S01: that runs as needed may rest for ever, and is late when a round of it does not end', async () => {
    const echoes = health.expect('link echoes', 1_000, 'as-needed');
    await echoes.run(() => undefined);
    now = 100_000;
    expect(problems()).toEqual([undefined]);
    const gate = Promise.withResolvers<void>();
    const stuck = echoes.run(async () => await gate.promise);
    now += 2_001;
    await echoes.run(() => undefined);
    expect(problems()).toEqual(['its loop "link echoes" is overdue']);
    gate.resolve();
    await stuck;
    expect(problems()).toEqual([undefined]);
  });
});
