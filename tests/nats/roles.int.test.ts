// What the server lets each role do, tried against a real one: every use that must work, and every abuse we know of.
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { connect, errors } from '@nats-io/transport-node';
import type { NatsConnection } from '@nats-io/transport-node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { HostId, LabId } from '../../machines/vocabulary/ids.ts';
import { connectNats } from '../../nats/connect.ts';
import type { EventLog } from '../../nats/event-log.ts';
import { openEventLog } from '../../nats/event-log.ts';
import { newUserSeed } from '../../nats/nkey.ts';
import { consumeReports, publishReports } from '../../nats/report-queue.ts';
import { inboxPrefixOf } from '../../nats/roles.ts';
import { ensureHostConsumer, ensureStreams } from '../../nats/streams.ts';
import { beatSubject, HOST_JETSTREAM_PREFIX, opsSubject, rpcSubject } from '../../nats/subjects.ts';
import { consumeOrders, publishOrders } from '../../nats/work-queue.ts';
import { eventually } from '../support/eventually.ts';
import type { TestNats } from '../support/nats-server.ts';
import { startNats } from '../support/nats-server.ts';

const A = HostId.parse('A');
const B = HostId.parse('B.with dots');
const lab = LabId.parse('lab 1');
const Entry = z.object({ n: z.number() });
const Item = z.object({ id: z.string() });
const PULL_A = `${HOST_JETSTREAM_PREFIX}.CONSUMER.MSG.NEXT.LW_WORK.host-A`;
const PULL_ONE_OR_NOTHING = '{"batch":1,"no_wait":true}';

