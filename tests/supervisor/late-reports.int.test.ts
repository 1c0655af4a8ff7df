// Reports that were given to a supervisor that dies: they come to the next one before what the host said after them.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { jetstreamManager } from '@nats-io/jetstream';
import type { LabId } from '../../machines/vocabulary/ids.ts';
import { lab, node } from '../support/lab-builders.ts';
import { eventually } from '../support/eventually.ts';
import { smallLab, startSupervisors } from '../support/supervisors.ts';
import type { Supervisors } from '../support/supervisors.ts';

const LABS = Array.from({ length: 6 }, (_, index) => lab(`late${index}`));
let all: Supervisors;

beforeEach(async () => {
  all = await startSupervisors(3);
});
afterEach(async () => await all.stop());

const queue = async () => {
  const manager = await jetstreamManager(await all.nats.connect({ role: 'supervisor' }));
  const { num_pending: pending, num_ack_pending: unanswered } = await manager.consumers.info('LW_OBS', 'supervisor');
  return { pending, unanswered };
};
const generation = async (name: LabId) => (await all.entries(name)).flatMap(({ events }) => events.flatMap((event) => (event.type === 'LabDeployRequested' ? [event.plan.nodes[node('a')]?.generation ?? 0] : []))).at(-1) ?? 0;
const health = async (name: LabId, status: 'healthy' | 'unhealthy') =>
  await all.simulated.report(name, [{ type: 'node.health', at: Date.now(), node: node('a'), generation: await generation(name), status }]);
const folded = async (name: LabId) => (await all.entries(name)).flatMap(({ events }) => events.flatMap((event) => (event.type === 'Reported' && event.observation.type === 'node.health' ? [event.observation.status] : [])));

describe('the supervisor that takes reports from the queue', () => {
  it('dies with some: they are folded first, those that came later last, whoever owns the lab', async () => {
    const [one, two] = [await all.start(), await all.start()];
    await Promise.all(LABS.map(async (name) => await all.deploy(smallLab(name))));
    for (const name of LABS) await all.settles(name);
    await eventually(async () => JSON.stringify(await queue()) === '{"pending":0,"unanswered":0}', { what: 'an empty queue' });
    one.pause();
    for (const name of LABS) await health(name, 'unhealthy');
    await eventually(async () => (await queue()).unanswered === LABS.length, { what: 'the paused one to hold the reports' });
    await one.kill();
    for (const name of LABS) await health(name, 'healthy');
    for (const name of LABS) await eventually(async () => (await folded(name)).length === 2, { timeoutMs: 20_000, what: `both reports about ${name}` });
    for (const name of LABS) expect(await folded(name)).toEqual(['unhealthy', 'healthy']);
    for (const name of LABS) expect((await all.ops.request('inspect', {}, { lab: name })).nodes[0]?.health).toBe('healthy');
    await eventually(async () => JSON.stringify(await queue()) === '{"pending":0,"unanswered":0}', { what: 'an empty queue' });
    expect(two.output()).not.toContain('report could not be taken in');
  });
});
