// Snapshots on a real server: one a lab, any size, all loaded at once, damaged ones left out.
import { randomBytes } from 'node:crypto';
import { Kvm } from '@nats-io/kv';
import { Objm } from '@nats-io/obj';
import type { NatsConnection } from '@nats-io/transport-node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { LabId } from '../../machines/vocabulary/ids.ts';
import type { SnapshotStore } from '../../nats/snapshots.ts';
import { openSnapshots } from '../../nats/snapshots.ts';
import { BLOB_BUCKET, ensureStreams, SNAPSHOT_BUCKET } from '../../nats/streams.ts';
import { subjectToken } from '../../nats/subjects.ts';
import type { TestNats } from '../support/nats-server.ts';
import { startNats } from '../support/nats-server.ts';

const Snapshot = z.object({ seq: z.number(), text: z.string() });

describe('snapshots', () => {
  let nats: TestNats;
  let nc: NatsConnection;
  let store: SnapshotStore<z.infer<typeof Snapshot>>;

  beforeAll(async () => {
    nats = await startNats({ settings: { maxPayloadBytes: 1024 * 1024 } });
    nc = await nats.connect({ role: 'supervisor' });
    await ensureStreams(nc);
    store = await openSnapshots(nc, Snapshot);
  });
  afterAll(async () => await nats.stop());

  it('loads nothing from an empty bucket, and again after the last was removed', async () => {
    expect(await store.load()).toEqual(new Map());
    const lab = LabId.parse('gone');
    await store.save(lab, { seq: 1, text: '' });
    await store.remove(lab);
    await store.remove(lab);
    expect(await store.load()).toEqual(new Map());
  });

  it('keeps the newest of each lab, also one above max_payload and one with an odd name', async () => {
    const large = { seq: 9, text: randomBytes(2_000_000).toString('hex') };
    await store.save(LabId.parse('a.b c'), { seq: 1, text: 'old' });
    await store.save(LabId.parse('a.b c'), { seq: 2, text: 'new' });
    await store.save(LabId.parse('large'), large);
    const loaded = await store.load();
    expect(loaded.get(LabId.parse('a.b c'))).toEqual({ seq: 2, text: 'new' });
    expect(loaded.get(LabId.parse('large'))?.text === large.text).toBe(true);
    expect(loaded.size).toBe(2);
  });

  it('leaves no blob behind that no snapshot refers to', async () => {
    const objects = await new Objm(nc).open(BLOB_BUCKET);
    const present = async (): Promise<number> => (await objects.list()).filter((object) => !object.deleted).length;
    const lab = LabId.parse('large');
    const before = await present();
    await store.save(lab, { seq: 10, text: randomBytes(2_000_000).toString('hex') });
    expect(await present()).toBe(before);
    const other = await openSnapshots(nc, Snapshot);
    expect((await other.load()).get(lab)?.seq).toBe(10);
    await other.save(lab, { seq: 11, text: 'small' });
    expect(await present()).toBe(before - 1);
  });

  it('leaves out what is damaged or of another form', async () => {
    const bucket = await new Kvm(nc).open(SNAPSHOT_BUCKET);
    await bucket.put(subjectToken('damaged'), new Uint8Array([0x1f, 0x8b, 1]));
    await bucket.put(subjectToken('other'), '{"seq":"x"}');
    await bucket.put(subjectToken('lost'), JSON.stringify({ blob: 'f'.repeat(64) }));
    expect([...(await store.load()).keys()].sort()).toEqual(['a.b c', 'large']);
  });
});
