// The ops API between a real service and real clients: discovery, errors, retries, notices without a gap.
import { Svcm } from '@nats-io/services';
import type { NatsConnection } from '@nats-io/transport-node';
import { headers } from '@nats-io/transport-node';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { CommandId, LabId, NodeId } from '../../machines/vocabulary/ids.ts';
import type { LabView, Notice } from '../../machines/vocabulary/lab-view.ts';
import type { OpsClient } from '../../nats/ops-client.ts';
import { createOpsClient } from '../../nats/ops-client.ts';
import { OPS } from '../../nats/ops-contract.ts';
import type { OpsFailure } from '../../nats/ops-contract.ts';
import type { OpsHandler, OpsServing, ServeOps } from '../../nats/ops-services.ts';
import { serveOps } from '../../nats/ops-services.ts';
import { noticeSubject } from '../../nats/subjects.ts';
import type { Watched } from '../../nats/watch-labs.ts';
import { eventually } from '../support/eventually.ts';
import type { TestNats } from '../support/nats-server.ts';
import { startNats } from '../support/nats-server.ts';

const lab = LabId.parse('lab 1');
const commandId = CommandId.parse('c1');

class Refused extends Error {
  readonly failure: OpsFailure;
  constructor(failure: OpsFailure) {
    super(failure.message);
    this.failure = failure;
  }
}

