// What is lost is noticed: a supervisor (until a lab of it has its new owner, and its first command is answered) and a host. Run: node bench/failover.ts [rounds] [labs] [hosts]
import { setTimeout as delay } from 'node:timers/promises';
import { BEAT_EVERY_MS } from '../host-actor/heartbeat.ts';
import { chooseOwner } from '../supervisor/members.ts';
import { aLab, aNode, command, host, lab, node } from '../tests/support/lab-builders.ts';
import { eventually } from '../tests/support/eventually.ts';
import { startSimulatedHost } from '../tests/support/simulated-host.ts';
import type { SimulatedHost } from '../tests/support/simulated-host.ts';
import { smallLab, startSupervisors } from '../tests/support/supervisors.ts';
import type { Supervisors } from '../tests/support/supervisors.ts';
import type { SupervisorProcess } from '../tests/support/supervisor-process.ts';
import { printTable, quantile } from './report.ts';

const rounds = Number(process.argv[2] ?? 10);
const labs = Number(process.argv[3] ?? 20);
/** Hosts that are lost, each at another moment between two signs of life. */
const losses = Number(process.argv[4] ?? 10);
const LEASE_SECONDS = 5;
/** Left as shipped: the supervisor takes a host for lost after so much silence. */
const LOST_SECONDS = 15;
type Samples = { takeover: number[]; allOwned: number[]; answered: number[] };

/** Ends one of two as `how` says, with labs shared by both, and measures until the other has done its work. */
async function failOver(all: Supervisors, [dying, other]: readonly [SupervisorProcess, SupervisorProcess], how: (one: SupervisorProcess) => void, samples: Samples, round: string): Promise<void> {
  const before = new Map(await Promise.all(Array.from({ length: labs }, async (_, index) => [lab(`l${index}`), (await all.entries(lab(`l${index}`))).length] as const)));
  const share = [...before.keys()].filter((name) => chooseOwner([dying.id(), other.id()], name) === dying.id()).length;
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

/** From the last moment of each host to the entry of the lab that says that it is lost. */
async function lostHosts(): Promise<number[]> {
  const all = await startSupervisors(LEASE_SECONDS);
  try {
    await all.start();
    const ids = Array.from({ length: losses }, (_, index) => host(`lost${index}`));
    const hosts: SimulatedHost[] = [];
    // Each gets credentials of its own, and the server's configuration is written by one at a time.
    for (const id of ids) hosts.push(startSimulatedHost(await all.nats.connect({ role: 'host', hostId: id }), id, undefined, { beatEveryMs: BEAT_EVERY_MS }));
    await eventually(async () => (await all.ops.request('hosts', {})).hosts.filter(({ state }) => state === 'joined').length > losses, { timeoutMs: 30_000, what: 'all hosts to join' });
    for (const id of ids) await all.deploy(aLab([aNode('a', { host: id, containerName: id })], [], { id: lab(id), topologyPath: `/tmp/${id}.yml` }));
    for (const id of ids) await all.settles(lab(id));
    const lostAt = new Map<string, number>();
    for (const one of hosts) {
      await one.stop();
      lostAt.set(one.id, Date.now());
      await delay(BEAT_EVERY_MS / losses);
    }
    return await eventually(async () => {
      const entries = (await Promise.all(ids.map(async (id) => await all.entries(lab(id))))).flat();
      const told = entries.flatMap(({ at, events }) => events.flatMap((event) => (event.type === 'HostLost' ? [at - (lostAt.get(event.host) ?? 0)] : [])));
      return told.length === losses ? told : null;
    }, { timeoutMs: (LOST_SECONDS + 20) * 1_000, everyMs: 200, what: 'all to be told as lost' });
  } finally {
    await all.stop();
  }
}

const all = await startSupervisors(LEASE_SECONDS);
try {
  const ways = { 'kill -9': { takeover: [], allOwned: [], answered: [] }, SIGSTOP: { takeover: [], allOwned: [], answered: [] }, 'clean end': { takeover: [], allOwned: [], answered: [] } } satisfies Record<string, Samples>;
  const living = [await all.start(), await all.start()];
  for (let index = 0; index < labs; index += 1) await all.deploy(smallLab(`l${index}`));
  for (let index = 0; index < labs; index += 1) await all.settles(lab(`l${index}`));
  for (let round = 0; round < rounds; round += 1) {
    for (const [way, samples] of Object.entries(ways)) {
      const [dying, other] = living.splice(0, 2);
      if (!dying || !other) break;
      await failOver(all, [dying, other], (one) => void (way === 'SIGSTOP' ? one.pause() : one.child.kill(way === 'kill -9' ? 'SIGKILL' : 'SIGTERM')), samples, `${way}-${round}`);
      await dying.kill();
      living.push(other, await all.start());
      await eventually(async () => (await all.shares()).size === 2 && [...(await all.shares()).values()].reduce((a, b) => a + b, 0) === labs, { timeoutMs: 60_000, what: 'labs to be shared again' });
    }
  }
  const ms = (samples: readonly number[], q: number): string => quantile(samples, q).toFixed(0);
  printTable(`Fail-over with ${labs} labs, two supervisors, lease ${LEASE_SECONDS} s, ${rounds} rounds`, ['way', 'takeover entry p50 ms', 'p99', 'all owned p50', 'p99', 'command answered p50', 'p99'],
    Object.entries(ways).map(([way, samples]) => [way, ms(samples.takeover, 0.5), ms(samples.takeover, 0.99), ms(samples.allOwned, 0.5), ms(samples.allOwned, 0.99), ms(samples.answered, 0.5), ms(samples.answered, 0.99)]));
} finally {
  await all.stop();
}
if (losses > 0) reportLosses(await lostHosts());
function reportLosses(noticed: readonly number[]): void {
  printTable(`Loss of a host: ${losses} of them, lost after ${LOST_SECONDS} s of silence, a sign of life every ${BEAT_EVERY_MS / 1_000} s`, ['in the lab\'s log after p50 ms', 'p99', 'aim'], [[quantile(noticed, 0.5).toFixed(0), quantile(noticed, 0.99).toFixed(0), String(LOST_SECONDS * 1_000 + 1_000)]]);
}
