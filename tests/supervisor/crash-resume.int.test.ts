// kill -9 of the supervisor at every named moment of a deploy, a converge and a destroy: the end equals the undisturbed run.
import { randomBytes } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { LabSpec } from '../../machines/vocabulary/lab-spec.ts';
import { LogEntry } from '../../machines/vocabulary/event.ts';
import type { LabView } from '../../machines/vocabulary/lab-view.ts';
import { labView } from '../../machines/evolve/lab-view.ts';
import { createOpsClient } from '../../nats/ops-client.ts';
import { openEventLog } from '../../nats/event-log.ts';
import { foldLab } from '../../supervisor/resume-lab.ts';
import { aLab, aLink, aNode, command, host, lab } from '../support/lab-builders.ts';
import { eventually } from '../support/eventually.ts';
import { startNats } from '../support/nats-server.ts';
import type { TestNats } from '../support/nats-server.ts';
import { startSimulatedHost } from '../support/simulated-host.ts';
import type { SimulatedHost } from '../support/simulated-host.ts';
import { startSupervisorProcess } from '../support/supervisor-process.ts';
import type { SupervisorProcess } from '../support/supervisor-process.ts';

const H1 = host('h1');
const MAX_PAYLOAD = 1024 * 1024;
let nats: TestNats;
let simulated: SimulatedHost;
let ops: ReturnType<typeof createOpsClient>;
let runs = 0;

const named = (spec: LabSpec, name: string): LabSpec => ({ ...spec, id: lab(name), nodes: spec.nodes.map((node) => ({ ...node, containerName: `${name}-${node.id}` })) });
const first = () => aLab([aNode('a', { exec: ['true'] }), aNode('b'), aNode('c')], [aLink('a:eth1', 'b:eth1'), aLink('b:eth2', 'c:eth1')]);
const second = () => aLab([aNode('a', { exec: ['true'], env: { X: '1' } }), aNode('b'), aNode('d')], [aLink('a:eth1', 'b:eth1'), aLink('b:eth2', 'd:eth1')]);

beforeAll(async () => {
  nats = await startNats({ roles: [{ role: 'host', hostId: H1 }], settings: { maxPayloadBytes: MAX_PAYLOAD } });
  const setUp = await startSupervisorProcess(nats);
  simulated = startSimulatedHost(await nats.connect({ role: 'host', hostId: H1 }), H1);
  ops = createOpsClient(await nats.connect({ role: 'operator' }));
  await eventually(async () => (await ops.request('status', {}, { timeoutMs: 500 })).hosts.length === 1, { what: 'the host to join' });
  await setUp.kill();
});
afterAll(async () => {
  await simulated.stop();
  await nats.stop();
});

/** Text with which a deploy just fits into a message, and its entry, which holds the plan, too, does not. */
function largest(): string {
  const text = randomBytes(MAX_PAYLOAD).toString('hex');
  const share = gzipSync(text).length / text.length;
  return text.slice(0, Math.floor((MAX_PAYLOAD - 6 * 1024) / share));
}

const isSettled = (view: LabView) => view.state === 'running' || view.state === 'degraded' || view.state === 'destroyed';

/** Sends a command until it is answered, with one id for all tries, as a client that lost its supervisor does. */
async function insist<T>(ask: () => Promise<T>): Promise<T> {
  return await eventually(async () => await ask().then((answer) => ({ answer })), { timeoutMs: 20_000, what: 'an answer' }).then(({ answer }) => answer);
}

