// Reports of hosts that wait together -> one entry of what is news among them.
import type { HostId } from '../vocabulary/ids.ts';
import type { LabEvent, LogEntry } from '../vocabulary/event.ts';
import type { Observation } from '../vocabulary/observation.ts';
import { applyEvent } from '../evolve/apply-event.ts';
import { openDraft } from '../evolve/draft.ts';
import { closeDraft } from '../evolve/evolve.ts';
import type { Evolution } from '../evolve/evolve.ts';
import { ANSWER_WITHIN_MS } from '../policy/retry-policy.ts';
import type { LabState } from '../evolve/lab-state.ts';

export type Admission = { readonly entry: LogEntry; readonly evolution: Evolution };

/**
 * Folds observations one after another and keeps those that were news (stale answers, other generations and repetitions
 * are not). Null when none was. The evolution holds once the entry is appended; it equals evolve(state, entry).
 */
export function admit(state: LabState, seen: readonly { host: HostId; observation: Observation }[], at: number, answerWithinMs = ANSWER_WITHIN_MS): Admission | null {
  const draft = openDraft(state, { n: state.n + 1, at, term: state.term, answerWithinMs });
  const events: LabEvent[] = [];
  for (const { host, observation } of seen) {
    const event: LabEvent = { type: 'Reported', host, observation };
    if (applyEvent(draft, event)) events.push(event);
  }
  if (events.length === 0) return null;
  return { entry: { v: 1, lab: state.id, n: state.n + 1, at, term: state.term, answerWithinMs, events }, evolution: closeDraft(draft) };
}
