// Stages as a file writes them, in real containers: who waits for whom, what runs at each border on node and host, and in which order.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { LabEvent } from '../../machines/vocabulary/event.ts';
import type { Observation } from '../../machines/vocabulary/observation.ts';
import { eventually } from '../support/eventually.ts';
import { lab } from '../support/lab-builders.ts';
import { labFromText, openTestBed } from '../support/test-bed.ts';
import type { TestBed } from '../support/test-bed.ts';
import { NodeHands, sh } from './node-hands.ts';

const NAME = 'te2e-stages';
const DELAY_MS = 3_000;

/** Nodes and host write into one file, so the order of what really ran is the order of its lines. */
const text = (folder: string) => `
name: ${NAME}
mgmt: {network: te2e-net-stages, ipv4-subnet: 172.31.102.0/26}
topology:
  defaults: {kind: linux, image: "alpine:3", binds: ["${folder}:/told"]}
  nodes:
    db:
      exec: ['sh -c "echo db exec, eth1 is $(cat /sys/class/net/eth1/operstate) >> /told/order"']
      healthcheck: {test: [CMD-SHELL, "test -e /told/healthy"], interval: 1, retries: 1000}
      stages:
        create: {exec: [{command: "sh -c 'echo create in host >> ${folder}/order'", target: host}]}
        create-links: {exec: [{command: "sh -c 'echo create-links out >> /told/order'", phase: on-exit}]}
        configure:
          exec:
            - {command: "sh -c 'echo configure in >> /told/order'"}
            - {command: "sh -c 'echo configure out host >> ${folder}/order'", target: host, phase: on-exit}
        healthy:
          exec:
            - {command: "sh -c 'echo healthy in >> /told/order'"}
            - {command: "sh -c 'echo healthy out >> /told/order; exit 4'", phase: on-exit}
    web:
      exec: ['sh -c "echo web exec >> /told/order"']
      stages: {create: {wait-for: [{node: db, stage: healthy}]}}
    job: {restart-policy: "no", cmd: "sh -c 'until test -e /told/go; do sleep 0.1; done; echo job ends >> /told/order'"}
    after:
      exec: ['sh -c "echo after exec >> /told/order"']
      stages: {configure: {wait-for: [{node: job, stage: exit}]}}
    late: {startup-delay: ${DELAY_MS / 1000}}
  links:
    - endpoints: ["db:eth1", "web:eth1"]
`;

describe('stages', () => {
  let bed: TestBed;
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'te2e-stages-'));
    bed = await openTestBed();
    await bed.deploy(labFromText(text(folder), `/tmp/${NAME}/t.clab.yml`));
  });
  afterAll(async () => {
    await bed.close();
    await rm(folder, { recursive: true, force: true });
  });

  const told = async () => (await readFile(join(folder, 'order'), 'utf8').catch(() => '')).trim().split('\n');
  const isTold = async (line: string) => await eventually(async () => (await told()).includes(line), { timeoutMs: 30_000, what: `the line "${line}"`, everyMs: 50 });
  const nodeIs = async (node: string, fits: object) => await eventually(async () => {
    const view = (await bed.view(NAME)).nodes.find((one) => one.node === node);
    expect(view).toMatchObject(fits);
    return true;
  }, { timeoutMs: 30_000, what: `node ${node} to be ${JSON.stringify(fits)}`, everyMs: 50 });
  const isRunning = async (node: string) => (await sh('docker', 'inspect', '-f', '{{.State.Running}}', new NodeHands(NAME, node).container)) === 'true';
  const events = async (): Promise<{ at: number; event: LabEvent }[]> => {
    const { entries } = await bed.ops.request('history', { after: 0, limit: 1000 }, { lab: lab(NAME) });
    return entries.flatMap(({ entry }) => entry.events.map((event) => ({ at: entry.at, event })));
  };
  const seen = async (): Promise<Observation[]> => (await events()).flatMap(({ event }) => (event.type === 'Reported' ? [event.observation] : []));
  const indexOf = async (fits: object) => {
    const index = (await seen()).findIndex((one) => Object.entries(fits).every(([key, value]) => Reflect.get(one, key) === value));
    if (index === -1) throw new Error(`nothing like ${JSON.stringify(fits)} was reported`);
    return index;
  };

  it('run their commands in order, on the node and on the host, around its own, and links are there before', async () => {
    await isTold('healthy in');
    expect(await told()).toEqual(['create in host', 'create-links out', 'configure in', expect.stringMatching(/^db exec, eth1 is \w+$/), 'configure out host', 'healthy in']);
  });

  it('hold back the process of a node that waits until another is healthy, and name the wait', async () => {
    await nodeIs('web', { state: 'waiting', waitingFor: expect.stringContaining('stage healthy of node db') });
    await nodeIs('db', { state: 'configuring' });
    expect(await isRunning('web')).toBe(false);
    await writeFile(join(folder, 'healthy'), '');
    await isTold('web exec');
    await isTold('healthy out');
    expect((await told()).slice(6).toSorted()).toEqual(['healthy out', 'web exec']);
    expect(await indexOf({ type: 'node.health', node: 'db', status: 'healthy' })).toBeLessThan(await indexOf({ type: 'node.started', node: 'web' }));
    await nodeIs('web', { state: 'running' });
  });

  it('wait for the end of a node, with the process running already where a later stage waits', async () => {
    await nodeIs('after', { state: 'configuring', waitingFor: expect.stringContaining('stage exit of node job') });
    expect([await isRunning('after'), await told()]).toEqual([true, expect.not.arrayContaining(['after exec'])]);
    await writeFile(join(folder, 'go'), '');
    await isTold('after exec');
    expect((await told()).slice(-2)).toEqual(['job ends', 'after exec']);
    expect(await indexOf({ type: 'node.died', node: 'job' })).toBeLessThan(await indexOf({ type: 'node.exec-done', node: 'after' }));
  });

  it('a command at a border that fails is counted and stops nothing; a delayed node starts no sooner than its file says', async () => {
    const view = await bed.settled(NAME);
    expect(Object.fromEntries(view.nodes.map((one) => [one.node, [one.state, one.execFailures]]))).toEqual({ db: ['running', 1], web: ['running', 0], job: ['exited', 0], after: ['running', 0], late: ['running', 0] });
    const wished = (await events()).find(({ event }) => event.type === 'LabDeployRequested');
    const started = (await seen()).find((one) => one.type === 'node.started' && one.node === 'late');
    expect(started?.type === 'node.started' ? started.startedAt - (wished?.at ?? Infinity) : undefined).toBeGreaterThanOrEqual(DELAY_MS);
  });
});
