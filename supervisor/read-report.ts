// A host's report -> its observations, one by one: what this version does not understand voids nothing but itself.
import { z } from 'zod';
import { EffectId } from '../machines/vocabulary/ids.ts';
import { Observation, Report } from '../machines/vocabulary/observation.ts';

/** A report whose observations are not yet looked at. */
export const RawReport = Report.extend({ observations: z.array(z.unknown()).min(1) });
export type RawReport = z.infer<typeof RawReport>;

const Answer = z.looseObject({ effectId: EffectId });

export type ReadReport = { readonly observations: readonly Observation[]; readonly faults: readonly string[] };

/** Observations in their order; an answer that is not understood counts as a failed order, so that nobody waits for it for ever. */
export function readReport(report: RawReport, at: number): ReadReport {
  const faults: string[] = [];
  const observations = report.observations.flatMap((raw, index) => {
    const parsed = Observation.safeParse(raw);
    if (parsed.success) return [parsed.data];
    const issues = parsed.error.issues.map((issue) => `${['observations', index, ...issue.path].map(String).join('.')}: ${issue.message}`).join('; ');
    faults.push(issues);
    const answer = Answer.safeParse(raw);
    return answer.success ? [unreadable(answer.data.effectId, { at, host: report.host, issues })] : [];
  });
  return { observations, faults };
}

function unreadable(effectId: EffectId, about: { at: number; host: string; issues: string }): Observation {
  const message = `the answer of host ${about.host} is not understood (other version?): ${about.issues}`;
  return { type: 'effect.failed', effectId, at: about.at, code: 'answer-invalid', message, retryable: false, log: [] };
}
