// What a host tells of its troubles with each sign of life: said as its problem, in its log once, and forgotten when it falls silent.
import { pino } from 'pino';
import { beforeEach, describe, expect, it } from 'vitest';
import { HOST_PROTOCOL } from '../../machines/vocabulary/host-protocol.ts';
import { Beat, KnownHostRecord } from '../../supervisor/known-host.ts';
import { host } from '../support/lab-builders.ts';

const loop = (name: string, over: object = {}) => ({ name, runs: 1, failures: 0, failing: 0, ageMs: 5, late: false, ...over });
let record: KnownHostRecord;
let errors: unknown[];
const hear = (over: object, now = 1_000) => record.hear(Beat.parse({ protocol: HOST_PROTOCOL, version: '0.1.0', ...over }), { now, windowMs: 5_000 });

beforeEach(() => {
  errors = [];
  record = new KnownHostRecord(host('h1'), { version: '0.1.0', now: 0, logger: pino({ level: 'error' }, { write: (line: string) => void errors.push(JSON.parse(line)) }) });
});

describe('a host that is there', () => {
  it('S01 P07: is named with its late loops and its dead engine, all of them, while they last', () => {
    hear({ engineConnected: true, loops: [loop('sweep'), loop('fence')] });
    expect(record.problem(1_000)).toBeUndefined();
    const ill = { engineConnected: false, loops: [loop('sweep', { late: true, failing: 3, failures: 3 }), loop('fence', { late: true, ageMs: 60_000 })] };
    hear(ill);
    hear({ ...ill, loops: ill.loops.map((one) => ({ ...one, ageMs: one.ageMs + 2_000 })) });
    expect(record.problem(1_000)).toBe('its container engine does not answer: it gets no new containers, and those that are there are not kept until it does; its loop "sweep" fails again and again; its loop "fence" is overdue');
    expect(errors).toMatchObject([{ msg: 'host is not well', hostId: 'h1' }]);
    hear({ engineConnected: true, loops: [loop('sweep')] });
    expect(record.problem(1_000)).toBeUndefined();
  });

  it('S16: is believed to live whatever it tells of its loops, and an older one tells nothing of their failures in a row', () => {
    hear({ loops: 'all well' });
    expect([record.state, record.problem(1_000)]).toEqual(['joined', undefined]);
    const { failing: _new, ...older } = loop('sweep', { late: true });
    hear({ loops: [older] });
    expect(record.problem(1_000)).toBe('its loop "sweep" is overdue');
  });

  it('is not said to have troubles of before once it is silent', () => {
    hear({ engineConnected: false });
    record.look(7_000, { suspectMs: 5_000, lostMs: 15_000 });
    expect(record.problem(7_000)).toBe('silent for 6 s');
  });
});
