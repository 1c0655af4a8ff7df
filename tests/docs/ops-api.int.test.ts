// What docs/ops-api.md tells a program that has only a NATS client: it finds the service, calls it, repeats a command, follows a lab.
import { join, resolve } from 'node:path';
import { execa } from 'execa';
import { connect } from '@nats-io/transport-node';
import type { Msg, NatsConnection } from '@nats-io/transport-node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { gunzipSync } from 'node:zlib';
import { authenticatorOf, readCredentials } from '../../nats/credentials.ts';
import { OPS } from '../../nats/ops-contract.ts';
import { aLab, aLink, aNode, host, lab } from '../support/lab-builders.ts';
import { eventually } from '../support/eventually.ts';
import { startNats } from '../support/nats-server.ts';
import type { TestNats } from '../support/nats-server.ts';
import { startSimulatedHost } from '../support/simulated-host.ts';
import type { SimulatedHost } from '../support/simulated-host.ts';
import { startSupervisorProcess } from '../support/supervisor-process.ts';
import type { SupervisorProcess } from '../support/supervisor-process.ts';

const H1 = host('h1');
const FOLLOW = resolve(import.meta.dirname, '..', '..', 'docs', 'examples', 'follow-lab.ts');
let nats: TestNats;
let supervisor: SupervisorProcess;
let simulated: SimulatedHost;
let operator: NatsConnection;
let viewer: NatsConnection;

/** A connection as the stock `nats` command makes it: nkey, and inboxes of the usual name. */
async function plainClient(role: 'operator' | 'viewer'): Promise<NatsConnection> {
  return await connect({ servers: nats.url, authenticator: authenticatorOf(await readCredentials(await nats.credentials({ role }))) });
}

beforeAll(async () => {
  nats = await startNats({ roles: [{ role: 'host', hostId: H1 }] });
  supervisor = await startSupervisorProcess(nats);
  simulated = startSimulatedHost(await nats.connect({ role: 'host', hostId: H1 }), H1);
  [operator, viewer] = [await plainClient('operator'), await plainClient('viewer')];
  await eventually(async () => JSON.parse((await operator.request('lw.v1.read.hosts._')).string()).hosts.length === 1, { what: 'the host to join' });
});

afterAll(async () => {
  await operator.close();
  await viewer.close();
  await simulated.stop();
  await supervisor.kill();
  await nats.stop();
});

const ask = async (nc: NatsConnection, subject: string, body: unknown): Promise<Msg> => await nc.request(subject, JSON.stringify(body), { timeout: 10_000 });
const spec = (name: string) => ({ ...aLab([aNode('a', { containerName: `${name}-a` }), aNode('b', { containerName: `${name}-b` })], [aLink('a:eth1', 'b:eth1')]), id: lab(name) });
const deploy = async (name: string, commandId: string): Promise<Record<string, unknown>> => (await ask(operator, `lw.v1.do.deploy.${name}`, { commandId, spec: spec(name), takeOver: false, reconfigure: false })).json();

describe('the service', () => {
  it('is discovered with each verb, subject and kind, by operator and viewer', async () => {
    for (const nc of [operator, viewer]) {
      const replies: Msg[] = [];
      for await (const reply of await nc.requestMany('$SRV.INFO.labwright', '', { strategy: 'timer', maxWait: 500 })) replies.push(reply);
      expect(replies).toHaveLength(1);
      const info: { name: string; endpoints: { name: string; subject: string; metadata: Record<string, string> }[] } | undefined = replies[0]?.json();
      expect(info?.name).toBe('labwright');
      expect(info?.endpoints.map((one) => one.name).toSorted()).toEqual(Object.keys(OPS).toSorted());
      expect(info?.endpoints.find((one) => one.name === 'link-set')).toMatchObject({ subject: 'lw.v1.do.link-set.*', metadata: { kind: 'do', scope: 'lab' } });
    }
  });

  it('takes an empty body for a request without fields, and ignores unknown ones', async () => {
    expect((await operator.request('lw.v1.read.hosts._')).json()).toMatchObject({ hosts: [{ host: 'h1', state: 'joined' }] });
    expect((await ask(operator, 'lw.v1.read.list._', { destroyed: false, colour: 'blue' })).json()).toEqual({ labs: [] });
  });

  it('answers errors with headers and body', async () => {
    const unknown = await ask(viewer, 'lw.v1.read.inspect.nolab', {});
    expect([unknown.headers?.get('Nats-Service-Error-Code'), unknown.headers?.get('Nats-Service-Error')]).toEqual(['400', 'lab-not-found']);
    expect(unknown.json()).toMatchObject({ error: { code: 'lab-not-found', retryable: false, message: expect.any(String), details: {} } });
    const wrong = await ask(viewer, 'lw.v1.read.history.nolab', { after: -1, limit: 0 });
    expect(wrong.json()).toMatchObject({ error: { code: 'invalid-request', details: { issues: [expect.stringContaining('after'), expect.stringContaining('limit')] } } });
  });

  it('lets a viewer read, not command', async () => {
    await expect(viewer.request('lw.v1.do.destroy.nolab', '{}', { timeout: 1_000 })).rejects.toThrow(/[Pp]ermission/);
  });
});

