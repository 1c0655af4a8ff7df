// T06: what every provider of nodes promises, held against the real engine and against the simulated one alike.
import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { makeDockerProvider } from '../../../host-actor/providers/docker/docker-provider.ts';
import type { NodeEvent, NodePlacement, NodeProvider } from '../../../host-actor/providers/provider.ts';
import { SimulatedProvider } from '../../../host-actor/providers/simulated/simulated-provider.ts';
import { eventually } from '../../support/eventually.ts';
import { buildPlacement, buildSpec, TestLab } from './test-nodes.ts';

type World = { readonly provider: NodeProvider; place(node: string, over?: Partial<NodePlacement>): Promise<NodePlacement>; clear(): Promise<void> };

function realEngine(): World {
  const lab = new TestLab('con');
  const provider = makeDockerProvider({ hostId: lab.hostId });
  return { provider, place: (node, over) => lab.place(node, over), clear: () => lab.clear(provider) };
}

function simulatedEngine(): World {
  const { labId, hostId } = new TestLab(`con-${randomUUID().slice(0, 4)}`);
  return { provider: new SimulatedProvider(), place: async (node, over) => buildPlacement({ labId, hostId, nodeId: node as never, ...over }), clear: async () => {} };
}

describe.each([['the real engine', realEngine], ['the simulated engine', simulatedEngine]] as const)('T06: a provider on %s', (_name, make) => {
  let world: World;
  beforeEach(() => {
    world = make();
  });
  afterEach(async () => await world.clear());

  const running = async () => {
    const placement = await world.place('n1');
    const { node } = await world.provider.ensureCreated(buildSpec(), placement);
    const started = await world.provider.ensureStarted(node.runtimeId, placement.sandbox);
    return { placement, started: started.node };
  };

  it('creates once, and again only for a newer generation', async () => {
    const placement = await world.place('n1');
    const first = await world.provider.ensureCreated(buildSpec(), placement);
    expect(first).toMatchObject({ outcome: 'created', node: { status: 'created', pid: 0, generation: 1, name: placement.containerName } });
    expect(await world.provider.ensureCreated(buildSpec(), placement)).toMatchObject({ outcome: 'reused', node: { runtimeId: first.node.runtimeId } });
    const next = await world.provider.ensureCreated(buildSpec(), { ...placement, generation: 2 });
    expect(next).toMatchObject({ outcome: 'recreated', node: { generation: 2 } });
    expect(next.node.runtimeId).not.toBe(first.node.runtimeId);
  });

  it('starts and stops once, and says what is', async () => {
    const { placement, started } = await running();
    expect(started).toMatchObject({ status: 'running', exitCode: 0 });
    expect(started.pid).toBeGreaterThan(0);
    expect(await world.provider.ensureStarted(started.runtimeId, placement.sandbox)).toMatchObject({ outcome: 'was-running', node: { startedAt: started.startedAt } });
    for (const _twice of [1, 2]) {
      const stopped = await world.provider.ensureStopped(started.runtimeId, { graceMs: 200 });
      expect(stopped).toMatchObject({ found: 'ours', node: { status: 'exited', pid: 0 } });
    }
  });

  it('removes once, and finds nothing afterwards', async () => {
    const { placement, started } = await running();
    expect(await world.provider.ensureRemoved(placement)).toEqual({ removed: [started.runtimeId] });
    expect(await world.provider.ensureRemoved(placement)).toEqual({ removed: [] });
    expect(await world.provider.inspect(placement)).toEqual({ found: 'absent' });
    await expect(world.provider.ensureStarted(started.runtimeId, placement.sandbox)).rejects.toMatchObject({ code: 'container-absent' });
  });

  it('lists what is its own, by host, lab and node', async () => {
    const { placement, started } = await running();
    const ids = async (filter: Parameters<NodeProvider['listOwned']>[0]) => (await world.provider.listOwned(filter)).map(({ runtimeId }) => runtimeId);
    expect(await ids({ hostId: placement.hostId })).toEqual([started.runtimeId]);
    expect(await ids({ hostId: placement.hostId, labId: placement.labId, nodeId: placement.nodeId })).toEqual([started.runtimeId]);
    expect(await ids({ hostId: placement.hostId, nodeId: 'other' as never })).toEqual([]);
    expect(await ids({ hostId: 'other' as never })).toEqual([]);
  });

  it('runs a command with its exit code, once over a crash of its caller, and not in a node that does not run', async () => {
    const { started } = await running();
    expect(await world.provider.exec(started.runtimeId, 'true')).toMatchObject({ exitCode: 0 });
    expect(await world.provider.exec(started.runtimeId, 'false')).toMatchObject({ exitCode: 1 });
    let begun: string | undefined;
    const note = async (id: string) => void (begun = id);
    await world.provider.exec(started.runtimeId, 'false', { once: { begun: undefined, note } });
    expect(begun).toBeDefined();
    expect(await world.provider.exec(started.runtimeId, 'true', { once: { begun, note } })).toMatchObject({ exitCode: 1 });
    await world.provider.kill(started.runtimeId, 'KILL');
    await eventually(async () => (await world.provider.exec(started.runtimeId, 'true').catch((error: { code?: string }) => error.code)) === 'not-running', { what: 'refusal of a command' });
  });

  it('tells what happens, in order, and what happened since a cursor', async () => {
    const stop = new AbortController();
    const { hostId } = await world.place('n0');
    const told: NodeEvent[] = [];
    void world.provider.watchEvents({ hostId, signal: stop.signal, onItem: (item) => { if (item.kind === 'event') told.push(item.event); } });
    const { placement } = await running();
    await world.provider.ensureRemoved(placement);
    await eventually(() => told.some(({ action }) => action === 'destroy'), { what: 'the last event' });
    stop.abort();
    const actions = told.map(({ action }) => action).filter((action) => ['create', 'start', 'die', 'destroy'].includes(action));
    expect(actions).toEqual(['create', 'start', 'die', 'destroy']);
    const start = told.find(({ action }) => action === 'start');
    const since = await world.provider.readEventsSince(start?.cursor ?? '', hostId);
    expect(since.map(({ action }) => action).filter((action) => ['create', 'start', 'die', 'destroy'].includes(action))).toEqual(['die', 'destroy']);
  });
});
