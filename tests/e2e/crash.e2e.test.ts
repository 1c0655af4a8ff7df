// kill -9 of the supervisor and of the host-actor at named moments of a deploy, a converge and a destroy on real Docker and kernel.
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { promisify } from 'node:util';
import { afterEach, describe, expect, it } from 'vitest';
import { evolve } from '../../machines/evolve/evolve.ts';
import { initialLab } from '../../machines/evolve/lab-state.ts';
import { labView } from '../../machines/evolve/lab-view.ts';
import type { LabView } from '../../machines/vocabulary/lab-view.ts';
import { CRASH_POINTS as HOST_POINTS } from '../../host-actor/crash-point.ts';
import { CRASH_POINTS as SUPERVISOR_POINTS } from '../../supervisor/crash-point.ts';
import { eventually } from '../support/eventually.ts';
import { lab } from '../support/lab-builders.ts';
import { labFromText, openTestBed } from '../support/test-bed.ts';
import type { TestBed } from '../support/test-bed.ts';

const run = promisify(execFile);
const NAME = 'tcrash';
const text = (withThird: boolean, env: string) => `
name: ${NAME}
mgmt: {network: tcrash-net, ipv4-subnet: 172.31.77.0/24}
topology:
  defaults: {kind: linux, image: "alpine:3"}
  nodes:
    a: {exec: ["ip addr add 10.0.0.1/24 dev eth1"], env: {X: "${env}"}}
    b: {exec: ["ip addr add 10.0.0.2/24 dev eth1"]}
    ${withThird ? 'c: {exec: ["ip addr add 10.0.1.2/24 dev eth1"]}' : ''}
  links:
    - endpoints: ["a:eth1", "b:eth1"]
    ${withThird ? '- endpoints: ["b:eth2", "c:eth1"]' : ''}
`;

let bed: TestBed | null = null;
afterEach(async () => {
  await bed?.close();
  bed = null;
});

const shape = (view: LabView) => ({
  state: view.state,
  nodes: view.nodes.map((one) => [one.node, one.state, one.repairs, one.ipv4, one.execFailures]),
  links: view.links.map((link) => [link.link, link.state, link.repairs]),
  problems: view.problems,
});

type Life = { views: LabView[]; starts: Map<string, number>; dead: boolean };

/** Deploy, converge, destroy under one crash; counts what the engine says it created and started. */
async function live(crashAt: string): Promise<Life> {
  const mark = `/tmp/${NAME}-mark-${process.pid}`;
  await rm(mark, { force: true });
  bed = await openTestBed({ LABWRIGHT_CRASH_AT: crashAt, LABWRIGHT_CRASH_MARK: mark });
  const since = Math.floor(Date.now() / 1000);
  const views: LabView[] = [];
  const insist = async (ask: () => Promise<unknown>) => await eventually(async () => (await ask(), true), { timeoutMs: 30_000, what: 'an answer' });
  const first = labFromText(text(true, '1'), `/tmp/${NAME}/t.clab.yml`);
  const second = labFromText(text(false, '2'), `/tmp/${NAME}/t.clab.yml`);
  const its = bed;
  await insist(async () => await its.deploy(first));
  views.push(await eventually(async () => await its.settled(NAME), { timeoutMs: 60_000 }));
  expect((await run('docker', ['exec', `clab-${NAME}-a`, 'ping', '-c', '1', '-W', '2', '10.0.0.2'])).stdout).toContain('1 received');
  await insist(async () => await its.deploy(second));
  views.push(await eventually(async () => {
    const view = await its.settled(NAME);
    return view.nodes.length === 2 ? view : null;
  }, { timeoutMs: 60_000 }));
  expect((await run('docker', ['exec', `clab-${NAME}-a`, 'ping', '-c', '1', '-W', '2', '10.0.0.2'])).stdout).toContain('1 received');
  await insist(async () => await its.destroy(NAME));
  views.push(await its.view(NAME));
  const until = Math.ceil(Date.now() / 1000) + 1;
  const { stdout } = await run('docker', ['events', '--since', `${since}`, '--until', `${until}`, '--filter', 'type=container', '--filter', `label=labwright.lab=${NAME}`, '--format', '{{.Action}} {{.Actor.Attributes.name}} {{.ID}}']);
  await engineEventsAreLogged(its, stdout);
  await refoldsToLive(its);
  const starts = new Map<string, number>();
  for (const line of stdout.split('\n').filter(Boolean)) {
    const [action = '', name = ''] = line.split(' ');
    if (action === 'create' || action === 'start') starts.set(`${action} ${name}`, (starts.get(`${action} ${name}`) ?? 0) + 1);
  }
  return { views, starts, dead: existsSync(mark) };
}

