// One life of a lab (deploy, converge, destroy) under a disturbance, and what an undisturbed one looks like.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect } from 'vitest';
import { evolve } from '../../machines/evolve/evolve.ts';
import { initialLab } from '../../machines/evolve/lab-state.ts';
import { labView } from '../../machines/evolve/lab-view.ts';
import type { LabView } from '../../machines/vocabulary/lab-view.ts';
import { eventually } from '../support/eventually.ts';
import { lab } from '../support/lab-builders.ts';
import { labFromText } from '../support/test-bed.ts';
import type { TestBed } from '../support/test-bed.ts';
import { allDestroyed, recordEngine } from './engine-record.ts';
import type { EngineEvent } from './engine-record.ts';
import { HostLeftovers } from './host-leftovers.ts';

const run = promisify(execFile);

/** A lab of its own for each test file: its name, and the first three numbers of its management network. */
export type LifeOf = { readonly name: string; readonly net: string };
export type Life = { readonly views: readonly LabView[]; readonly starts: Record<string, number> };

const SETTLE_MS = 180_000;

const text = ({ name, net }: LifeOf, options: { third: boolean; env: string }) => `
name: ${name}
mgmt: {network: ${name}-net, ipv4-subnet: ${net}.0/24}
topology:
  defaults: {kind: linux, image: "alpine:3"}
  nodes:
    a: {exec: ["ip addr add 10.0.0.1/24 dev eth1"], env: {X: "${options.env}"}}
    b: {exec: ["ip addr add 10.0.0.2/24 dev eth1"]}
    ${options.third ? 'c: {exec: ["ip addr add 10.0.1.2/24 dev eth1"]}' : ''}
  links:
    - endpoints: ["a:eth1", "b:eth1"]
    ${options.third ? '- endpoints: ["b:eth2", "c:eth1"]' : ''}
`;

/** Deploys three nodes, brings them to a file with two, destroys them. Resolves when the engine told the end of the last one. */
export async function liveOneLife(bed: TestBed, of: LifeOf, whenDeployed: () => Promise<void> = async () => undefined): Promise<Life> {
  const engine = await recordEngine(of.name);
  const host = await HostLeftovers.since([of.name]);
  try {
    const views: LabView[] = [];
    const path = `/tmp/${of.name}/t.clab.yml`;
    await insist(async () => await bed.deploy(labFromText(text(of, { third: true, env: '1' }), path)));
    views.push(await settledWith(bed, of, 3));
    await ping(of);
    await whenDeployed();
    await insist(async () => await bed.deploy(labFromText(text(of, { third: false, env: '2' }), path)));
    views.push(await settledWith(bed, of, 2));
    await ping(of);
    await insist(async () => await bed.destroy(of.name));
    views.push(await insist(async () => await bed.view(of.name)));
    await allDestroyed(engine);
    await engineEventsAreLogged(bed, of, engine.events);
    await refoldsToLive(bed, of.name);
    // Of the controller's processes some may be away just now.
    const { processes: _processes, ...left } = await host.read();
    expect(left).toEqual({});
    return { views, starts: engine.starts() };
  } finally {
    await engine.stop();
  }
}

/** What all lives are compared with. */
export function undisturbed(of: LifeOf) {
  const a = ['a', 'running', 0, `${of.net}.2/24`, 0];
  const b = ['b', 'running', 0, `${of.net}.3/24`, 0];
  const c = ['c', 'running', 0, `${of.net}.4/24`, 0];
  // `a` changed between the two files, so it was made twice; nothing else was made, started or left twice.
  const made = (node: string, times: number) => [[`create clab-${of.name}-${node}`, times], [`start clab-${of.name}-${node}`, times]];
  return {
    views: [
      { state: 'running', nodes: [a, b, c], links: [['a:eth1--b:eth1', 'up'], ['b:eth2--c:eth1', 'up']], problems: [] },
      { state: 'running', nodes: [a, b], links: [['a:eth1--b:eth1', 'up']], problems: [] },
      { state: 'destroyed', nodes: [], links: [], problems: [] },
    ],
    starts: Object.fromEntries([...made('a', 2), ...made('b', 1), ...made('c', 1)]),
  };
}