describe('ops API', () => {
  let nats: TestNats;
  let supervisor: NatsConnection;
  let operator: OpsClient;
  let viewer: OpsClient;
  let viewerConnection: NatsConnection;
  let serving: OpsServing;
  let handlers: Record<keyof typeof OPS, OpsHandler>;
  let problems: string[];

  const serve = async (nc: NatsConnection): Promise<OpsServing> => {
    const options: ServeOps = {
      version: '1.2.3', handlers,
      failureOf: (error) => (error instanceof Refused ? error.failure : { code: 'internal', message: String(error), retryable: false, details: {} }),
      onProblem: ({ reason }) => problems.push(reason),
    };
    const service = await serveOps(nc, options);
    await nc.flush();
    return service;
  };

  beforeAll(async () => {
    nats = await startNats();
    supervisor = await nats.connect({ role: 'supervisor' });
    operator = createOpsClient(await nats.connect({ role: 'operator' }));
    viewerConnection = await nats.connect({ role: 'viewer' });
    viewer = createOpsClient(viewerConnection);
  });
  afterAll(async () => await nats.stop());
  beforeEach(async () => {
    problems = [];
    handlers = Object.fromEntries(Object.keys(OPS).map((verb) => [verb, async () => await Promise.reject(new Error(`no handler for ${verb}`))])) as unknown as typeof handlers;
    serving = await serve(supervisor);
  });
  afterEach(async () => await serving.stop());

  it('tells the handler who asks, whatever the request says of itself', async () => {
    const askers: string[] = [];
    handlers.hosts = async (_lab, _request, asker) => {
      askers.push(asker);
      return { hosts: [] };
    };
    await viewer.request('hosts', {});
    await operator.request('hosts', {});
    const forged = headers();
    forged.set('Nats-Request-Info', '{"acc":"LW_OPERATORS"}');
    await viewerConnection.request('lw.v1.read.hosts._', '{}', { headers: forged, timeout: 5_000 });
    expect(askers).toEqual(['viewer', 'operator', 'viewer']);
  });

  it('is discovered with all its verbs by the stock service protocol, also by a viewer', async () => {
    // The pre-release types its own copy of the core package.
    const client = new Svcm(viewerConnection as unknown as ConstructorParameters<typeof Svcm>[0]).client();
    const pings = await collect(await client.ping('labwright'));
    expect(pings).toMatchObject([{ name: 'labwright', version: '1.2.3' }]);
    const [info] = await collect(await client.info('labwright'));
    expect(info?.endpoints.map((endpoint) => endpoint.name).sort()).toEqual(Object.keys(OPS).sort());
    expect(info?.endpoints.find((endpoint) => endpoint.name === 'destroy')?.subject).toBe('lw.v1.do.destroy.*');
    const [stats] = await collect(await client.stats('labwright'));
    expect(stats?.endpoints?.every((endpoint) => endpoint.num_errors === 0)).toBe(true);
  });

  it('hands request and lab to the handler, and its answer to the caller', async () => {
    const asked: unknown[] = [];
    handlers.destroy = async (at, request) => {
      asked.push(at, request);
      return { outcome: 'accepted', n: 7, repeated: false, changes: [] };
    };
    expect(await operator.request('destroy', { commandId, cleanup: true, keepMgmtNet: false }, { lab })).toMatchObject({ outcome: 'accepted', n: 7 });
    expect(asked).toEqual([lab, { commandId, cleanup: true, keepMgmtNet: false }]);
  });

  it('S18: tells a refusal as an error with code, message and details, in headers too, and never as an answer', async () => {
    handlers.inspect = async () => await Promise.reject(new Refused({ code: 'lab-not-found', message: 'there is no lab 1', retryable: false, details: { lab } }));
    await expect(viewer.request('inspect', {}, { lab })).rejects.toMatchObject({ code: 'lab-not-found', message: 'there is no lab 1', retryable: false, details: { lab } });
    const raw = await viewerConnection.request('lw.v1.read.inspect.lab=201', '{}', { timeout: 2_000 });
    expect([raw.headers?.get('Nats-Service-Error-Code'), raw.headers?.get('Nats-Service-Error')]).toEqual(['400', 'lab-not-found']);
    expect(raw.json()).toEqual({ error: { code: 'lab-not-found', message: 'there is no lab 1', retryable: false, details: { lab } } });
  });

  it('refuses a request that is not of its form with every fault, and what is no JSON', async () => {
    const bad = await viewerConnection.request('lw.v1.read.history.lab', '{"after":-1,"limit":"x"}', { timeout: 2_000 });
    expect(bad.json<{ error: OpsFailure }>().error).toMatchObject({ code: 'invalid-request', retryable: false, details: { issues: [expect.stringContaining('after'), expect.stringContaining('limit')] } });
    expect((await viewerConnection.request('lw.v1.read.list._', 'not json', { timeout: 2_000 })).json<{ error: OpsFailure }>().error.code).toBe('invalid-request');
  });

  it('S18: reports an answer that is not of its form as an error of its own', async () => {
    handlers.hosts = async () => ({ hosts: 'none' });
    await expect(viewer.request('hosts', {})).rejects.toMatchObject({ code: 'invalid-answer' });
  });

  it('refuses a viewer each command at once', async () => {
    await expect(viewer.request('destroy', { commandId, cleanup: false, keepMgmtNet: false }, { lab })).rejects.toMatchObject({ code: 'forbidden', retryable: false });
    expect(problems).toEqual([]);
  });

  it('carries requests and answers that are larger than a message until they are compressed', async () => {
    const text = 'x'.repeat(12_000_000);
    handlers['node-exec'] = async (_, request: { argv: string[] }) => ({ results: [{ node: 'r1', containerName: 'c', lab, command: '', target: 'container', exitCode: 0, stdout: request.argv[0], stderr: '' }] });
    const { results } = await operator.request('node-exec', { nodes: ['r1'] as never, argv: [text], timeoutMs: 1_000 }, { lab });
    expect(results[0]?.stdout === text).toBe(true);
  });

  it('who ends answers what it has: the client asks the next one, unless it must not be done twice', async () => {
    const had: string[] = [];
    const neverDone = async (): Promise<never> => await new Promise<never>(() => {});
    for (const verb of ['destroy', 'hosts', 'node-exec'] as const) {
      handlers[verb] = async () => {
        had.push(verb);
        return await neverDone();
      };
    }
    const asked = [
      operator.request('destroy', { commandId, cleanup: true, keepMgmtNet: false }, { lab }),
      operator.request('hosts', {}),
      operator.request('node-exec', { nodes: [NodeId.parse('a')], argv: ['true'], timeoutMs: 1_000 }, { lab }),
    ];
    const settled = Promise.allSettled(asked);
    await eventually(() => new Set(had).size === 3, { what: 'all three to be taken' });
    handlers.destroy = async () => ({ outcome: 'accepted', n: 8, repeated: false, changes: [] });
    handlers.hosts = async () => ({ hosts: [] });
    const leaving = serving;
    serving = await serve(await nats.connect({ role: 'supervisor' }));
    await leaving.stop();
    expect(await settled).toMatchObject([{ value: { n: 8 } }, { value: { hosts: [] } }, { status: 'rejected', reason: { code: 'stopping', retryable: true } }]);
    expect(had.filter((verb) => verb === 'node-exec')).toHaveLength(1);
  });

  it('says within a moment that nobody is there, and sends a command again until somebody is', async () => {
    await serving.stop();
    await supervisor.flush();
    await expect(viewer.request('hosts', {})).rejects.toMatchObject({ code: 'no-responders', retryable: true });
    handlers.destroy = async () => ({ outcome: 'nothing', n: 1, repeated: false, changes: [] });
    const asking = operator.request('destroy', { commandId, cleanup: false, keepMgmtNet: false }, { lab });
    serving = await serve(supervisor);
    expect(await asking).toMatchObject({ outcome: 'nothing' });
  });

  describe('watch', () => {
    let view: LabView;
    let inspected: number;
    const publish = (n: number, news: string): void => {
      const notice: Notice = { v: 1, lab, n, at: n, state: 'running', nodes: [], links: [], gone: [], news: [news], problems: [], deadlines: [] };
      view = { ...view, n };
      supervisor.publish(noticeSubject(lab), JSON.stringify(notice));
    };

    beforeEach(() => {
      view = { lab, n: 3, state: 'running', labDir: '/x', mgmtNetwork: 'clab', nodes: [], links: [], problems: [], deadlines: [] };
      inspected = 0;
      handlers.inspect = async () => {
        inspected += 1;
        return view;
      };
    });

    it('gives the present state first, then each change, dropping what the state holds already', async () => {
      handlers.inspect = async () => {
        // Told while the state is being asked for: it is in the state and comes as notice too.
        publish(4, 'during');
        return view;
      };
      const seen = await watching(viewer, async (watched) => {
        await eventually(() => watched.length === 1);
        publish(5, 'five');
        publish(6, 'six');
        await eventually(() => watched.length === 3);
      });
      expect(seen.map((one) => [one.view.n, one.notice?.news[0]])).toEqual([[4, undefined], [5, 'five'], [6, 'six']]);
    });

    it('asks for the state again when a notice is missing', async () => {
      const seen = await watching(viewer, async (watched) => {
        await eventually(() => watched.length === 1);
        view = { ...view, n: 8 };
        publish(9, 'after a gap');
        await eventually(() => watched.length === 2);
      });
      expect(inspected).toBe(2);
      expect(seen.map((one) => one.view.n)).toEqual([3, 9]);
    });

    it('finds the last change when its notice was lost and silence follows', async () => {
      const seen = await watching(viewer, async (watched) => {
        await eventually(() => watched.length === 1);
        view = { ...view, n: 4, problems: ['lost notice'] };
        await eventually(() => watched.length === 2, { timeoutMs: 15_000 });
      });
      expect(seen.map((one) => one.view.n)).toEqual([3, 4]);
    });

    it('goes on through a restart of the server and of the supervisor', async () => {
      const seen = await watching(viewer, async (watched) => {
        await eventually(() => watched.length === 1);
        await nats.kill();
        view = { ...view, n: 10 };
        await nats.start();
        await eventually(() => watched.at(-1)?.view.n === 10, { timeoutMs: 15_000 });
        await serving.stop();
        view = { ...view, n: 20 };
        serving = await serve(supervisor);
        publish(21, 'back');
        await eventually(() => watched.at(-1)?.view.n === 21, { timeoutMs: 15_000 });
      });
      expect(seen[0]?.view.n).toBe(3);
    });
  });

  describe('watchAll', () => {
    let labs: Map<string, LabView>;
    const has = (name: string, over: Partial<LabView> = {}): void => {
      labs.set(name, { lab: LabId.parse(name), n: 1, state: 'running', labDir: '/x', mgmtNetwork: 'clab', nodes: [], links: [], problems: [], deadlines: [], ...over });
    };
    const publish = (name: string, n: number): void => {
      const notice: Notice = { v: 1, lab: LabId.parse(name), n, at: n, state: 'running', problems: [], deadlines: [], nodes: [], links: [], gone: [], news: [] };
      supervisor.publish(noticeSubject(notice.lab), JSON.stringify(notice));
    };
    const seenOf = (watched: readonly Watched[]) => watched.map(({ view, before, present }) => `${view.lab} ${view.n} ${view.state}${present ? ' present' : ` after ${before?.n ?? 'nothing'}`}`);

    beforeEach(() => {
      labs = new Map();
      handlers.list = async () => ({ labs: [...labs.values()].filter((one) => one.state !== 'destroyed').map((one) => ({ lab: one.lab, n: one.n, state: one.state, nodes: 0, nodesRunning: 0, links: 0, linksUp: 0, problems: 0 })) });
      handlers.inspect = async (name) => labs.get(name ?? '') ?? (await Promise.reject(new Refused({ code: 'lab-not-found', message: 'no', retryable: false, details: {} })));
    });

    it('finds what happened while the server was away: a change, a new lab, one destroyed, one pruned', async () => {
      for (const name of ['changes', 'stays', 'ends', 'is-pruned']) has(name);
      const seen = await watching(viewer, async (watched) => {
        await eventually(() => watched.length === 4);
        await nats.kill();
        has('changes', { n: 4 });
        has('is-new', { n: 3 });
        has('ends', { n: 2, state: 'destroyed' });
        labs.delete('is-pruned');
        await nats.start();
        await eventually(() => watched.length === 8, { timeoutMs: 15_000 });
        publish('changes', 5);
        await eventually(() => watched.length === 9);
      }, (client, signal) => client.watchAll(signal));
      expect(seenOf(seen.slice(0, 4)).toSorted()).toEqual(['changes 1 running present', 'ends 1 running present', 'is-pruned 1 running present', 'stays 1 running present']);
      expect(seenOf(seen.slice(4, 8)).toSorted()).toEqual(['changes 4 running after 1', 'ends 2 destroyed after 1', 'is-new 3 running after nothing', 'is-pruned 1 destroyed after 1']);
      expect(seenOf(seen.slice(8))).toEqual(['changes 5 running after 4']);
    });

    it('waits for a supervisor when a notice is missing and none is there', async () => {
      has('one');
      const seen = await watching(viewer, async (watched) => {
        await eventually(() => watched.length === 1);
        await serving.stop();
        publish('one', 7);
        await supervisor.flush();
        await viewer.request('status', {}).catch(() => undefined);
        has('one', { n: 7 });
        serving = await serve(supervisor);
        await eventually(() => watched.length === 2, { timeoutMs: 15_000 });
      }, (client, signal) => client.watchAll(signal, LabId.parse('one')));
      expect(seenOf(seen)).toEqual(['one 1 running present', 'one 7 running after 1']);
    });
  });
});

type Watch = (client: OpsClient, signal: AbortSignal) => AsyncIterable<Watched>;

async function watching(client: OpsClient, act: (watched: readonly Watched[]) => Promise<void>, watch: Watch = (of, signal) => of.watch(lab, signal)): Promise<readonly Watched[]> {
  const watched: Watched[] = [];
  const abort = new AbortController();
  const following = (async () => {
    for await (const one of watch(client, abort.signal)) watched.push(one);
  })();
  try {
    await Promise.race([act(watched), following]);
  } finally {
    abort.abort();
    await following;
  }
  return watched;
}

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}