describe('a command', () => {
  it('that is repeated with its id has no second effect and answers with the first entry', async () => {
    const { existed, ...first } = await deploy('docs-a', 'id-1');
    expect([existed, first]).toMatchObject([false, { outcome: 'accepted', repeated: false }]);
    expect(await deploy('docs-a', 'id-1')).toEqual({ ...first, repeated: true, changes: [] });
    await supervisor.kill();
    supervisor = await startSupervisorProcess(nats);
    const again = await eventually(async () => await deploy('docs-a', 'id-1'), { timeoutMs: 20_000, what: 'an answer after the restart' });
    expect(again).toEqual({ ...first, repeated: true, changes: [] });
  });

  it('with nothing to do is decided anew when repeated', async () => {
    await eventually(async () => (await ask(operator, 'lw.v1.read.inspect.docs-a', {})).json<{ state: string }>().state === 'running', { what: 'lab docs-a to run' });
    expect(await deploy('docs-a', 'id-2')).toMatchObject({ outcome: 'nothing', repeated: false, existed: true });
    expect(await deploy('docs-a', 'id-2')).toMatchObject({ outcome: 'nothing', repeated: false });
  });
});

describe('the description of a lab', () => {
  it('is read back as it was deployed, by an operator with the text of its file', async () => {
    const described = { ...spec('docs-a'), source: 'name: docs-a # as written\n' };
    expect((await ask(viewer, 'lw.v1.read.spec.docs-a', {})).json()).toEqual({ spec: JSON.parse(JSON.stringify(spec('docs-a'))) });
    await ask(operator, 'lw.v1.do.deploy.docs-a', { commandId: 'id-spec', spec: described, takeOver: false, reconfigure: true });
    expect((await ask(operator, 'lw.v1.read.spec.docs-a', {})).json()).toMatchObject({ spec: { source: described.source } });
    expect((await ask(viewer, 'lw.v1.read.spec.docs-a', {})).json<{ spec: object }>().spec).not.toHaveProperty('source');
  });
});

describe('following a lab', () => {
  it('sees the present state and then each change: the example program', async () => {
    await deploy('docs-b', 'id-3');
    await eventually(async () => (await ask(operator, 'lw.v1.read.inspect.docs-b', {})).json<{ state: string }>().state === 'running', { what: 'lab docs-b to run' });
    const following = execa(process.execPath, [FOLLOW, 'docs-b'], {
      env: { LABWRIGHT_NATS_URL: nats.url, LABWRIGHT_NATS_CREDS: join(nats.credentialsFolder, 'viewer.nk') }, all: true, reject: false,
    });
    let printed = '';
    following.all.on('data', (chunk: Buffer) => (printed += chunk.toString()));
    await eventually(() => printed.includes('docs-b is running: 2 of 2 nodes run'), { what: 'the present state' });
    await ask(operator, 'lw.v1.do.destroy.docs-b', { commandId: 'id-4', cleanup: true, keepMgmtNet: false });
    expect(await following).toMatchObject({ exitCode: 0 });
    expect(printed).toMatch(/docs-b is destroying[^]*docs-b is destroyed: 0 of 0 nodes run\n/);
  });

  it('by notices alone shows a number for each entry, without a gap while connected', async () => {
    const notices = viewer.subscribe('lw.v1.notice.docs-c');
    await viewer.flush();
    await deploy('docs-c', 'id-5');
    const numbers: number[] = [];
    for await (const message of notices) {
      const notice: { n: number; state: string } = JSON.parse(text(message));
      numbers.push(notice.n);
      if (notice.state === 'running') break;
    }
    expect(numbers).toEqual(numbers.map((_n, index) => index + 1));
  });
});

const text = (message: Msg): string => (message.data[0] === 0x1f ? gunzipSync(message.data).toString() : message.string());
