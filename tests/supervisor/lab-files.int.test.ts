// Pieces of labs' files on a real server: taken in by digest, given to hosts by digest, and to nobody else; copies made of them.
import { createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { headers } from '@nats-io/transport-node';
import type { NatsConnection } from '@nats-io/transport-node';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { uploadFiles } from '../../cli/lab-files/upload-files.ts';
import { LabFiles as HostFiles } from '../../host-actor/lab-files/lab-files.ts';
import { initialLab } from '../../machines/evolve/lab-state.ts';
import type { LabState } from '../../machines/evolve/lab-state.ts';
import { CarriedSource } from '../../machines/vocabulary/carried-file.ts';
import { askForFile, FILE_GIVEN_HEADER, FILE_REFUSED_HEADER, giveFile, mayHearFiles } from '../../nats/file-question.ts';
import type { FileStore } from '../../nats/file-store.ts';
import { openFileStore } from '../../nats/file-store.ts';
import { ensureStreams } from '../../nats/streams.ts';
import { fileSubject } from '../../nats/subjects.ts';
import type { LabFiles } from '../../supervisor/lab-files.ts';
import { serveLabFiles, sweep } from '../../supervisor/lab-files.ts';
import { eventually } from '../support/eventually.ts';
import { aLab, aNode, command, host, lab } from '../support/lab-builders.ts';
import { idealHost, SimulatedLab } from '../support/simulated-lab.ts';
import type { TestNats } from '../support/nats-server.ts';
import { startNats } from '../support/nats-server.ts';
import { startSupervisors } from '../support/supervisors.ts';

const A = host('A');
const digest = (text: string): string => createHash('sha256').update(text).digest('hex');
const piece = (text: string) => ({ sha256: digest(text), base64: Buffer.from(text).toString('base64') });
const owner = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
const carried = (source: string, text: string): CarriedSource => ({ source, entries: [{ is: 'file', path: '', mode: 0o640, ...owner, sha256: digest(text) }] });

let nats: TestNats;
let files: LabFiles;
let store: FileStore;
let hostA: NatsConnection;
let dir: string;
/** What the supervisor sees. */
let labs: LabState[] = [];
let now = Date.now();
beforeAll(async () => {
  nats = await startNats({ roles: [{ role: 'host', hostId: A }] });
  const supervisor = await nats.connect({ role: 'supervisor' });
  await ensureStreams(supervisor);
  files = serveLabFiles(supervisor, { logger: pino({ level: 'silent' }), now: () => now, labs: async () => await Promise.resolve(labs), isOurs: () => true });
  store = openFileStore(supervisor);
  hostA = await nats.connect({ role: 'host', hostId: A });
  await supervisor.flush();
  dir = await mkdtemp(join(tmpdir(), 'lw-files-'));
});
afterAll(async () => {
  files.stop();
  await nats.stop();
  await rm(dir, { recursive: true, force: true });
});

describe('pieces of files', () => {
  it('X14: are missing until they were put, and again when they are so old that they may go before a deploy names them', async () => {
    expect(await files.missing([digest('one'), digest('two')])).toEqual([digest('one'), digest('two')]);
    await files.put([piece('one')]);
    await files.put([piece('one')]);
    expect(await files.missing([digest('one'), digest('two')])).toEqual([digest('two')]);
    now += 3_600_000;
    expect(await files.missing([digest('one')])).toEqual([digest('one')]);
    now = Date.now();
  });

  it('X14: are refused when they are not what their digest says', async () => {
    await expect(files.put([{ ...piece('one'), sha256: digest('other') }])).rejects.toMatchObject({ code: 'invalid-request' });
    expect(await files.missing([digest('other')])).toEqual([digest('other')]);
  });

  it('X14: are given to a host by digest; what is not there is said so', async () => {
    await files.put([piece('for hosts')]);
    expect(new TextDecoder().decode(await askForFile(hostA, A, digest('for hosts')))).toBe('for hosts');
    await expect(askForFile(hostA, A, digest('never put'))).rejects.toMatchObject({ code: 'nats-refused', retryable: false });
  });

  it('X14: are answered to nobody but an inbox of the host that asks', () => {
    expect(mayHearFiles(fileSubject(A), '_R_.abc.1')).toBe(true);
    expect(mayHearFiles(fileSubject(A), '_INBOX_host_A.x')).toBe(true);
    for (const reply of [undefined, '_INBOX_host_B.x', '_INBOX_host_A', '_INBOX.x', 'lw.v1.do.destroy.t', '$JS.API.STREAM.DELETE.LW_LOG']) expect(mayHearFiles(fileSubject(A), reply)).toBe(false);
  });

  it('stay while a lab names them, and go when none does', async () => {
    await files.put([piece('named'), piece('not named')]);
    const named = { ...initialLab(lab('t')), spec: aLab([aNode('a', { files: [carried('/x', 'named')] })]) };
    await sweep(store, { before: Date.now() - 60_000, labs: [] });
    expect(await files.missing([digest('not named')])).toEqual([]);
    await sweep(store, { before: Date.now() + 60_000, labs: [named] });
    expect(await files.missing([digest('named'), digest('not named')])).toEqual([digest('not named')]);
  });

  it('cannot be named so that they lead out of their source', () => {
    for (const path of ['../x', '/x', 'a/../../x', 'a//b', './x']) expect(CarriedSource.safeParse({ source: '/x', entries: [{ is: 'folder', path, mode: 0o755, uid: 0, gid: 0 }] }).success).toBe(false);
  });
});

describe('pieces that a host hands over', () => {
  /** A lab with a node that host A is asked to save, moves with what was saved, and is gone. */
  const stages = (): Record<'saving' | 'saved' | 'moved' | 'gone', LabState> => {
    const sim = new SimulatedLab();
    const facts = (state: 'joined' | 'draining') => ({ hosts: [{ id: A, state }, { id: host('B'), state: state === 'joined' ? 'cordoned' as const : 'joined' as const }].map((one, index) => ({ ...one, underlay: { address: `10.200.0.${index + 1}`, device: 'u', mtu: 9000 } })) });
    sim.command({ type: 'lab.deploy', spec: aLab([aNode('a')]), takeOver: false, reconfigure: false }, facts('joined'));
    sim.run();
    sim.command({ type: 'lab.leave', host: A }, facts('draining'));
    const saving = sim.state;
    const read = [carried('/etc/frr/frr.conf', 'configuration')];
    let saved = saving;
    sim.run((order, at) => {
      if (order.type === 'node.remove') saved = sim.state;
      return order.type === 'node.save' ? { type: 'node.saved', effectId: order.id, at, node: order.node.id, generation: order.plan.generation, files: read } : idealHost(order, at);
    });
    const moved = sim.state;
    sim.command({ type: 'lab.destroy', cleanup: false, keepMgmtNet: false });
    return { saving, saved, moved, gone: sim.run().state };
  };

  it('A08: are taken while a node of it is being saved, and from no other host and at no other time', async () => {
    const { saving, moved } = stages();
    labs = [saving];
    const sha256 = await giveFile(hostA, A, Buffer.from('configuration'));
    expect(sha256).toBe(digest('configuration'));
    expect(Buffer.from(await askForFile(hostA, A, sha256)).toString()).toBe('configuration');
    labs = [moved];
    await expect(giveFile(hostA, A, Buffer.from('what nobody asked for'))).rejects.toMatchObject({ code: 'nats-refused', message: expect.stringContaining('not-asked') });
    await expect(askForFile(hostA, A, digest('what nobody asked for'))).rejects.toMatchObject({ code: 'nats-refused' });
    labs = [{ ...saving, pending: Object.fromEntries(Object.entries(saving.pending).map(([id, effect]) => [id, { ...effect, host: host('B') }])) }];
    await expect(giveFile(hostA, A, Buffer.from('for another'))).rejects.toMatchObject({ message: expect.stringContaining('not-asked') });
    labs = [];
  });

  it('A08: are taken by no more than they have and as what they are', async () => {
    labs = [stages().saving];
    await expect(giveFile(hostA, A, Buffer.alloc(256 * 1024 + 1))).rejects.toMatchObject({ message: expect.stringContaining('damaged') });
    const head = headers();
    head.set(FILE_GIVEN_HEADER, digest('one thing'));
    const reply = await hostA.request(fileSubject(A), 'another', { headers: head, timeout: 2_000 });
    expect(reply.headers?.get(FILE_REFUSED_HEADER)).toBe('damaged');
    labs = [];
  });

  it('A08: are no business of operators and viewers: they may neither ask nor give', async () => {
    for (const role of ['operator', 'viewer'] as const) {
      const person = await nats.connect({ role });
      await expect(person.request(fileSubject(A), JSON.stringify({ sha256: digest('configuration') }), { timeout: 2_000 })).rejects.toThrow(/permissions violation/i);
    }
  });

  it('stay from the answer on until the node is gone', async () => {
    const all = stages();
    for (const [stage, left] of [['saved', 0], ['moved', 0], ['gone', 1]] as const) {
      labs = [all.saving];
      await giveFile(hostA, A, Buffer.from('configuration'));
      await sweep(store, { before: Date.now() + 60_000, labs: [all[stage]] });
      expect([stage, await files.missing([digest('configuration')])]).toEqual([stage, left === 0 ? [] : [digest('configuration')]]);
    }
    labs = [];
  });
});

describe('copies on a host', () => {
  const copies = async (): Promise<HostFiles> => {
    const made = new HostFiles({ stateDir: dir });
    made.connect({ fetch: async (sha256) => await askForFile(hostA, A, sha256), give: async (bytes) => await giveFile(hostA, A, bytes) });
    return await Promise.resolve(made);
  };

  it('X14: are made once, with their access; what is here needs no connection', async () => {
    await files.put([piece('text')]);
    const path = (await (await copies()).place(lab('t'), [carried('/etc/x', 'text')])).get('/etc/x') ?? '';
    expect([await readFile(path, 'utf8'), (await stat(path)).mode & 0o777]).toEqual(['text', 0o640]);
    await writeFile(path, 'what a node wrote');
    const again = await new HostFiles({ stateDir: dir }).place(lab('t'), [carried('/etc/x', 'text')]);
    expect(again.get('/etc/x')).toBe(path);
    expect(await readFile(path, 'utf8')).toBe('what a node wrote');
  });

  it('X14: are whole or not there at all', async () => {
    const source: CarriedSource = { source: '/f', entries: [{ is: 'folder', path: '', mode: 0o755, ...owner }, { is: 'file', path: 'a', mode: 0o644, ...owner, sha256: digest('text') }, { is: 'file', path: 'b', mode: 0o644, ...owner, sha256: digest('absent') }] };
    await expect((await copies()).place(lab('whole'), [source])).rejects.toMatchObject({ code: 'file-not-here', retryable: false, message: expect.stringContaining('/f could not be copied') });
    expect(await readdir(join(dir, 'lab-files', 'whole'))).toEqual([]);
    await expect(new HostFiles({ stateDir: dir }).place(lab('whole'), [source])).rejects.toMatchObject({ code: 'file-not-here', retryable: true });
  });

  it('A08: of a changed source are never written through what a node left there', async () => {
    await files.put([piece('old'), piece('new')]);
    const folder = (text: string): CarriedSource => ({ source: '/w', entries: [{ is: 'folder', path: '', mode: 0o755, ...owner }, { is: 'file', path: 'x', mode: 0o644, ...owner, sha256: digest(text) }] });
    const hands = await copies();
    const before = (await hands.place(lab('w'), [folder('old')])).get('/w') ?? '';
    const victim = join(dir, 'victim');
    await writeFile(victim, 'untouched');
    await rm(join(before, 'x'));
    await symlink(victim, join(before, 'x'));
    const after = (await hands.place(lab('w'), [folder('new')])).get('/w') ?? '';
    expect([await readFile(join(after, 'x'), 'utf8'), await readFile(victim, 'utf8')]).toEqual(['new', 'untouched']);
    await hands.keepOnly(lab('w'), [folder('new')]);
    expect(await readdir(join(dir, 'lab-files', 'w'))).toHaveLength(1);
    await hands.keepOnly(lab('w'), []);
    expect(await readdir(join(dir, 'lab-files'))).not.toContain('w');
    expect(await readFile(victim, 'utf8')).toBe('untouched');
  });
});

describe('several supervisors', () => {
  it('X14: take in what the command sends and give it out, also when the one that would answer is paused', async () => {
    const several = await startSupervisors(2);
    try {
      const supervisors = [await several.start(), await several.start()];
      const { ops } = several;
      const asks = await several.nats.connect({ role: 'host', hostId: A });
      const pieces = new Map(['one', 'two', 'three'].map((text) => [digest(text), new TextEncoder().encode(text)]));
      await uploadFiles(ops, pieces);
      expect(await ops.request('files-missing', { commandId: command('c1'), sha256: [...pieces.keys(), digest('four')] })).toEqual({ missing: [digest('four')] });
      for (const supervisor of supervisors) {
        supervisor.pause();
        expect(new TextDecoder().decode(await askForFile(asks, A, digest('two')))).toBe('two');
        await uploadFiles(ops, new Map([[digest(supervisor.id()), new TextEncoder().encode(supervisor.id())]]));
        await eventually(async () => (await ops.request('status', {})).gone.includes(supervisor.id()), { what: 'the paused one to be gone', timeoutMs: 20_000 });
        supervisor.resume();
        await eventually(() => supervisor.output().lastIndexOf('supervisor joined') > supervisor.output().lastIndexOf('joins anew') && supervisor.output().includes('joins anew'), { what: 'it to join anew', timeoutMs: 20_000 });
      }
    } finally {
      await several.stop();
    }
  });
});
