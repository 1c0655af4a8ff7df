// Fail-over of the supervisor: time until a lab of the dead one has its new owner, and until its first command is answered. Run: node bench/failover.ts [rounds] [labs]
import { command, lab, node } from '../tests/support/lab-builders.ts';
import { eventually } from '../tests/support/eventually.ts';
import { smallLab, startSupervisors } from '../tests/support/supervisors.ts';
import type { Supervisors } from '../tests/support/supervisors.ts';
import type { SupervisorProcess } from '../tests/support/supervisor-process.ts';
import { printTable, quantile } from './report.ts';

const rounds = Number(process.argv[2] ?? 10);
const labs = Number(process.argv[3] ?? 20);
const LEASE_SECONDS = 5;
type Samples = { takeover: number[]; allOwned: number[]; answered: number[] };

/** Ends one of two as `how` says, with labs shared by both, and measures until the other has done its work. */
async function failOver(all: Supervisors, dying: SupervisorProcess, how: (one: SupervisorProcess) => void, samples: Samples, round: string): Promise<void> {
  const before = new Map(await Promise.all(Array.from({ length: labs }, async (_, index) => [lab(`l${index}`), (await all.entries(lab(`l${index}`))).length] as const)));
  const share = (await all.shares()).get(dying.id()) ?? 0;
  const began = performance.now();
  how(dying);
  const commanding = Promise.all([...before.keys()].map(async (name) => await all.ops.request('node-restart', { commandId: command(`${name}-${round}`), nodes: [node('a')] }, { lab: name, patienceMs: 60_000, timeoutMs: 60_000 })
    .then(() => samples.answered.push(performance.now() - began))));
  const taken = new Set<string>();
  await eventually(async () => {
    for (const [name, count] of before) {
      if (taken.has(name) || !(await all.entries(name)).slice(count).some(({ events }) => events.some(({ type }) => type === 'TakenOver'))) continue;
      taken.add(name);
      samples.takeover.push(performance.now() - began);
    }
    return taken.size >= share;
  }, { timeoutMs: 60_000, everyMs: 10, what: 'all labs to be taken over' });
  samples.allOwned.push(performance.now() - began);
  await commanding;
}

const all = await startSupervisors(LEASE_SECONDS);
try {
  const ways = { 'kill -9': { takeover: [], allOwned: [], answered: [] }, SIGSTOP: { takeover: [], allOwned: [], answered: [] }, 'clean end': { takeover: [], allOwned: [], answered: [] } } satisfies Record<string, Samples>;
  const living = [await all.start(), await all.start()];
  for (let index = 0; index < labs; index += 1) await all.deploy(smallLab(`l${index}`));
  for (let index = 0; index < labs; index += 1) await all.settles(lab(`l${index}`));
  for (let round = 0; round < rounds; round += 1) {
    for (const [way, samples] of Object.entries(ways)) {
      const dying = living.shift();
      if (!dying) break;
      await failOver(all, dying, (one) => void (way === 'SIGSTOP' ? one.pause() : one.child.kill(way === 'kill -9' ? 'SIGKILL' : 'SIGTERM')), samples, `${way}-${round}`);
      await dying.kill();
      living.push(await all.start());
      await eventually(async () => (await all.shares()).size === 2 && [...(await all.shares()).values()].reduce((a, b) => a + b, 0) === labs, { timeoutMs: 60_000, what: 'labs to be shared again' });
    }
  }
  const ms = (samples: readonly number[], q: number): string => quantile(samples, q).toFixed(0);
  printTable(`Fail-over with ${labs} labs, two supervisors, lease ${LEASE_SECONDS} s, ${rounds} rounds`, ['way', 'takeover entry p50 ms', 'p99', 'all owned p50', 'p99', 'command answered p50', 'p99'],
    Object.entries(ways).map(([way, samples]) => [way, ms(samples.takeover, 0.5), ms(samples.takeover, 0.99), ms(samples.allOwned, 0.5), ms(samples.allOwned, 0.99), ms(samples.answered, 0.5), ms(samples.answered, 0.99)]));
} finally {
  await all.stop();
}
