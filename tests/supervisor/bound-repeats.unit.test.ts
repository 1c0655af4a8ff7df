// The supervisor's log when one thing fails again and again: said once, then counted.
import { describe, expect, it } from 'vitest';
import { pino } from 'pino';
import { boundRepeats } from '../../supervisor/bound-repeats.ts';

function aLog() {
  const lines: Record<string, unknown>[] = [];
  const clock = { now: 1_000 };
  const logger = pino({ hooks: { logMethod: boundRepeats(() => clock.now) } }, { write: (line: string) => void lines.push(JSON.parse(line) as Record<string, unknown>) });
  const fail = (labId: string, message = 'entry 5 is not valid') => logger.error({ err: new Error(message), labId }, 'log of lab cannot be read');
  return { lines, clock, logger, fail };
}

describe('a log that cannot be read, for as long as it lasts', () => {
  it('is said once, and again after ten minutes with how often it was', () => {
    const { lines, clock, fail } = aLog();
    for (let turn = 0; turn < 10_000; turn += 1) fail('sick', `entry ${turn} is not valid`);
    expect(lines).toHaveLength(1);
    clock.now += 600_000;
    fail('sick');
    fail('sick');
    expect(lines).toHaveLength(2);
    expect(lines[1]).toMatchObject({ labId: 'sick', leftOut: 9_999, msg: 'log of lab cannot be read', err: { message: 'entry 5 is not valid' } });
  });

  it('hides nothing else: not another lab, not another reason, not another level, nothing without an error', () => {
    const { lines, logger, fail } = aLog();
    fail('sick');
    fail('ill');
    fail('sick', 'no such stream');
    logger.warn({ err: new Error('entry 5 is not valid'), labId: 'sick' }, 'log of lab cannot be read');
    for (const _turn of [1, 2]) logger.info({ labId: 'sick' }, 'labs resumed');
    logger.info('supervisor serves');
    expect(lines).toHaveLength(7);
  });

  it('is remembered for a bounded number of failures', () => {
    const { lines, fail } = aLog();
    fail('first');
    for (let turn = 0; turn < 1_000; turn += 1) fail(String.fromCodePoint(0x4e00 + turn));
    fail('first');
    expect(lines).toHaveLength(1_002);
  });
});
