// The host-actor killed at each named moment of a deploy and a destroy: after its return all is as if nothing had happened.
import { execa } from 'execa';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { CrashPoint } from '../../../host-actor/crash-point.ts';
import { CRASH_POINTS } from '../../../host-actor/crash-point.ts';
import type { HostProcess } from './host-process.ts';
import { startHostProcess } from './host-process.ts';
import { TestLab } from './test-lab.ts';

/** Each moment once, and those that come several times in a deploy also in the middle of it. */
const MOMENTS: readonly string[] = [...CRASH_POINTS, 'before-report-publish:3', 'after-report-before-mark:2', 'before-report-write:4', 'after-accept-before-ack:2', 'after-ack-before-execute:2', 'after-ack-before-execute:3', 'after-create-before-start:2', 'after-wire-before-answer:2'];

describe('host-actor killed at', () => {
  let host: HostProcess;
  beforeAll(async () => {
    host = await startHostProcess('tha-c');
  });
  afterAll(async () => {
    await host.stop();
  });

  afterEach(async () => {
    await host.kill();
  });

  it.each(MOMENTS.map((moment, index) => [moment, index] as const))('S11 S13: %s', async (moment, index) => {
    const lab = new TestLab({ name: `tha-c${index}`, host: host.host, number: 40 + index, nodes: ['n1', 'n2'] });
    const before = host.starts();
    const since = Math.floor(Date.now() / 1000);
    const isLate = isOf('after-remove-before-answer', moment);
    if (isLate) host.start();
    else host.startTwice({ LABWRIGHT_CRASH_AT: moment });

    const made = [lab.network('network.ensure'), lab.node('node.prepare', 'n1'), lab.node('node.prepare', 'n2'), lab.link('link.ensure', 0, ['n1:eth1', 'n2:eth1']), lab.link('link.ensure', 1, ['n1:eth2', 'n2:eth2'])];
    const started = [lab.nextEntry().node('node.start', 'n1'), lab.node('node.start', 'n2')];
    const exec = lab.nextEntry().node('node.exec', 'n1', { commands: [{ command: 'sh -c "echo a >> /tmp/ran"', target: 'container' }, { command: 'sh -c "echo b >> /tmp/ran"', target: 'container' }] });
    await host.order(...made);
    for (const { id } of made) expect(await host.answer(id)).not.toMatchObject({ type: 'effect.failed' });
    await host.order(...started);
    for (const { id } of started) expect(await host.answer(id)).toMatchObject({ type: 'node.started' });
    await host.order(exec);
    expect(await host.answer(exec.id)).toMatchObject({ results: [{ exitCode: 0 }, { exitCode: 0 }] });
    await execa('docker', ['exec', lab.containerName('n1'), 'ping', '-c1', '-W2', lab.linkAddress(0, 1)]);
    const { stdout: ran } = await execa('docker', ['exec', lab.containerName('n1'), 'cat', '/tmp/ran']);
    expect(ran.replaceAll(/\s/g, '')).toBe('ab');

    if (isLate) {
      await host.kill();
      host.startTwice({ LABWRIGHT_CRASH_AT: moment });
    }
    await destroy(host, lab);
    for (const node of ['n1', 'n2']) expect(await actionsOf(lab.containerName(node), since)).toEqual(['create', 'start', 'destroy']);
    for (const [id, answers] of answersOf(host, lab)) expect([id, answers.length]).toEqual([id, 1]);
    expect(host.starts() - before).toBe(isLate ? 3 : 2);
  });
});

async function destroy(host: HostProcess, lab: TestLab): Promise<void> {
  const orders = [lab.nextEntry().node('node.remove', 'n1'), lab.node('node.remove', 'n2'), lab.link('link.remove', 0, ['n1:eth1', 'n2:eth1']), lab.link('link.remove', 1, ['n1:eth2', 'n2:eth2'])];
  await host.order(...orders);
  for (const { id } of orders) expect((await host.answer(id)).type).toMatch(/removed$/);
  const network = lab.nextEntry().network('network.remove');
  await host.order(network);
  await host.answer(network.id);
  const { stdout } = await execa('sh', ['-c', `ip -o link | grep ' tha${lab.mgmt.bridge.slice(6)}[pm]'; ip -o link | grep ' ${lab.mgmt.bridge}:'; ip netns | grep -w clab-${lab.lab}-n1; docker ps -aq --filter label=labwright.lab=${lab.lab}; true`]);
  expect(stdout).toBe('');
}

/** What the engine did with a container of that name, without kills and deaths. */
async function actionsOf(name: string, since: number): Promise<string[]> {
  const { stdout } = await execa('docker', ['events', '--since', String(since), '--until', (Date.now() / 1000).toFixed(3), '--filter', `container=${name}`, '--filter', 'event=create', '--filter', 'event=start', '--filter', 'event=restart', '--filter', 'event=destroy', '--format', '{{.Action}}']);
  return stdout.split('\n').filter((line) => line !== '');
}

/** Different answers to each order: an order that came twice is answered twice, in the same words. */
function answersOf(host: HostProcess, lab: TestLab): Map<string, readonly string[]> {
  const answers = host.seen.filter(({ effectId }) => effectId?.startsWith(`${lab.lab}/`) === true);
  return new Map(answers.map(({ effectId }) => [String(effectId), [...new Set(answers.filter((one) => one.effectId === effectId).map((one) => JSON.stringify({ ...one, at: 0 })))]]));
}

function isOf(point: CrashPoint, moment: string): boolean {
  return moment.split(':')[0] === point;
}
