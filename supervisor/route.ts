// A wish about a lab on its way to whoever owns the lab now: carried out here, or asked of another supervisor, until somebody did it.
import { z } from 'zod';
import type { LabId } from '../machines/vocabulary/ids.ts';
import type { MemberBus } from '../nats/member-bus.ts';
import { MemberSilentError } from '../nats/member-bus.ts';
import type { OpsVerb } from '../nats/ops-contract.ts';
import { OpsFailure } from '../nats/ops-contract.ts';
import type { Asker } from '../nats/roles.ts';
import { SteppedDownError } from './lab-actor.ts';
import type { Members } from './members.ts';
import { OpsError } from './ops-error.ts';

/** Code of an answer of who is not the owner: nothing was done. */
export const NOT_OWNER = 'not-owner';

export const OpsQuestion = z.object({ request: z.unknown(), asker: z.enum(['operator', 'viewer']) });

export type Routed = { readonly lab: LabId; readonly verb: OpsVerb; readonly request: unknown; readonly asker: Asker };

export type RouteParts = {
  readonly self: string;
  readonly members: Members;
  readonly bus: MemberBus;
  readonly now: () => number;
};

/** How long a wish waits for an owner; clients wait longer. */
const PATIENCE_MS = 20_000;
const AGAIN_MS = 50;
/** Longest work of one request; whose supervisor is gone before is known sooner. */
const ANSWER_MS = 3_600_000;

/**
 * Has the owner do it. One that is gone in the middle is asked no more, and the next owner is: a command id makes the repeat
 * harmless. @throws {OpsError} `stepped-down` (retryable) when nobody owned the lab in time, or what the owner refused.
 */
export async function route<T>(parts: RouteParts, routed: Routed, here: () => Promise<T>): Promise<unknown> {
  const until = parts.now() + PATIENCE_MS;
  for (;;) {
    const owner = parts.members.ownerOf(routed.lab);
    try {
      if (owner === parts.self) return await here();
      if (owner !== undefined) return await askOwner(parts, owner, routed);
    } catch (error) {
      if (!isNotOwned(error)) throw error;
      if (error instanceof MemberSilentError && error.code === 'member-gone' && owner !== undefined) parts.members.gone(owner);
    }
    if (parts.now() >= until) throw new OpsError('stepped-down', `no supervisor owned lab ${routed.lab} in time: ask again`, {}, { retryable: true });
    await parts.members.whenChanged(AGAIN_MS);
  }
}

const isNotOwned = (error: unknown): boolean => error instanceof SteppedDownError || error instanceof MemberSilentError || (error instanceof OpsError && (error.code === NOT_OWNER || error.code === 'stepped-down'));

async function askOwner({ members, bus }: RouteParts, owner: string, { lab, verb, request, asker }: Routed): Promise<unknown> {
  const question = { what: ['ops', verb, lab], body: { request, asker } satisfies z.infer<typeof OpsQuestion> };
  const answer = await whileLive(members, owner, bus.ask(owner, question, ANSWER_MS));
  if (answer.ok) return answer.value;
  const failure = OpsFailure.parse(answer.failure);
  throw new OpsError(failure.code, failure.message, failure.details, { retryable: failure.retryable });
}

/** The answer of a member, unless it goes first. @throws {MemberSilentError}. */
export async function whileLive<T>(members: Members, member: string, answer: Promise<T>): Promise<T> {
  let over = false;
  const gone = async (): Promise<never> => {
    while (members.isLive(member) && !over) await members.whenChanged(1_000);
    if (over) return await new Promise<never>(() => {});
    throw new MemberSilentError('member-silent', { message: `supervisor ${member} went before it answered`, retryable: true });
  };
  try {
    return await Promise.race([answer, gone()]);
  } finally {
    over = true;
    answer.catch(() => undefined);
  }
}