const LOGGED = new Set(['create', 'start', 'die', 'destroy', 'kill', 'stop', 'restart']);

/** Every engine event of our containers has its entry in the log. */
async function engineEventsAreLogged(its: TestBed, printed: string): Promise<void> {
  const engine = printed.split('\n').filter(Boolean).map((line) => line.split(' ')).filter(([action = '']) => LOGGED.has(action)).map(([action, , id]) => `${action} ${id}`).toSorted();
  const logged = async () => {
    const { entries } = await its.ops.request('history', { after: 0, limit: 1000 }, { lab: lab(NAME) });
    return entries.flatMap(({ entry }) => entry.events).flatMap((event) => (event.type === 'Reported' && event.observation.type === 'node.engine'
      ? [`${event.observation.action} ${event.observation.runtimeId}`] : []));
  };
  const missing = async () => {
    const have = await logged();
    return engine.filter((event) => !have.includes(event));
  };
  await eventually(async () => (await missing()).length === 0, { timeoutMs: 5_000, what: 'engine events in the log' }).catch(async () => expect(await missing()).toEqual([]));
}

async function refoldsToLive(its: TestBed): Promise<void> {
  const { entries } = await its.ops.request('history', { after: 0, limit: 1000 }, { lab: lab(NAME) });
  const refolded = entries.reduce((state, { entry }) => evolve(state, entry).state, initialLab(lab(NAME)));
  expect(labView(refolded)).toEqual(await its.view(NAME));
  expect(refolded.pending).toEqual({});
}

const undisturbed = {
  first: { state: 'running', nodes: [['a', 'running', 0, '172.31.77.2/24', 0], ['b', 'running', 0, '172.31.77.3/24', 0], ['c', 'running', 0, '172.31.77.4/24', 0]], links: [['a:eth1--b:eth1', 'up', 0], ['b:eth2--c:eth1', 'up', 0]], problems: [] },
  second: { state: 'running', nodes: [['a', 'running', 0, '172.31.77.2/24', 0], ['b', 'running', 0, '172.31.77.3/24', 0]], links: [['a:eth1--b:eth1', 'up', 0]], problems: [] },
  third: { state: 'destroyed', nodes: [], links: [], problems: [] },
  // `a` changed between the two files, so it was made twice; nothing else was made, started or left twice.
  starts: { [`create clab-${NAME}-a`]: 2, [`start clab-${NAME}-a`]: 2, [`create clab-${NAME}-b`]: 1, [`start clab-${NAME}-b`]: 1, [`create clab-${NAME}-c`]: 1, [`start clab-${NAME}-c`]: 1 },
};

function expectUndisturbed(life: Life): void {
  expect(life.views.map(shape)).toEqual([undisturbed.first, undisturbed.second, undisturbed.third]);
  expect(Object.fromEntries(life.starts)).toEqual(undisturbed.starts);
}

describe('Must be shown 2: kill -9 of the supervisor at a named moment', () => {
  it('the undisturbed run is what all others are compared with', async () => {
    expectUndisturbed(await live('never'));
  });

  it.each(SUPERVISOR_POINTS.flatMap((point) => [1, 2, 3, 5, 7].map((nth) => `${point}:${nth}`)))('S08 S11: %s', async (moment) => {
    const life = await live(moment);
    expect(life.dead).toBe(true);
    expectUndisturbed(life);
  });
});

describe('Must be shown 3: kill -9 of the host-actor at a named moment', () => {
  const reached: Partial<Record<(typeof HOST_POINTS)[number], number[]>> = { 'between-exec-commands': [1] };
  it.each(HOST_POINTS.flatMap((point) => (reached[point] ?? [1, 3]).map((nth) => `${point}:${nth}`)))('S11 S13: %s', async (moment) => {
    const life = await live(moment);
    expect(life.dead).toBe(true);
    expectUndisturbed(life);
  });
});

