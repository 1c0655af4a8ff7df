// How supervisors speak to each other: signs of life to all, questions to one.
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { errors } from '@nats-io/transport-node';
import type { Msg, NatsConnection } from '@nats-io/transport-node';
import { z } from 'zod';
import { EpochMs } from '../machines/vocabulary/ids.ts';
import { watchConnection } from './connection-watch.ts';
import { NatsRoomError } from './errors.ts';
import { bodyText } from './ops-body.ts';
import { fromSubjectToken, MEMBER_BEAT_SUBJECT, memberSubject } from './subjects.ts';

/** `ask`: whoever hears it beats at once; `bye`: this one is going and owns nothing any more. */
export const MemberBeat = z.looseObject({
  kind: z.enum(['beat', 'ask', 'bye']), id: z.string().min(1), startedAt: EpochMs, version: z.string(),
  /** Labs that it owns. */
  labs: z.number().int().nonnegative(),
});
export type MemberBeat = z.infer<typeof MemberBeat>;

/** The member asked has no connection (any more), or did not answer in time: what became of the question is unknown. */
export class MemberSilentError extends NatsRoomError<'member-gone' | 'member-silent'> {}

const Answer = z.discriminatedUnion('ok', [
  z.object({ ok: z.literal(true), value: z.unknown() }),
  z.object({ ok: z.literal(false), failure: z.unknown() }),
]);
export type MemberAnswer = z.infer<typeof Answer>;

export type MemberQuestion = { readonly what: readonly string[]; readonly body: unknown };

export type MemberBus = {
  say(beat: MemberBeat): void;
  /** Calls back with each sign of life, our own left out. */
  hear(listener: (beat: MemberBeat) => void): void;
  /** @throws {MemberSilentError} `member-gone` at once when it has no connection, `member-silent` after the timeout or with the own connection. */
  ask(memberId: string, question: MemberQuestion, timeoutMs: number): Promise<MemberAnswer>;
  /** Answers what this member is asked; `answer` must not throw. */
  serve(answer: (question: MemberQuestion) => Promise<MemberAnswer>): void;
  /** Is not to be found by questions from here on. */
  stop(): void;
};

const pack = promisify(gzip);
const PACK_ABOVE_BYTES = 256 * 1024;

/** Opens the bus for a member. The subjects are permitted to the role supervisor alone. */
export function openMemberBus(nc: NatsConnection, id: string): MemberBus {
  const stops: (() => void)[] = [];
  const listen = (subject: string, callback: (message: Msg) => void): void => {
    const subscription = nc.subscribe(subject, { callback: (error, message) => (error === null ? callback(message) : undefined) });
    stops.push(() => (nc.isClosed() ? undefined : subscription.unsubscribe()));
  };
  return {
    say: (beat) => {
      if (!nc.isClosed()) nc.publish(MEMBER_BEAT_SUBJECT, JSON.stringify(beat));
    },
    hear: (listener) => listen(MEMBER_BEAT_SUBJECT, (message) => {
      const beat = MemberBeat.safeParse(parsed(message));
      if (beat.success && beat.data.id !== id) listener(beat.data);
    }),
    async ask(memberId, { what, body }, timeoutMs) {
      try {
        const reply = nc.request(memberSubject(memberId, ...what), await packed(body), { timeout: timeoutMs });
        return Answer.parse(parsed(await watchConnection(nc).orDisconnect(reply)));
      } catch (cause) {
        const gone = cause instanceof errors.NoRespondersError || (cause instanceof errors.RequestError && cause.isNoResponders());
        throw new MemberSilentError(gone ? 'member-gone' : 'member-silent', { message: `supervisor ${memberId} did not answer to ${what[0]}: ${cause instanceof Error ? cause.message : String(cause)}`, retryable: true, cause });
      }
    },
    serve: (answer) => listen(memberSubject(id, '>'), (message) => {
      const what = message.subject.split('.').slice(memberSubject(id).split('.').length).map(fromSubjectToken);
      void answer({ what, body: parsed(message) }).then(packed).then((said) => (nc.isClosed() ? false : message.respond(said)));
    }),
    stop: () => {
      for (const stop of stops.splice(0)) stop();
    },
  };
}

async function packed(value: unknown): Promise<string | Uint8Array> {
  const text = JSON.stringify(value);
  return text.length > PACK_ABOVE_BYTES ? await pack(text) : text;
}

function parsed(message: Msg): unknown {
  try {
    return JSON.parse(bodyText(message.data));
  } catch {
    return undefined;
  }
}
