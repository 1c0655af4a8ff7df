// Orders are taken only from a supervisor that speaks this host's protocol: asked at each start, and again and again.
import { setTimeout as delay } from 'node:timers/promises';
import type { NatsConnection } from '@nats-io/transport-node';
import type { Logger } from 'pino';
import { HOST_PROTOCOL, protocolMismatch } from '../machines/vocabulary/host-protocol.ts';
import type { HostId } from '../machines/vocabulary/ids.ts';
import type { Consuming } from '../nats/batch-queue.ts';
import { sayHello } from '../nats/host-hello.ts';

const ASK_EVERY_MS = 20_000;
const ASK_AGAIN_MS = 3_000;
const HELLO_MS = 1_000;

export type OrderFlowParts = {
  readonly host: HostId;
  readonly version: string;
  readonly log: Logger;
  /** Begins to take orders. */
  readonly open: () => Consuming;
};

export type OrderFlow = {
  /** Why no orders are taken; undefined when they are. */
  readonly refusal: string | undefined;
  stop(): Promise<void>;
};

/** Takes orders from now on, but while a supervisor of another protocol answers. One that does not answer may have left orders. */
export function startOrderFlow(nc: NatsConnection, parts: OrderFlowParts): OrderFlow {
  const ending = new AbortController();
  let [refusal, consuming]: [string | undefined, Consuming | undefined] = [undefined, undefined];
  const judge = async (): Promise<void> => {
    const answer = await sayHello(nc, parts.host, { protocol: HOST_PROTOCOL, version: parts.version }, HELLO_MS);
    const before = refusal;
    refusal = answer === undefined ? refusal : (protocolMismatch('the supervisor', answer, { protocol: HOST_PROTOCOL, version: parts.version }) ?? answer.refusal);
    if (refusal !== before && refusal !== undefined) parts.log.error({ refusal }, 'no orders are taken: protocols do not fit; what was ordered before is kept');
    if (ending.signal.aborted) return;
    if (refusal === undefined) consuming ??= parts.open();
    else {
      await consuming?.stop();
      consuming = undefined;
    }
  };
  const flowing = (async () => {
    while (!ending.signal.aborted) {
      await judge().catch((err: unknown) => parts.log.warn({ err }, 'the supervisor could not be asked for its protocol'));
      await delay(refusal === undefined ? ASK_EVERY_MS : ASK_AGAIN_MS, undefined, { signal: ending.signal }).catch(() => undefined);
    }
  })();
  return {
    get refusal() {
      return refusal;
    },
    async stop() {
      ending.abort();
      await flowing;
      await consuming?.stop();
      consuming = undefined;
    },
  };
}
