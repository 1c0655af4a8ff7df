// Engine events of our containers: complete, in order, once each, also over a lost engine.
import { execa } from 'execa';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { makeDockerProvider } from '../../../host-actor/providers/docker/docker-provider.ts';
import type { DockerProvider } from '../../../host-actor/providers/docker/docker-provider.ts';
import type { NodeEvent, WatchItem } from '../../../host-actor/providers/provider.ts';
import type { HostId } from '../../../machines/vocabulary/ids.ts';
import { eventually } from '../../support/eventually.ts';
import { PrivateEngine, endingShell } from './private-engine.ts';
import { TestLab, buildSpec } from './test-nodes.ts';

let lab: TestLab;
let provider: DockerProvider;
let stop: AbortController;

beforeEach(() => {
  lab = new TestLab('events');
  provider = makeDockerProvider({ hostId: lab.hostId });
  stop = new AbortController();
});
afterEach(async () => {
  stop.abort();
  await lab.clear(provider);
});

class Watch {
  readonly items: WatchItem[] = [];
  readonly ended: Promise<void>;
  readonly #stop = new AbortController();

  constructor(from: DockerProvider, hostId: HostId, since?: string) {
    const where = since === undefined ? { hostId } : { hostId, since };
    const signal = AbortSignal.any([this.#stop.signal, stop.signal]);
    this.ended = from.watchEvents({ ...where, signal, onItem: (item) => this.items.push(item) });
  }

  get events(): readonly NodeEvent[] {
    return this.items.flatMap((item) => (item.kind === 'event' ? [item.event] : []));
  }

  get actions(): readonly string[] {
    return this.events.map((event) => event.action);
  }

  count(kind: WatchItem['kind']): number {
    return this.items.filter((item) => item.kind === kind).length;
  }

  async end(): Promise<void> {
    this.#stop.abort();
    await this.ended;
  }
}

describe('engine events', () => {
  it('tells the whole life of a container, and nothing of others', async () => {
    const watch = new Watch(provider, lab.hostId);
    await eventually(() => watch.count('connected') === 1);
    await lab.foreign('--name', `${lab.labId}-foreign`, 'alpine:3', 'true');
    const { node, placement } = await lab.run(provider, 'r1');
    await execa('docker', ['pause', node.runtimeId]);
    await execa('docker', ['unpause', node.runtimeId]);
    await execa('docker', ['rename', node.runtimeId, `${lab.labId}-odd`]);
    await execa('docker', ['restart', '-t', '0', node.runtimeId]);
    await provider.kill(node.runtimeId, 'SIGKILL');
    await eventually(() => watch.actions.filter((action) => action === 'die').length === 2);
    await provider.ensureRemoved(placement);
    await eventually(() => watch.actions.includes('destroy'));
    expect(watch.actions.filter((action) => action !== 'kill' && action !== 'stop')).toEqual(['create', 'start', 'pause', 'unpause', 'rename', 'die', 'start', 'restart', 'die', 'destroy']);
    expect(new Set(watch.events.map((event) => event.runtimeId))).toEqual(new Set([node.runtimeId]));
    expect(watch.events.find((event) => event.action === 'rename')).toMatchObject({ oldName: placement.containerName, name: `${lab.labId}-odd` });
    expect(watch.events.find((event) => event.action === 'die')).toMatchObject({ labId: lab.labId, nodeId: 'r1', generation: 1, exitCode: 137 });
  });

  it('tells when the health of a node changes', async () => {
    const watch = new Watch(provider, lab.hostId);
    await lab.run(provider, 'r1', { healthcheck: { test: ['CMD', 'true'], startPeriodSeconds: 0, intervalSeconds: 1, timeoutSeconds: 1, retries: 1 } });
    await eventually(() => watch.actions.includes('health_status'));
    expect(watch.events.find((event) => event.action === 'health_status')?.health).toBe('healthy');
    expect(await provider.listOwned({ hostId: lab.hostId })).toMatchObject([{ health: 'healthy' }]);
  });

  it('gives what happened while nobody watched, each event once', async () => {
    const first = new Watch(provider, lab.hostId);
    await eventually(() => first.count('connected') === 1);
    const { node } = await lab.run(provider, 'r1');
    await eventually(() => first.actions.includes('start'));
    await first.end();
    const cursor = first.events.at(-1)?.cursor ?? '';

    await provider.kill(node.runtimeId, 'SIGKILL');
    await eventually(async () => (await provider.listOwned({ hostId: lab.hostId }))[0]?.status === 'exited');
    const second = new Watch(provider, lab.hostId, cursor);
    await eventually(() => second.actions.includes('die'));
    expect(second.actions).toEqual(['kill', 'die']);
    expect((await provider.readEventsSince(cursor, lab.hostId)).map((event) => event.action)).toEqual(['kill', 'die']);
    expect(await provider.readEventsSince(second.events.at(-1)?.cursor ?? '', lab.hostId)).toEqual([]);
  });

  it('goes on over a restart of the engine, kill -9 included', async () => {
    const engine = await PrivateEngine.start();
    try {
      const own = makeDockerProvider({ hostId: lab.hostId, socketPath: engine.socketPath });
      await engine.importShell('tprov-shell:1');
      const watch = new Watch(own, lab.hostId);
      await eventually(() => watch.count('connected') === 1);
      const placement = await lab.place('r1');
      const spec = buildSpec({ image: 'tprov-shell:1', cmd: endingShell });
      const { node } = await own.ensureCreated(spec, placement);
      await own.ensureStarted(node.runtimeId, placement.sandbox);
      await eventually(() => watch.actions.includes('start'));

      engine.signal('SIGKILL');
      await eventually(() => watch.count('disconnected') > 0);
      await engine.boot();
      await eventually(() => watch.count('connected') === 2);
      // Without live-restore the engine ends what it finds running; whatever it tells, listing shows the truth.
      await eventually(async () => (await own.listOwned({ hostId: lab.hostId }))[0]?.status !== 'running');
      await own.ensureStarted(node.runtimeId, placement.sandbox);
      await eventually(() => watch.actions.filter((action) => action === 'start').length === 2, { what: 'the second start' });
      expect(watch.events.filter((event) => event.action === 'create')).toHaveLength(1);
      await own.ensureRemoved(placement);
      await eventually(() => watch.actions.includes('destroy'));
    } finally {
      stop.abort();
      await engine.remove();
    }
  });
});
