// One run of the fault script: rounds of faults over labs on several hosts, each followed by a quiet time in which all must come right.
import { randomUUID } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { RecordedEntry } from '../../../machines/evolve/upcast.ts';
import { openEventLog } from '../../../nats/event-log.ts';
import { eventually } from '../eventually.ts';
import { command, lab as labId } from '../lab-builders.ts';
import { openTestHosts } from '../test-hosts.ts';
import type { Round } from './fault-plan.ts';
import { drawRounds } from './fault-plan.ts';
import type { FaultWorld } from './fault-world.ts';
import { faultLabs, LOST_SECONDS, SHARED_BRIDGE, SHARED_BRIDGE_HOST } from './fault-world.ts';
import { heal } from './heal.ts';
import { shapesOf } from './host-shape.ts';
import { readBeside, readFaultsLeft, surplus, viewsOf } from './quiet-checks.ts';
import type { Struck } from './strike.ts';
import { strike } from './strike.ts';

export type FaultRun = { readonly seed: number; readonly faults: number; readonly prefix: string; readonly supervisors: number; readonly ovs: boolean; readonly only: readonly string[] };
/** `hits`: how many struck, of those that were drawn; `left`: what did not come right in time; `retries`: what had to be tried again by hand because its budget of repairs was spent; `moved`: nodes that live elsewhere since. */
export type RoundOutcome = {
  readonly round: number; readonly struck: readonly string[]; readonly hits: number; readonly quietMs: number;
  readonly left: readonly string[]; readonly retries: readonly string[]; readonly moved: readonly string[];
};

/** A host that was lost for longer is noticed within so long; the rest takes less. */
const QUIET_MS = 60_000;
const RETRY_AFTER_MS = 25_000;
/** What is right must stay so: late news of before may still be on their way. */
const STAYS_MS = 1_500;

/** After so many rounds that did not come right a run has shown enough. */
const BAD_ROUNDS = 3;

/** Kinds that find nobody to strike must not be drawn for ever. */
const mostDrawn = (faults: number): number => 4 * faults + 20;

/** Goes on until as many faults struck as are wanted. Each round's outcome goes to `told` as it is known. */
export async function liveThroughFaults(run: FaultRun, told: (outcome: RoundOutcome) => void): Promise<RoundOutcome[]> {
  const shared = (number: number) => (number === SHARED_BRIDGE_HOST ? { LABWRIGHT_OVS_SHARED_BRIDGE: SHARED_BRIDGE } : {});
  const env = (number: number) => ({ LABWRIGHT_ECHO_EVERY_MS: '1000', LABWRIGHT_SWEEP_SECONDS: '5', ...(run.ovs ? { LABWRIGHT_PLANE: 'ovs', ...shared(number) } : {}) });
  const bed = await openTestHosts({ hosts: 4, images: ['alpine:3'], supervisors: run.supervisors, ovs: run.ovs, env, supervisorEnv: { LABWRIGHT_HOST_LOST_SECONDS: String(LOST_SECONDS) } });
  try {
    const labs = faultLabs(run.prefix);
    if (run.ovs) await bed.host(SHARED_BRIDGE_HOST).exec('ovs-vsctl', 'add-br', SHARED_BRIDGE, '--', 'set', 'bridge', SHARED_BRIDGE, 'datapath_type=netdev');
    await Promise.all(labs.map(async (lab) => await bed.deploy(lab.spec)));
    for (const lab of labs) await bed.settled(lab.name, ['running']);
    const log = await openEventLog(await bed.nats.connect({ role: 'supervisor' }), RecordedEntry);
    let world: FaultWorld = { bed, labs, log, beside: await readBeside({ bed, labs, log }) };
    const first = await quiet(world);
    if (first.left.length > 0) throw new Error(`the labs are not right before any fault: ${first.left.join('; ')}`);
    const outcomes: RoundOutcome[] = [];
    let [hits, drawn] = [0, 0];
    for (const drawnRound of drawRounds(run)) {
      if (hits >= run.faults || drawn >= mostDrawn(run.faults)) break;
      const round = drawnRound.slice(0, run.faults - hits);
      const before = await placesOf(world);
      const strikes = await strikeAll(world, round);
      const hitsNow = strikes.filter(({ hit }) => hit).length;
      [hits, drawn] = [hits + hitsNow, drawn + round.length];
      await heal(world, run.supervisors);
      const struck = strikes.map(({ kind, words }) => `${kind}: ${words}`);
      const outcome = { round: outcomes.length + 1, struck, hits: hitsNow, ...(await quiet(world)), moved: surplus(await placesOf(world), before) };
      outcomes.push(outcome);
      told(outcome);
      if (outcomes.filter(({ left }) => left.length > 0).length >= BAD_ROUNDS) return outcomes;
      if (outcome.left.length === 0) continue;
      await keepLogs(world, `round-${outcome.round}`);
      // What is left is told once.
      world = { ...world, beside: await readBeside(world) };
    }
    for (const { name } of labs) await bed.destroy(name);
    outcomes.push({ round: 0, struck: ['destroyed'], hits: 0, quietMs: 0, retries: [], moved: [], left: await leftAfterDestroy(world) });
    return outcomes;
  } finally {
    await bed.close();
  }
}

