// A request bound to whoever has it: its answer, or an error as soon as the connection or the supervisor behind it is gone.
import { setTimeout as delay } from 'node:timers/promises';
import type { Msg, NatsConnection } from '@nats-io/transport-node';
import { errors } from '@nats-io/transport-node';
import { watchConnection } from './connection-watch.ts';
import { Status } from './ops-contract.ts';
import { againHeaders } from './ops-again.ts';
import { opsSubject } from './subjects.ts';

/** Nearly every answer comes sooner; a supervisor takes longer to come back than the first look to be made. */
const LOOK_EVERY_MS = 250;
const LOOK_TIMEOUT_MS = 1_000;
/** A request is sent again so often where several serve, and more seldom when it takes longer than any lease. */
const AGAIN_EVERY_MS = 1_000;
const OFTEN_MS = 15_000;
const SELDOM_EVERY_MS = 5_000;

/** The supervisor that had the request, or may have had it, is gone: whether it did what was asked is unknown, the same request may be sent again. */
export class SupervisorGoneError extends Error {}

/**
 * Sends a request that may be sent twice, and watches over it while it waits. Where several supervisors serve, one that stands still
 * may have it: it is sent again from time to time, and the first answer counts.
 * @param onGone - `throw` when the supervisor that may have had it is gone, or send `again`
 * @throws {SupervisorGoneError} nobody serves any more, or one of those that did does not. @throws {TransportError} `nats-unavailable`.
 */
export async function untilGone(nc: NatsConnection, request: (again: boolean) => Promise<Msg>, onGone: 'throw' | 'again'): Promise<Msg> {
  const over = new AbortController();
  const { promise, resolve, reject } = Promise.withResolvers<Msg>();
  // Whoever loses the race has nobody to tell.
  promise.catch(() => undefined);
  request(false).then(resolve, reject);
  const again = (): void => void request(true).then(resolve, () => undefined);
  try {
    return await watchConnection(nc).orDisconnect(Promise.race([promise, watchOver(nc, { signal: over.signal, again, onGone })]));
  } finally {
    over.abort();
  }
}

/** Supervisors of which this connection knows that they are gone: no request is on its way to them any more. */
const knownGone = new WeakMap<NatsConnection, Set<string>>();

/** Rejects when the supervisor is gone; never resolves. */
async function watchOver(nc: NatsConnection, options: { signal: AbortSignal; again: () => void; onGone: 'throw' | 'again' }): Promise<never> {
  const served = new Set<string>();
  const known = knownGone.get(nc) ?? new Set();
  knownGone.set(nc, known);
  // Who went after this was sent may have had it, also when nobody told us before that it was there.
  const before = new Set(known);
  const beganAt = performance.now();
  let askedAt = beganAt;
  const again = (): void => {
    askedAt = performance.now();
    options.again();
  };
  for (;;) {
    await delay(LOOK_EVERY_MS, undefined, { signal: options.signal }).catch(() => undefined);
    if (options.signal.aborted) return await new Promise<never>(() => {});
    const serving = await readSupervisors(nc);
    // Silence is what one that stands still answers too; a question may be asked again whoever serves.
    if ((serving === undefined || options.onGone === 'again' || serving.there.length + serving.gone.length > 1) && performance.now() - askedAt > (askedAt - beganAt < OFTEN_MS ? AGAIN_EVERY_MS : SELDOM_EVERY_MS)) again();
    if (serving === undefined) continue;
    for (const one of serving.there) known.delete(one);
    for (const one of serving.gone) known.add(one);
    const gone = [...served].find((one) => !serving.there.includes(one)) ?? serving.gone.find((one) => !before.has(one));
    if (gone !== undefined && options.onGone === 'throw') throw new SupervisorGoneError(`supervisor ${gone} is gone, ${serving.there.join(', ')} serves now`);
    if (gone !== undefined) again();
    for (const one of serving.gone) before.add(one);
    served.clear();
    for (const one of serving.there) served.add(one);
  }
}

/** Ids of the supervisors that serve and of those that went a moment ago; undefined when none says so in time, which says nothing about what they do. */
async function readSupervisors(nc: NatsConnection): Promise<{ there: readonly string[]; gone: readonly string[] } | undefined> {
  try {
    const reply = await nc.request(opsSubject('read', 'status', undefined), '{}', { timeout: LOOK_TIMEOUT_MS, headers: againHeaders() });
    const status = Status.safeParse(reply.json()).data;
    return status && { there: [...new Set([status.supervisor, ...status.supervisors.map(({ id }) => id)])], gone: status.gone };
  } catch (error) {
    const nobody = error instanceof errors.NoRespondersError || (error instanceof errors.RequestError && error.isNoResponders());
    if (nobody) throw new SupervisorGoneError('no supervisor serves', { cause: error });
    return undefined;
  }
}
