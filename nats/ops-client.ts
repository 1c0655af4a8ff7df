// Typed client of the ops API: requests with checked answers, and a lab's state followed without a gap.
import { gzipSync } from 'node:zlib';
import { errors } from '@nats-io/transport-node';
import type { Msg, NatsConnection } from '@nats-io/transport-node';
import type { z } from 'zod';
import type { LabId } from '../machines/vocabulary/ids.ts';
import { Notice } from '../machines/vocabulary/lab-view.ts';
import type { LabView } from '../machines/vocabulary/lab-view.ts';
import { bodyText } from './ops-body.ts';
import { OPS, OpsFailure } from './ops-contract.ts';
import type { OpsRequest, OpsResponse, OpsVerb } from './ops-contract.ts';
import { noticeSubject, opsSubject } from './subjects.ts';

/** A refusal or accident on the other side, or no answer at all (`no-responders`, `timeout`, `connection-closed`: retryable). */
export class OpsRequestError extends Error {
  readonly code: string;
  readonly retryable: boolean;
  readonly details: Record<string, unknown>;

  constructor(failure: OpsFailure, options: { cause?: unknown } = {}) {
    super(failure.message, options);
    this.code = failure.code;
    this.retryable = failure.retryable;
    this.details = failure.details;
  }
}

export type Watched = { readonly view: LabView; readonly notice?: Notice };

export type OpsClient = {
  /** @throws {OpsRequestError} */
  request<V extends OpsVerb>(verb: V, request: OpsRequest<V>, options?: { lab?: LabId; timeoutMs?: number }): Promise<OpsResponse<V>>;
  /** First the present state, then each change folded into it, in order and without a gap. Ends with the signal. */
  watch(lab: LabId, signal: AbortSignal): AsyncGenerator<Watched, void, void>;
  /** News of all labs as they come, with no state before them. */
  notices(signal: AbortSignal, lab?: LabId): AsyncGenerator<Notice, void, void>;
};

const TIMEOUT_MS = 30_000;
const PACK_ABOVE_BYTES = 256 * 1024;

export function createOpsClient(nc: NatsConnection): OpsClient {
  const client: OpsClient = {
    request: async (verb, request, options = {}) => await ask(nc, verb, request, options),
    watch: (lab, signal) => watch(nc, client, lab, signal),
    notices: (signal, lab) => notices(nc, signal, lab),
  };
  return client;
}

async function ask<V extends OpsVerb>(nc: NatsConnection, verb: V, request: OpsRequest<V>, options: { lab?: LabId; timeoutMs?: number }): Promise<OpsResponse<V>> {
  const text = JSON.stringify(request);
  const body = text.length > PACK_ABOVE_BYTES ? gzipSync(text) : text;
  const reply = await nc.request(opsSubject(OPS[verb].kind, verb, options.lab), body, { timeout: options.timeoutMs ?? TIMEOUT_MS }).catch((cause: unknown) => {
    throw new OpsRequestError(unanswered(verb, cause), { cause });
  });
  const answer = readAnswer(verb, reply);
  const schema: z.ZodType<OpsResponse<V>> = OPS[verb].response as never;
  const parsed = schema.safeParse(answer);
  if (parsed.success) return parsed.data;
  throw new OpsRequestError({ code: 'invalid-answer', message: `answer to ${verb} is not of its form (other version?): ${parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`).join('; ')}`, retryable: false, details: {} });
}

function readAnswer(verb: OpsVerb, reply: Msg): unknown {
  const answer: unknown = JSON.parse(bodyText(reply.data));
  if (!reply.headers?.get('Nats-Service-Error-Code')) return answer;
  const failure = OpsFailure.safeParse(typeof answer === 'object' && answer !== null && 'error' in answer ? answer.error : undefined);
  throw new OpsRequestError(failure.success ? failure.data : { code: 'invalid-answer', message: `${verb} failed: ${reply.headers.get('Nats-Service-Error')}`, retryable: false, details: {} });
}

function unanswered(verb: OpsVerb, cause: unknown): OpsFailure {
  const nobody = cause instanceof errors.NoRespondersError || (cause instanceof errors.RequestError && cause.isNoResponders());
  const code = nobody ? 'no-responders' : cause instanceof errors.TimeoutError ? 'timeout' : 'connection-closed';
  const why = { 'no-responders': 'no supervisor is there', timeout: 'the supervisor did not answer in time', 'connection-closed': cause instanceof Error ? cause.message : String(cause) }[code];
  return { code, message: `${verb} was not answered: ${why}. See \`labwright status\``, retryable: true, details: {} };
}

async function* watch(nc: NatsConnection, client: OpsClient, lab: LabId, signal: AbortSignal): AsyncGenerator<Watched, void, void> {
  const live = notices(nc, signal, lab);
  // The subscription exists before the snapshot is asked for, so nothing falls between the two.
  const first = live.next();
  await nc.flush();
  let view = await client.request('inspect', {}, { lab });
  yield { view };
  for (let next = await first; !next.done; next = await live.next()) {
    const notice = next.value;
    if (notice.n <= view.n) continue;
    view = notice.n === view.n + 1 ? foldNotice(view, notice) : await client.request('inspect', {}, { lab });
    yield { view, notice };
  }
}

async function* notices(nc: NatsConnection, signal: AbortSignal, lab?: LabId): AsyncGenerator<Notice, void, void> {
  if (signal.aborted) return;
  const subscription = nc.subscribe(noticeSubject(lab));
  const stop = () => subscription.unsubscribe();
  signal.addEventListener('abort', stop, { once: true });
  try {
    for await (const message of subscription) {
      const parsed = Notice.safeParse(JSON.parse(bodyText(message.data)));
      if (parsed.success) yield parsed.data;
    }
  } finally {
    signal.removeEventListener('abort', stop);
    subscription.unsubscribe();
  }
}

/** The view after one notice that directly follows it. */
export function foldNotice(view: LabView, notice: Notice): LabView {
  const gone = new Set(notice.gone);
  const merge = <T>(old: readonly T[], news: readonly T[], id: (item: T) => string): T[] => {
    const byId = new Map(old.filter((item) => !gone.has(id(item))).map((item) => [id(item), item]));
    for (const item of news) byId.set(id(item), item);
    return [...byId.values()].toSorted((a, b) => (id(a) < id(b) ? -1 : 1));
  };
  return {
    ...view, n: notice.n, state: notice.state, problems: notice.problems, deadlines: notice.deadlines,
    nodes: merge(view.nodes, notice.nodes, (node) => node.node),
    links: merge(view.links, notice.links, (link) => link.link),
  };
}
