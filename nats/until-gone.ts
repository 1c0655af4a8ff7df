// A request bound to whoever has it: its answer, or an error as soon as the connection or the supervisor behind it is gone.
import { setTimeout as delay } from 'node:timers/promises';
import type { Msg, NatsConnection } from '@nats-io/transport-node';
import { errors } from '@nats-io/transport-node';
import { watchConnection } from './connection-watch.ts';
import { Status } from './ops-contract.ts';
import { opsSubject } from './subjects.ts';

/** Nearly every answer comes sooner; a supervisor takes longer to come back than the first look to be made. */
const LOOK_EVERY_MS = 250;
const LOOK_TIMEOUT_MS = 2_000;

/** The supervisor that had the request, or may have had it, is gone: whether it did what was asked is unknown, the same request may be sent again. */
export class SupervisorGoneError extends Error {}

/**
 * Sends a request and watches over it while it waits.
 * @throws {SupervisorGoneError} nobody serves any more, or one of those that did does not. @throws {TransportError} `nats-unavailable`.
 */
export async function untilGone(nc: NatsConnection, request: () => Promise<Msg>): Promise<Msg> {
  const answered = new AbortController();
  try {
    const answer = request();
    // Whoever loses the race has nobody to tell.
    answer.catch(() => undefined);
    return await watchConnection(nc).orDisconnect(Promise.race([answer, whenGone(nc, answered.signal)]));
  } finally {
    answered.abort();
  }
}

/** Rejects when the supervisor is gone; never resolves. */
async function whenGone(nc: NatsConnection, signal: AbortSignal): Promise<never> {
  const served = new Set<string>();
  for (;;) {
    await delay(LOOK_EVERY_MS, undefined, { signal }).catch(() => undefined);
    if (signal.aborted) return await new Promise<never>(() => {});
    const serving = await readSupervisors(nc);
    if (serving === undefined) continue;
    const gone = [...served].find((one) => !serving.includes(one));
    if (gone !== undefined) throw new SupervisorGoneError(`supervisor ${gone} is gone, ${serving.join(', ')} serves now`);
    for (const one of serving) served.add(one);
  }
}

/** Ids of the supervisors that serve; undefined when none says so in time, which says nothing about what they do. */
async function readSupervisors(nc: NatsConnection): Promise<readonly string[] | undefined> {
  try {
    const reply = await nc.request(opsSubject('read', 'status', undefined), '{}', { timeout: LOOK_TIMEOUT_MS });
    const status = Status.safeParse(reply.json()).data;
    return status && [...new Set([status.supervisor, ...status.supervisors.map(({ id }) => id)])];
  } catch (error) {
    const nobody = error instanceof errors.NoRespondersError || (error instanceof errors.RequestError && error.isNoResponders());
    if (nobody) throw new SupervisorGoneError('no supervisor serves', { cause: error });
    return undefined;
  }
}