/** What the processes printed and the labs' logs, where LABWRIGHT_FAULTS_LOGS says. */
async function keepLogs({ bed, labs, log }: FaultWorld, name: string): Promise<void> {
  const keep = process.env['LABWRIGHT_FAULTS_LOGS'];
  if (keep === undefined) return;
  for (const host of bed.hosts) writeFileSync(`${keep}.${name}.${host.id}.log`, await host.actor.output());
  writeFileSync(`${keep}.${name}.supervisors.log`, bed.supervisors.map((one) => one.output()).join('\n--- next supervisor\n'));
  for (const lab of labs) {
    const entries: string[] = [];
    for await (const { entry } of log.read(labId(lab.name))) entries.push(JSON.stringify(entry));
    writeFileSync(`${keep}.${name}.${lab.name}.jsonl`, entries.join('\n'));
  }
}

/** One after another, as drawn; those that last go on while the next strike. */
async function strikeAll(world: FaultWorld, round: Round): Promise<Struck[]> {
  const struck: Promise<Struck>[] = [];
  for (const fault of round) {
    await delay(fault.afterMs);
    struck.push(strike(world, fault));
  }
  return await Promise.all(struck);
}

/** Where each node lives, in words. */
async function placesOf(world: FaultWorld): Promise<string[]> {
  return [...(await viewsOf(world)).values()].flatMap(({ lab, nodes }) => nodes.map(({ node, host }) => `${lab}: ${node} on ${host}`));
}

async function quiet(world: FaultWorld): Promise<Pick<RoundOutcome, 'quietMs' | 'left' | 'retries'>> {
  const from = performance.now();
  const retries: string[] = [];
  let left: string[] = ['nothing was read'];
  let rightAfterMs = 0;
  await eventually(async () => {
    left = await readFaultsLeft(world);
    if (left.length > 0 && retries.length === 0 && performance.now() - from > RETRY_AFTER_MS) retries.push(...(await retryFailed(world)));
    if (left.length > 0) return false;
    rightAfterMs = performance.now() - from;
    await delay(STAYS_MS);
    left = await readFaultsLeft(world);
    return left.length === 0;
  }, { timeoutMs: QUIET_MS, what: 'everything to come right', everyMs: 400 }).catch((error: unknown) => {
    if (left.length === 0) left = [String(error)];
  });
  return { quietMs: Math.round(left.length === 0 ? rightAfterMs : performance.now() - from), left, retries };
}

/** Who spends a budget of repairs within its window has failed, and waits for a hand. */
async function retryFailed({ bed, labs }: FaultWorld): Promise<string[]> {
  const failed = await Promise.all(labs.map(async ({ name, spec }) => {
    const { nodes, links } = await bed.view(name);
    const reasons = [...nodes.map((one) => ({ what: `node ${one.node}`, ...one })), ...links.map((one) => ({ what: `link ${one.link}`, ...one }))]
      .flatMap(({ what, state, failure }) => (state === 'failed' ? [`${name}: ${what}: ${failure?.code ?? ''} ${failure?.message ?? ''}`] : []));
    if (reasons.length > 0) await bed.ops.request('retry', { commandId: command(`retry-${randomUUID()}`), nodes: [], links: [] }, { lab: spec.id });
    return reasons;
  }));
  return failed.flat();
}

async function leftAfterDestroy({ bed, beside }: FaultWorld): Promise<string[]> {
  return [...(await shapesOf(bed.hosts))].flatMap(([host, shape]) => surplus(shape, beside.get(host) ?? []).map((one) => `${host}: ${one}`));
}