/** One life of a lab under a supervisor that is killed once at `crashAt` and started again. */
async function liveThrough(crashAt: string | undefined, source = 'name: t'): Promise<{ name: string; crashed: boolean; views: LabView[] }> {
  runs += 1;
  const name = `run${runs}`;
  let supervisor: SupervisorProcess = await startSupervisorProcess(nats, crashAt === undefined ? {} : { crashAt });
  let crashed = false;
  void supervisor.ended.then(async (how) => {
    if (how !== 'SIGKILL' || crashAt === undefined) return;
    crashed = true;
    supervisor = await startSupervisorProcess(nats);
  });
  const settle = async () => await eventually(async () => {
    const view = await ops.request('inspect', {}, { lab: lab(name), timeoutMs: 500 });
    return isSettled(view) ? view : null;
  }, { timeoutMs: 30_000, what: `lab ${name} to settle` });
  const deploy = async (spec: LabSpec, id: string) => await insist(async () =>
    await ops.request('deploy', { commandId: command(`${name}-${id}`), spec: { ...named(spec, name), source }, takeOver: false, reconfigure: false }, { lab: lab(name), timeoutMs: 1_000 }));
  const views: LabView[] = [];
  await deploy(first(), 'first');
  views.push(await settle());
  await deploy(second(), 'second');
  views.push(await settle());
  await insist(async () => await ops.request('destroy', { commandId: command(`${name}-end`), cleanup: false, keepMgmtNet: false }, { lab: lab(name), timeoutMs: 1_000 }));
  views.push(await eventually(async () => {
    const view = await ops.request('inspect', {}, { lab: lab(name), timeoutMs: 500 });
    return view.state === 'destroyed' ? view : null;
  }, { timeoutMs: 30_000, what: `lab ${name} to be destroyed` }));
  await supervisor.kill('SIGTERM');
  return { name, crashed, views };
}

const shape = (view: LabView) => ({
  state: view.state,
  nodes: view.nodes.map((node) => [node.node, node.state, node.repairs, node.ipv4]),
  links: view.links.map((link) => [link.link, link.state]),
  problems: view.problems,
});

describe('a supervisor killed at a named moment', () => {
  let undisturbed: ReturnType<typeof shape>[];

  it('lives through an undisturbed run', async () => {
    const run = await liveThrough(undefined);
    undisturbed = run.views.map(shape);
    expect(undisturbed[0]).toMatchObject({ state: 'running', nodes: [['a', 'running', 0, '172.20.20.2/24'], ['b', 'running', 0, '172.20.20.3/24'], ['c', 'running', 0, '172.20.20.4/24']] });
    expect(undisturbed[2]).toEqual({ state: 'destroyed', nodes: [], links: [], problems: [] });
  });

  /** The second deploy is the converge. A destroy is ordered in one go. */
  const moments = ['LabDeployRequested', 'LabDeployRequested:2', 'LabDestroyRequested'].flatMap((phase) =>
    ['supervisor/before-append', 'supervisor/after-append', 'supervisor/before-dispatch', 'supervisor/after-dispatch'].flatMap((moment) => (phase === 'LabDestroyRequested' && moment.endsWith('dispatch') ? [1] : [1, 2]).map((nth) => `${moment}:${nth}@${phase}`)));
  const large = ['log/after-blob', 'log/after-blob:2', 'supervisor/after-append@LabDeployRequested'];

  it.each([...moments.map((moment) => [moment, 'name: t'] as const), ...large.map((moment) => [`${moment} of a deploy larger than a message`, largest()] as const)])('S11 S13: %s', async (title, source) => {
    const [moment = ''] = title.split(' ');
    const run = await liveThrough(moment, source);
    expect(run.crashed).toBe(true);
    expect(run.views.map(shape)).toEqual(undisturbed);
    expect([...simulated.objects].filter((object) => object.startsWith(`${run.name}/`))).toEqual([]);
    const twice = [...simulated.made].filter(([object, times]) => object.startsWith(`${run.name}/`) && times > (object.endsWith('/a') ? 2 : 1));
    expect(twice).toEqual([]);
    const log = await openEventLog(await nats.connect({ role: 'supervisor' }), LogEntry);
    const folded = await foldLab(log, lab(run.name));
    expect(labView(folded.state).state).toBe('destroyed');
    expect(folded.state.pending).toEqual({});
  });
});
