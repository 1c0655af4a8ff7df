// The event log on a real server: the lock, the retry, the unknown outcome, entries of any size.
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { LabId } from '../../machines/vocabulary/ids.ts';
import { LogConflictError } from '../../nats/errors.ts';
import type { EventLog, LogRecord } from '../../nats/event-log.ts';
import { openEventLog } from '../../nats/event-log.ts';
import { ensureStreams } from '../../nats/streams.ts';
import type { TestNats } from '../support/nats-server.ts';
import { startNats } from '../support/nats-server.ts';

const Entry = z.object({ n: z.number(), text: z.string().optional() });
type Entry = z.infer<typeof Entry>;

describe('event log', () => {
  let nats: TestNats;
  let log: EventLog<Entry>;

  beforeAll(async () => {
    nats = await startNats();
    const nc = await nats.connect({ role: 'supervisor' });
    await ensureStreams(nc);
    log = await openEventLog(nc, Entry);
  });
  afterAll(async () => await nats.stop());

  it('reads back what was appended, in order, and from a sequence on', async () => {
    const labId = LabId.parse('a lab.with dots');
    const first = await log.append({ labId, expectedSeq: 0, entryId: 'e1', entry: { n: 1 } });
    const second = await log.append({ labId, expectedSeq: first, entryId: 'e2', entry: { n: 2 } });
    expect(await collect(log.read(labId))).toMatchObject([
      { labId, seq: first, entryId: 'e1', entry: { n: 1 } },
      { labId, seq: second, entryId: 'e2', entry: { n: 2 } },
    ]);
    expect(await collect(log.read(labId, first + 1))).toMatchObject([{ entryId: 'e2' }]);
    expect(await collect(log.read(labId, second + 1))).toEqual([]);
    expect(await log.lastSeq(labId)).toBe(second);
    expect((await log.listLabs()).get(labId)).toBe(2);
  });

  it('S19: lets exactly one of two writers append at each position', async () => {
    const labId = LabId.parse('contested');
    const other = await openEventLog(await nats.connect({ role: 'supervisor' }), Entry);
    let wins = 0;
    const write = async (writer: EventLog<Entry>, name: string): Promise<void> => {
      for (let tries = 0; tries < 100; tries += 1) {
        const expectedSeq = await writer.lastSeq(labId);
        try {
          await writer.append({ labId, expectedSeq, entryId: `${name}-${tries}`, entry: { n: expectedSeq } });
          wins += 1;
        } catch (error) {
          if (!(error instanceof LogConflictError)) throw error;
        }
      }
    };
    await Promise.all([write(log, 'a'), write(other, 'b')]);
    const records = await collect(log.read(labId));
    expect(records).toHaveLength(wins);
    expect(new Set(records.map((record) => record.entryId)).size).toBe(wins);
    // Each was decided on the one before it.
    expect(records.map((record) => record.entry.n)).toEqual([0, ...records.slice(0, -1).map((record) => record.seq)]);
  });

  it('takes the same append twice as one, and another entry at a taken position as conflict', async () => {
    const labId = LabId.parse('retried');
    const append = { labId, expectedSeq: 0, entryId: 'same', entry: { n: 1 } };
    const seq = await log.append(append);
    expect(await log.append(append)).toBe(seq);
    await expect(log.append({ ...append, entryId: 'other' })).rejects.toMatchObject({ code: 'log-conflict', lastSeq: seq, retryable: false });
    await log.append({ labId, expectedSeq: seq, entryId: 'next', entry: { n: 2 } });
    await expect(log.append(append)).rejects.toBeInstanceOf(LogConflictError);
    expect(await collect(log.read(labId))).toHaveLength(2);
  });

  it('compresses a large entry and stores one above max_payload as a blob', async () => {
    const labId = LabId.parse('large');
    const compressible = { n: 1, text: 'x'.repeat(3_000_000) };
    const incompressible = { n: 2, text: randomBytes(9_000_000).toString('hex') };
    const first = await log.append({ labId, expectedSeq: 0, entryId: 'gzip', entry: compressible });
    await log.append({ labId, expectedSeq: first, entryId: 'blob', entry: incompressible });
    const [one, two] = await collect(log.read(labId));
    expect(one?.entry).toEqual(compressible);
    expect(two?.entry.text === incompressible.text).toBe(true);
  });

  it('reads more than a connection bears at once, through a slow reader, losing nothing', async () => {
    const lab = LabId.parse('heavy');
    // Small entries first, so that the size of the large ones shows only while reading.
    const sizes = [...Array.from({ length: 3_000 }, () => 1), ...Array.from({ length: 300 }, () => 450_000)];
    let seq = 0;
    for (const [index, size] of sizes.entries()) seq = await log.append({ labId: lab, expectedSeq: seq, entryId: `h${index}`, entry: { n: index, text: 'x'.repeat(size) } });
    const seen: number[] = [];
    for await (const { entry } of log.read(lab)) {
      seen.push(entry.n);
      // A busy process: nothing is taken from the socket meanwhile.
      if (entry.n % 100 === 0) for (const until = performance.now() + 60; performance.now() < until; );
    }
    expect(seen).toEqual(sizes.map((_, index) => index));
  });

  it('loses nothing acknowledged and writes nothing twice while the server is killed again and again', async () => {
    const labs = Array.from({ length: 8 }, (_, index) => LabId.parse(`crash-${index}`));
    const perLab = 150;
    let running = true;
    let acked = 0;
    const killer = (async () => {
      for (let round = 0; round < 4 && running; round += 1) {
        const target = (round + 1) * labs.length * 30;
        while (acked < target && running) await new Promise((resolve) => setImmediate(resolve));
        await nats.kill();
        await nats.start();
      }
    })();
    await Promise.all(labs.map(async (labId) => {
      let seq = 0;
      for (let n = 1; n <= perLab; n += 1) {
        seq = await log.append({ labId, expectedSeq: seq, entryId: `e${n}`, entry: { n } });
        acked += 1;
      }
    }));
    running = false;
    await killer;
    for (const labId of labs) {
      const records = await collect(log.read(labId));
      expect(records.map((record) => record.entry.n)).toEqual(Array.from({ length: perLab }, (_, index) => index + 1));
    }
  });

  it('reads all labs in stream order after a sequence, and prunes one lab alone', async () => {
    const [a, b] = [LabId.parse('all-a'), LabId.parse('all-b')];
    const start = Math.max(...(await collect(log.readAll())).map((record) => record.seq));
    const a1 = await log.append({ labId: a, expectedSeq: 0, entryId: 'a1', entry: { n: 1 } });
    await log.append({ labId: b, expectedSeq: 0, entryId: 'b1', entry: { n: 1 } });
    await log.append({ labId: a, expectedSeq: a1, entryId: 'a2', entry: { n: 2 } });
    expect((await collect(log.readAll(start))).map((record) => record.entryId)).toEqual(['a1', 'b1', 'a2']);
    expect((await collect(log.readFew(a, a1, 2))).map((record) => record.entryId)).toEqual(['a1', 'a2']);
    expect((await collect(log.readFew(a, a1 + 1, 5))).map((record) => record.entryId)).toEqual(['a2']);
    await log.prune(a);
    expect(await log.lastSeq(a)).toBe(0);
    expect(await collect(log.read(b))).toHaveLength(1);
    await log.append({ labId: a, expectedSeq: 0, entryId: 'a1-again', entry: { n: 1 } });
  });
});

async function collect<T>(records: AsyncIterable<LogRecord<T>>): Promise<LogRecord<T>[]> {
  const all: LogRecord<T>[] = [];
  for await (const record of records) all.push(record);
  return all;
}