describe('roles', () => {
  let nats: TestNats;
  let supervisor: NatsConnection;
  let hostA: NatsConnection;
  let hostB: NatsConnection;
  let operator: NatsConnection;
  let viewer: NatsConnection;
  let log: EventLog<{ n: number }>;

  beforeAll(async () => {
    nats = await startNats({ roles: [{ role: 'host', hostId: A }] });
    supervisor = await nats.connect({ role: 'supervisor' });
    await ensureStreams(supervisor);
    for (const hostId of [A, B]) await ensureHostConsumer(supervisor, hostId);
    hostA = await nats.connect({ role: 'host', hostId: A });
    // Joins a running server: its user and account come by a reload.
    hostB = await nats.connect({ role: 'host', hostId: B });
    operator = await nats.connect({ role: 'operator' });
    viewer = await nats.connect({ role: 'viewer' });
    log = await openEventLog(supervisor, Entry);
    const first = await log.append({ labId: lab, expectedSeq: 0, entryId: 'one', entry: { n: 1 } });
    await log.append({ labId: lab, expectedSeq: first, entryId: 'two', entry: { n: 2 } });
    for (const kind of ['read', 'do'] as const) {
      supervisor.subscribe(`lw.v1.${kind}.>`, { callback: (_, message) => void message.respond(`${kind} ${message.subject}`) });
    }
    await supervisor.flush();
  });
  afterAll(async () => await nats.stop());

  it('lets a host report, beat, take its own orders and answer questions, also one that joined a running server', async () => {
    for (const [hostId, nc] of [[A, hostA], [B, hostB]] as const) {
      await publishReports(nc, hostId, [{ id: 'seen' }], `r-${hostId}`);
      await publishOrders(supervisor, hostId, [{ id: 'order' }], `o-${hostId}`);
      const orders: unknown[] = [];
      const consuming = consumeOrders(nc, hostId, { schema: Item, handle: async (got) => void orders.push(...got), onProblem: () => {} });
      await eventually(() => orders.length > 0, { what: `order at ${hostId}` });
      await consuming.stop();
      const beats: string[] = [];
      const listening = supervisor.subscribe(beatSubject(), { callback: (_, message) => void beats.push(message.subject) });
      await supervisor.flush();
      nc.publish(beatSubject(hostId), '{}');
      await eventually(() => beats.includes(beatSubject(hostId)));
      listening.unsubscribe();
      nc.subscribe(rpcSubject(hostId, '>'), { callback: (_, message) => void message.respond(`answer of ${hostId}`) });
      await nc.flush();
      expect((await supervisor.request(rpcSubject(hostId, 'exec'), '', { timeout: 2_000 })).string()).toBe(`answer of ${hostId}`);
    }
    const reports: unknown[] = [];
    const consuming = consumeReports(supervisor, { schema: Item, handle: async (got) => void reports.push(...got), onProblem: () => {} });
    await eventually(() => reports.length >= 2);
    await consuming.stop();
    expect(reports).toMatchObject([{ hostId: A }, { hostId: B }]);
  });

  it('refuses a host everything that is not its own', async () => {
    const forbiddenToPublish = [
      'lw.v1.obs.B=2Ewith=20dots', 'lw.v1.beat.B=2Ewith=20dots', 'lw.v1.work.A', 'lw.v1.work.B=2Ewith=20dots', 'lw.v1.log.lab=201', 'lw.v1.notice.lab=201',
      'lw.v1.claims.lab=201', 'lw.v1.sup.beat', 'lw.v1.sup.any.ops.destroy.lab=201', 'lw.v1.sup.any.obs.lab=201',
      'lw.v1.rpc.B=2Ewith=20dots.exec', 'lw.v1.do.destroy.lab=201', 'lw.v1.read.list._', '$KV.lw_snapshots.lab=201', '$KV.lw_hosts.A', '$O.lw_blobs.M.x',
      'lw.v1.file.B=2Ewith=20dots', 'lw.v1.do.files-put._', '$O.lw_files.M.x', '$JS.API.STREAM.MSG.GET.OBJ_lw_files', '$JS.API.DIRECT.GET.OBJ_lw_files', '$JS.API.STREAM.MSG.GET.OBJ_lw_blobs',
      ...['INFO', 'CREATE', 'UPDATE', 'DELETE', 'PURGE', 'MSG.GET', 'MSG.DELETE', 'SNAPSHOT', 'RESTORE'].map((verb) => `$JS.API.STREAM.${verb}.LW_LOG`),
      '$JS.API.STREAM.NAMES', '$JS.API.STREAM.LIST', '$JS.API.INFO', '$JS.API.DIRECT.GET.LW_LOG', '$JS.API.DIRECT.GET.LW_LOG.lw.v1.log.lab=201',
      '$JS.API.CONSUMER.CREATE.LW_LOG', '$JS.API.CONSUMER.CREATE.LW_LOG.x.lw.v1.log.>', '$JS.API.CONSUMER.DURABLE.CREATE.LW_WORK.host-A',
      '$JS.API.CONSUMER.DELETE.LW_WORK.host-A', '$JS.API.CONSUMER.DELETE.LW_WORK.host-B=2Ewith=20dots', '$JS.API.CONSUMER.MSG.NEXT.LW_WORK.host-B=2Ewith=20dots',
      `${HOST_JETSTREAM_PREFIX}.CONSUMER.MSG.NEXT.LW_WORK.host-B=2Ewith=20dots`, `${HOST_JETSTREAM_PREFIX}.STREAM.DELETE.LW_LOG`,
      '$JS.ACK.LW_WORK.host-B=2Ewith=20dots.1.1.1.1.0', '$JS.ACK.LW_OBS.supervisor.1.1.1.1.0', '$SYS.REQ.SERVER.PING', '$SRV.PING', '_INBOX_supervisor.x.y',
    ];
    const forbiddenToSubscribe = [
      '>', '_INBOX.>', '_INBOX_supervisor.>', '_INBOX_host_B=2Ewith=20dots.>', 'lw.v1.work.A', 'lw.v1.work.B=2Ewith=20dots', 'lw.v1.rpc.B=2Ewith=20dots.>', 'lw.v1.log.>',
      'lw.v1.obs.>', 'lw.v1.notice.>', 'lw.v1.do.>', 'lw.v1.read.>', 'lw.v1.claims.>', 'lw.v1.sup.>', 'lw.v1.file.>', 'lw.v1.file.A', '$JS.ACK.>', '$JS.EVENT.ADVISORY.>', '$SRV.>', '_R_.>',
    ];
    expect(await refusals(nats, { role: 'host', hostId: A }, forbiddenToPublish, forbiddenToSubscribe)).toEqual([]);
    expect(await log.lastSeq(lab)).toBe(2);
  });

  it('A02: refuses a viewer every command, and whatever is not told to all', async () => {
    const forbiddenToPublish = [
      'lw.v1.do.destroy.lab=201', 'lw.v1.do.deploy.lab=201', 'lw.v1.do.node-exec.lab=201', 'lw.v1.log.lab=201', 'lw.v1.work.A', 'lw.v1.obs.A', 'lw.v1.rpc.A.exec', 'lw.v1.notice.lab=201', 'lw.v1.claims.lab=201', 'lw.v1.sup.beat', 'lw.v1.sup.any.ops.destroy.lab=201',
      '$JS.API.STREAM.INFO.LW_LOG', '$JS.API.STREAM.DELETE.LW_LOG', '$KV.lw_snapshots.x', '_INBOX_supervisor.x', '_INBOX_operator.x',
      'lw.v1.file.A', 'lw.v1.do.files-missing._', 'lw.v1.do.files-put._', '$O.lw_files.M.x',
    ];
    const forbiddenToSubscribe = ['>', '_INBOX_operator.>', '_INBOX_supervisor.>', 'lw.v1.read.>', 'lw.v1.do.>', 'lw.v1.log.>', 'lw.v1.work.>', 'lw.v1.obs.>', 'lw.v1.rpc.>', 'lw.v1.file.>', '$SRV.>'];
    expect(await refusals(nats, { role: 'viewer' }, forbiddenToPublish, forbiddenToSubscribe)).toEqual([]);
    expect((await viewer.request(opsSubject('read', 'inspect', lab), '', { timeout: 2_000 })).string()).toBe('read lw.v1.read.inspect.lab=201');
  });

  it('A08: lets an operator read and command, and nothing behind the API', async () => {
    const forbiddenToPublish = ['lw.v1.file.A', '$O.lw_files.M.x', 'lw.v1.log.lab=201', 'lw.v1.work.A', 'lw.v1.obs.A', 'lw.v1.rpc.A.exec', 'lw.v1.notice.lab=201', 'lw.v1.claims.lab=201', 'lw.v1.sup.beat', 'lw.v1.sup.any.ops.destroy.lab=201', '$JS.API.STREAM.DELETE.LW_LOG', '$KV.lw_snapshots.x'];
    expect(await refusals(nats, { role: 'operator' }, forbiddenToPublish, ['>', 'lw.v1.do.>', 'lw.v1.file.>', 'lw.v1.log.>', 'lw.v1.work.>', 'lw.v1.sup.>', '_INBOX_supervisor.>'])).toEqual([]);
    expect((await operator.request(opsSubject('do', 'destroy', lab), '', { timeout: 2_000 })).string()).toBe('do lw.v1.do.destroy.lab=201');
    const news: string[] = [];
    operator.subscribe('lw.v1.notice.*', { callback: (_, message) => void news.push(message.string()) });
    viewer.subscribe('lw.v1.notice.*', { callback: (_, message) => void news.push(message.string()) });
    await operator.flush();
    await viewer.flush();
    supervisor.publish('lw.v1.notice.lab=201', 'news');
    await eventually(() => news.length === 2, { what: 'notices at operator and viewer' });
  });

  it('does no harm when the reply subject of an allowed request is a subject that acts', async () => {
    await publishOrders(supervisor, B, [{ id: 'for B' }], 'for-b');
    const pulled = await (await jetstream(hostB, { apiPrefix: HOST_JETSTREAM_PREFIX }).consumers.get('LW_WORK', 'host-B=2Ewith=20dots')).next({ expires: 2_000 });
    const targets = [
      '$JS.API.STREAM.PURGE.LW_LOG', '$JS.API.STREAM.DELETE.LW_LOG', '$JS.API.STREAM.DELETE.LW_WORK', '$JS.API.CONSUMER.DELETE.LW_WORK.host-B=2Ewith=20dots',
      'lw.v1.log.lab=201', 'lw.v1.work.B=2Ewith=20dots', 'lw.v1.obs.B=2Ewith=20dots', 'lw.v1.do.destroy.lab=201', '$JS.ACK.LW_WORK.host-B=2Ewith=20dots.1.1.1.1.0',
      'lw.v1.rpc.B=2Ewith=20dots.exec', '_INBOX_host_B=2Ewith=20dots.x',
    ];
    const commanded: string[] = [];
    supervisor.subscribe('lw.v1.do.>', { callback: (_, message) => void commanded.push(message.subject) });
    const atB: string[] = [];
    hostB.subscribe(`${inboxPrefixOf({ role: 'host', hostId: B })}.>`, { callback: (_, message) => void atB.push(message.subject) });
    await Promise.all([supervisor.flush(), hostB.flush()]);
    const manager = await jetstreamManager(supervisor);
    const count = async (): Promise<unknown> => ({ log: (await manager.streams.info('LW_LOG')).state.messages, work: (await manager.streams.info('LW_WORK')).state.messages });
    const before = await count();
    for (const reply of targets) {
      hostA.publish(PULL_A, PULL_ONE_OR_NOTHING, { reply });
      hostA.publish('lw.v1.obs.A', '[]', { reply });
      viewer.publish('$SRV.PING', '', { reply });
      viewer.publish(opsSubject('read', 'inspect', lab), '', { reply });
    }
    // Answered in order: what was sent before these has been dealt with.
    await hostA.request(PULL_A, PULL_ONE_OR_NOTHING, { timeout: 2_000 });
    await hostA.request('lw.v1.obs.A', '[]', { timeout: 2_000 });
    await viewer.request(opsSubject('read', 'inspect', lab), '', { timeout: 2_000 });
    await supervisor.request('$JS.API.INFO', '', { timeout: 2_000 });
    expect(await count()).toEqual(before);
    expect(commanded).toEqual([]);
    expect(atB).toEqual([]);
    expect(await log.lastSeq(lab)).toBe(2);
    pulled?.ack();
  });

  it('A02: lets a viewer of one lab read and follow that lab alone, and no answer that another viewer gets', async () => {
    const role = { role: 'viewer', labs: [lab] } as const;
    const [other, all] = [LabId.parse('lab 2'), 'lw.v1.read.list._'];
    const limited = await nats.connect(role);
    expect((await limited.request(opsSubject('read', 'inspect', lab), '', { timeout: 2_000 })).string()).toBe('read lw.v1.read.inspect.lab=201');
    const forbiddenToPublish = [opsSubject('read', 'inspect', other), opsSubject('read', 'history', other), all, 'lw.v1.read.hosts._', opsSubject('do', 'destroy', lab), 'lw.v1.log.lab=201'];
    const forbiddenToSubscribe = ['>', 'lw.v1.notice.*', 'lw.v1.notice.lab=202', '_INBOX.>', '_INBOX_viewer.>', '_INBOX_operator.>', 'lw.v1.read.>', 'lw.v1.log.>'];
    expect(await refusals(nats, role, forbiddenToPublish, forbiddenToSubscribe)).toEqual([]);
    const news: string[] = [];
    limited.subscribe('lw.v1.notice.lab=201', { callback: (_, message) => void news.push(message.string()) });
    await limited.flush();
    supervisor.publish('lw.v1.notice.lab=202', 'of another');
    supervisor.publish('lw.v1.notice.lab=201', 'of its own');
    await eventually(() => news.length > 0, { what: 'news of its lab' });
    expect(news).toEqual(['of its own']);
    expect((await viewer.request(opsSubject('read', 'inspect', other), '', { timeout: 2_000 })).string()).toContain('lab=202');
  });

  it('A01: lets nobody in without credentials, with an empty secret, or with a key it does not know', async () => {
    await expect(connect({ servers: nats.url, reconnect: false, timeout: 2_000 })).rejects.toBeInstanceOf(errors.AuthorizationError);
    const to = { url: nats.url, inboxPrefix: '_INBOX', name: 'stranger' };
    await expect(connectNats({ ...to, credentials: { kind: 'nkey', seed: '' } })).rejects.toMatchObject({ code: 'credentials-missing' });
    await expect(connectNats({ ...to, credentials: { kind: 'password', user: 'supervisor', password: '' } })).rejects.toMatchObject({ code: 'credentials-missing' });
    await expect(connectNats({ ...to, credentials: { kind: 'password', user: 'supervisor', password: 'guess' } })).rejects.toMatchObject({ code: 'nats-unauthorized', retryable: false });
    await expect(connectNats({ ...to, credentials: { kind: 'nkey', seed: newUserSeed() } })).rejects.toMatchObject({ code: 'nats-unauthorized' });
  });

  it('does not disturb those who are connected when a host is added', async () => {
    const seen: string[] = [];
    for (const nc of [supervisor, hostA, operator, viewer]) {
      void (async () => {
        for await (const status of nc.status()) if (status.type === 'disconnect') seen.push(status.type);
      })();
    }
    await nats.connect({ role: 'host', hostId: HostId.parse('C') });
    expect((await viewer.request(opsSubject('read', 'inspect', lab), '', { timeout: 2_000 })).string()).toContain('inspect');
    await publishReports(hostA, A, [{ id: 'still' }], 'still');
    expect(await log.lastSeq(lab)).toBe(2);
    expect(seen).toEqual([]);
  });
});

/** Tries each subject as a role and returns those that the server did not refuse. */
async function refusals(nats: TestNats, role: Parameters<TestNats['connect']>[0], publish: readonly string[], subscribe: readonly string[]): Promise<string[]> {
  const nc = await nats.connect(role);
  const refused = new Set<string>();
  void (async () => {
    for await (const status of nc.status()) {
      if (status.type === 'error' && status.error instanceof errors.PermissionViolationError) refused.add(`${status.error.operation} ${status.error.subject}`);
    }
  })();
  for (const subject of publish) nc.publish(subject, '{}', { reply: `${inboxPrefixOf(role)}.reply` });
  for (const subject of subscribe) nc.subscribe(subject, { callback: (error) => void (error instanceof errors.PermissionViolationError && refused.add(`subscription ${subject}`)) });
  await nc.flush();
  const expected = [...publish.map((subject) => `publish ${subject}`), ...subscribe.map((subject) => `subscription ${subject}`)];
  await eventually(() => expected.every((attempt) => refused.has(attempt)), { timeoutMs: 2_000 }).catch(() => undefined);
  await nc.close();
  return expected.filter((attempt) => !refused.has(attempt));
}
