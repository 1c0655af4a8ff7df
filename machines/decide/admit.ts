// Reports of hosts that wait together -> one entry of what is news among them.
import type { LabEvent, LogEntry } from '../vocabulary/event.ts';
import { applyEvent } from '../evolve/apply-event.ts';
import { openDraft } from '../evolve/draft.ts';
import { closeDraft } from '../evolve/evolve.ts';
import { isRepeated } from '../evolve/heard.ts';
import type { Heard } from '../evolve/heard.ts';
import type { Evolution } from '../evolve/evolve.ts';
import { ANSWER_WITHIN_MS } from '../policy/retry-policy.ts';
import type { LabState } from '../evolve/lab-state.ts';

export type Admission = { readonly entry: LogEntry; readonly evolution: Evolution };

/**
 * Folds observations one after another and keeps those that were news (stale answers, other generations, repetitions and what is
 * older than what is known are not). Null when none was. The evolution holds once the entry is appended; it equals evolve(state, entry).
 */
export function admit(state: LabState, seen: readonly Heard[], at: number, answerWithinMs = ANSWER_WITHIN_MS): Admission | null {
  const draft = openDraft(state, { n: state.n + 1, at, term: state.term, answerWithinMs });
  const events: LabEvent[] = [];
  for (const heard of seen) {
    if (isRepeated(state, heard)) continue;
    const { host, observation, position } = heard;
    const event: LabEvent = { type: 'Reported', host, observation, ...(position === undefined ? {} : { position }) };
    if (applyEvent(draft, event)) events.push(event);
  }
  if (events.length === 0) return null;
  return { entry: { v: 1, lab: state.id, n: state.n + 1, at, term: state.term, answerWithinMs, events }, evolution: closeDraft(draft) };
}
