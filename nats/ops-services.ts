// The ops API as a NATS service, so that the stock `nats` command discovers and calls it. The pre-release package stays behind this file.
import { Svcm } from '@nats-io/services';
import type { Msg, MsgHdrs, NatsConnection } from '@nats-io/transport-node';
import { headers } from '@nats-io/transport-node';
import { setTimeout as delay } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import type { z } from 'zod';
import type { LabId } from '../machines/vocabulary/ids.ts';
import type { STOPPING } from './ops-again.ts';
import { AGAIN_HEADER } from './ops-again.ts';
import { bodyText } from './ops-body.ts';
import { OPS } from './ops-contract.ts';
import type { OpsFailure, OpsVerb } from './ops-contract.ts';
import { askerOf, mayAnswerTo, REQUEST_INFO_HEADER } from './roles.ts';
import type { Asker } from './roles.ts';
import { labOfOpsSubject, opsWildcard } from './subjects.ts';

export type OpsHandler = (lab: LabId | undefined, request: never, asker: Asker) => Promise<unknown>;

export type OpsServing = {
  /** Takes no more, and answers all that was taken: what is not done in a moment is told to ask whoever serves. */
  stop(): Promise<void>;
};

/** How long those who end work on what they have; what a client sends again meanwhile waits no longer than it would here. */
const END_WITHIN_MS = 300;

export type ServeOps = {
  readonly version: string;
  readonly handlers: { readonly [V in OpsVerb]: OpsHandler };
  /** Turns whatever a handler threw into what the caller is told. */
  readonly failureOf: (error: unknown) => OpsFailure;
  readonly onProblem: (problem: { verb: OpsVerb; reason: string; err?: unknown }) => void;
  /** Whether a request that all supervisors hear is for this one; always by default. */
  readonly concerns?: (lab: LabId | undefined, verb: OpsVerb) => boolean;
};

/** Serves every verb of the contract. A request whose reply subject is not the asker's own inbox gets no answer. */
export async function serveOps(nc: NatsConnection, options: ServeOps): Promise<OpsServing> {
  const under = new Set<Asked>();
  const take = (verb: OpsVerb, message: Msg): void => {
    const asked: Asked = { verb, message, options, isOver: false };
    under.add(asked);
    void answer(nc, asked).finally(() => under.delete(asked));
  };
  // The pre-release types its own copy of the core package; the connection is the same.
  const service = await new Svcm(nc as unknown as ConstructorParameters<typeof Svcm>[0]).add({ name: 'labwright', version: options.version, description: 'Labwright ops API', queue: 'supervisor' });
  for (const verb of Object.keys(OPS) as OpsVerb[]) {
    const { kind, scope } = OPS[verb];
    service.addEndpoint(verb, {
      subject: opsWildcard(kind, verb),
      metadata: { kind, scope },
      handler: (error, served) => {
        // Its own copy of the core package again.
        const message = served as unknown as Msg;
        if (error) options.onProblem({ verb, reason: 'subscription failed', err: error });
        else if (!isAgain(message)) take(verb, message);
      },
    });
  }
  // One that stands still goes on to get its share of requests: what is sent again is heard by all.
  const hearing = (Object.keys(OPS) as OpsVerb[]).map((verb) => nc.subscribe(opsWildcard(OPS[verb].kind, verb), {
    callback: (error, message) => {
      if (error || !isAgain(message)) return;
      if (options.concerns?.(labOfOpsSubject(message.subject), verb) ?? true) take(verb, message);
    },
  }));
  return {
    stop: async () => {
      for (const subscription of hearing) subscription.unsubscribe();
      await service.stop();
      const giveUpAt = performance.now() + END_WITHIN_MS;
      while (under.size > 0 && performance.now() < giveUpAt && !nc.isClosed()) await delay(5);
      for (const asked of under) refuse(asked, { code: 'stopping' satisfies typeof STOPPING, message: `the supervisor ends, ${asked.verb} may not have been done: ask again`, retryable: true, details: {} });
      if (!nc.isClosed()) await nc.flush();
    },
  };
}

const isAgain = (message: Msg): boolean => message.headers?.has(AGAIN_HEADER) ?? false;

type Asked = { readonly verb: OpsVerb; readonly message: Msg; readonly options: ServeOps; /** It has its answer. */ isOver: boolean };

async function answer(nc: NatsConnection, asked: Asked): Promise<void> {
  const { verb, message, options } = asked;
  if (!mayAnswerTo(message.reply)) {
    options.onProblem({ verb, reason: `reply subject ${message.reply ?? '(none)'} is not an inbox of who may ask` });
    return;
  }
  try {
    const request = readRequest(verb, message);
    const handler = options.handlers[verb] as (lab: LabId | undefined, request: unknown, asker: Asker) => Promise<unknown>;
    const value = await handler(labOfOpsSubject(message.subject), request, askerOf(message.reply, message.headers?.get(REQUEST_INFO_HEADER)));
    if (!asked.isOver) respond(nc, message, value);
  } catch (error) {
    refuse(asked, error instanceof RequestInvalid ? error.failure : options.failureOf(error));
  }
}

function refuse(asked: Asked, failure: OpsFailure): void {
  if (asked.isOver) return;
  asked.isOver = true;
  asked.message.respond(JSON.stringify({ error: failure }), { headers: errorHeaders(failure) });
}

class RequestInvalid extends Error {
  readonly failure: OpsFailure;
  constructor(failure: OpsFailure) {
    super(failure.message);
    this.failure = failure;
  }
}

/** As the NATS services protocol has it (ADR-32). */
function errorHeaders(failure: OpsFailure): MsgHdrs {
  const header = headers();
  header.set('Nats-Service-Error', failure.code);
  header.set('Nats-Service-Error-Code', failure.retryable ? '503' : '400');
  return header;
}

function readRequest(verb: OpsVerb, message: Msg): unknown {
  const schema: z.ZodType = OPS[verb].request;
  const parsed = schema.safeParse(parseJson(bodyText(message.data)));
  if (parsed.success) return parsed.data;
  const faults = parsed.error.issues.map((issue) => `${issue.path.join('.') || '(request)'}: ${issue.message}`);
  throw new RequestInvalid({ code: 'invalid-request', message: `request to ${verb} is not of its form: ${faults.join('; ')}`, retryable: false, details: { issues: faults } });
}

function parseJson(text: string): unknown {
  try {
    return text === '' ? {} : JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Large answers travel compressed; what even then is larger than a message is refused with the way out. */
function respond(nc: NatsConnection, message: Msg, value: unknown): void {
  const text = JSON.stringify(value);
  const limit = nc.info?.max_payload ?? 1024 * 1024;
  if (text.length < limit / 4) {
    message.respond(text);
    return;
  }
  const packed = gzipSync(text);
  if (packed.length < limit) message.respond(packed);
  else throw new RequestInvalid({ code: 'too-large', message: `the answer has ${packed.length} bytes, the server takes ${limit}: ask for less`, retryable: false, details: {} });
}