/** What of a life must be as in an undisturbed one. */
export const outlineOf = (life: Life) => ({ views: life.views.map(shape), starts: life.starts });

const shape = (view: LabView) => ({
  state: view.state,
  nodes: view.nodes.map((one) => [one.node, one.state, one.repairs, one.ipv4, one.execFailures]),
  // A wire that a crash left half made is found and mended at the return; that counts as a repair and is no other end.
  links: view.links.map((link) => [link.link, link.state]),
  problems: view.problems,
});

/** Asks until it is answered: control may be away just now. */
async function insist<T>(ask: () => Promise<T>): Promise<T> {
  const { value } = await eventually(async () => ({ value: await ask() }), { timeoutMs: SETTLE_MS, what: 'an answer' });
  return value;
}

async function settledWith(bed: TestBed, { name }: LifeOf, nodes: number): Promise<LabView> {
  return await eventually(async () => {
    const view = await bed.view(name);
    return ['running', 'degraded'].includes(view.state) && view.nodes.length === nodes ? view : null;
  }, { timeoutMs: SETTLE_MS, what: `lab ${name} to settle with ${nodes} nodes`, everyMs: 50 });
}

async function ping({ name }: LifeOf): Promise<void> {
  // Three, for neighbours of a node made anew see a clean flap, which takes a waiting packet with it.
  expect((await run('docker', ['exec', `clab-${name}-a`, 'ping', '-c', '3', '-i', '0.2', '-W', '5', '10.0.0.2'])).stdout).toMatch(/[1-3] received/);
}

const LOGGED = new Set(['create', 'start', 'die', 'destroy', 'kill', 'stop', 'restart']);

/** Every engine event of our containers is in the log, once. */
async function engineEventsAreLogged(bed: TestBed, { name }: LifeOf, told: readonly EngineEvent[]): Promise<void> {
  const engine = told.filter(({ action }) => LOGGED.has(action)).map(({ action, id, name: container }) => `${action} ${id} ${container}`).toSorted();
  const logged = async () => {
    const { entries } = await bed.ops.request('history', { after: 0, limit: 1000 }, { lab: lab(name) });
    return entries.flatMap(({ entry }) => entry.events).flatMap((event) => (event.type === 'Reported' && event.observation.type === 'node.engine' ? [event.observation] : []));
  };
  const missing = async () => {
    const lines = (await logged()).map(({ action, runtimeId, node }) => `${action} ${runtimeId} clab-${name}-${node}`);
    return engine.filter((event) => !lines.includes(event));
  };
  await eventually(async () => (await missing()).length === 0, { timeoutMs: 20_000, what: 'engine events in the log', everyMs: 100 }).catch(async () => expect(await missing()).toEqual([]));
  const lines = (await logged()).map(({ action, runtimeId, node, at }) => `${action} ${runtimeId} ${node} at ${at}`);
  expect(lines.toSorted()).toEqual([...new Set(lines)].toSorted());
}

/** The log, folded anew, gives what the supervisor shows, with nothing owed. */
export async function refoldsToLive(bed: TestBed, name: string): Promise<void> {
  // What is reported in this moment may lie between the two readings.
  await eventually(async () => {
    const { entries } = await bed.ops.request('history', { after: 0, limit: 1000 }, { lab: lab(name) });
    const refolded = entries.reduce((state, { entry }) => evolve(state, entry).state, initialLab(lab(name)));
    const view = await bed.view(name);
    if (view.n !== refolded.n) return false;
    expect(labView(refolded)).toEqual(view);
    expect(refolded.pending).toEqual({});
    return true;
  }, { timeoutMs: 20_000, what: `the refolded log of ${name} to equal its live state`, everyMs: 100 });
}
