// What other supervisors ask of this one: a verb or reports about a lab that is owned here, a lab to forget.
import type { z } from 'zod';
import { LabId } from '../machines/vocabulary/ids.ts';
import type { MemberAnswer, MemberQuestion } from '../nats/member-bus.ts';
import type { OpsVerb } from '../nats/ops-contract.ts';
import type { Asker } from '../nats/roles.ts';
import { HostReports } from './report-intake.ts';
import type { ReportIntake, TakenIn } from './report-intake.ts';
import { NOT_OWNER, OpsQuestion } from './route.ts';

/** Carries out a verb for another supervisor; what it answers or throws goes back as it is. */
export type OpsCarrier = (verb: OpsVerb, lab: LabId, request: unknown, asker: Asker) => Promise<MemberAnswer>;

export type MemberAnswers = {
  readonly intake: Pick<ReportIntake, 'takeIn'>;
  readonly forget: (lab: LabId) => void;
  /** @throws {SteppedDownError} the lab is somebody else's. */
  readonly own: (lab: LabId) => Promise<unknown>;
  /** Null as long as nobody carries out verbs here. */
  readonly carrier: () => OpsCarrier | null;
};

/** Answers one question; only what we own is answered, anything else is `not-owner`: nothing was done. */
export async function answerMember(parts: MemberAnswers, question: MemberQuestion): Promise<MemberAnswer> {
  return await answer(parts, question).catch((error: unknown): MemberAnswer => ({ ok: false, failure: { code: NOT_OWNER, message: String(error), retryable: true, details: {} } }));
}

async function answer({ intake, forget, own, carrier }: MemberAnswers, { what: [kind, first = '', second = ''], body }: MemberQuestion): Promise<MemberAnswer> {
  if (kind === 'ping') return { ok: true, value: {} };
  if (kind === 'forget') {
    forget(LabId.parse(first));
    return { ok: true, value: {} };
  }
  if (kind === 'obs') return { ok: true, value: { taken: await intake.takeIn(LabId.parse(first), HostReports.parse(body)) } satisfies z.infer<typeof TakenIn> };
  const lab = LabId.parse(second);
  const { request, asker } = OpsQuestion.parse(body);
  await own(lab);
  const carry = carrier();
  if (kind !== 'ops' || !carry) throw new Error(`nobody answers to ${kind}`);
  // The verb comes from a supervisor, which took it from the contract.
  return await carry(first as OpsVerb, lab, request, asker);
}
