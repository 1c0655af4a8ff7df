// A supervisor that is told to end as soon as it serves: whatever it took, it answers.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { NatsConnection } from '@nats-io/transport-node';
import { opsSubject } from '../../nats/subjects.ts';
import { command, lab, node } from '../support/lab-builders.ts';
import { eventually } from '../support/eventually.ts';
import { smallLab, startSupervisors } from '../support/supervisors.ts';
import type { Supervisors } from '../support/supervisors.ts';
import { startSupervisorProcess } from '../support/supervisor-process.ts';

const NAME = lab('brief');
let all: Supervisors;
let nc: NatsConnection;

beforeEach(async () => {
  all = await startSupervisors(3);
  await all.start();
  await all.deploy(smallLab(NAME));
  await all.settles(NAME);
  nc = await all.nats.connect({ role: 'operator' });
});
afterEach(async () => await all.stop());

/** Asked without a client, which would ask again: whether there is an answer of any kind. */
const isAnswered = async (id: string): Promise<boolean> =>
  await nc.request(opsSubject('do', 'node-restart', NAME), JSON.stringify({ commandId: command(id), nodes: [node('a')] }), { timeout: 15_000 }).then(() => true, () => false);

describe('a supervisor that ends right after its start', () => {
  it('answers what it was given, and takes nothing more', async () => {
    for (const round of [1, 2]) {
      const brief = await startSupervisorProcess(all.nats, { leaseSeconds: 3 });
      await eventually(() => brief.id() !== '', { timeoutMs: 30_000, everyMs: 1, what: 'it to serve' });
      const answers = Promise.all(Array.from({ length: 40 }, async (_unused, index) => await isAnswered(`${round}-${index}`)));
      await nc.flush();
      await brief.kill('SIGTERM');
      expect((await answers).filter((answered) => !answered)).toEqual([]);
      expect(await brief.ended).toBe(0);
    }
  });
});
