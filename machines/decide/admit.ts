// Reports of hosts that wait together -> one entry of what is news among them.
import type { LabEvent, LogEntry } from '../vocabulary/event.ts';
import type { HostId } from '../vocabulary/ids.ts';
import type { Observation } from '../vocabulary/observation.ts';
import { applyEvent } from '../evolve/apply-event.ts';
import { openDraft } from '../evolve/draft.ts';
import { closeDraft, evolve } from '../evolve/evolve.ts';
import { isRepeated } from '../evolve/heard.ts';
import type { Heard } from '../evolve/heard.ts';
import type { Evolution } from '../evolve/evolve.ts';
import { linkHosts } from '../link/crossing.ts';
import { ANSWER_WITHIN_MS } from '../policy/retry-policy.ts';
import type { Draft } from '../evolve/draft.ts';
import type { LabState } from '../evolve/lab-state.ts';

export type Admission = { readonly entry: LogEntry; readonly evolution: Evolution };

/**
 * Folds observations one after another and keeps those that were news (stale answers, other generations, repetitions, what is older
 * than what is known, and what a host says of others' objects are not). Null when none was. The evolution holds once the entry is
 * appended; it equals evolve(state, entry).
 */
export function admit(state: LabState, seen: readonly Heard[], at: number, answerWithinMs = ANSWER_WITHIN_MS): Admission | null {
  const draft = openDraft(state, { n: state.n + 1, at, term: state.term, answerWithinMs });
  const events: LabEvent[] = [];
  let dropped = false;
  for (const heard of seen) {
    const { host, observation, position } = heard;
    if (isRepeated(state, draft.state, heard) || !maySpeakOf(draft.state, host, observation)) continue;
    const event: LabEvent = { type: 'Reported', host, observation, ...(position === undefined ? {} : { position }) };
    if (applyEvent(draft, event)) events.push(event);
    else dropped = true;
  }
  if (events.length === 0) return null;
  const entry: LogEntry = { v: 1, lab: state.id, n: state.n + 1, at, term: state.term, answerWithinMs, events };
  // What is not in the log leaves nothing in the state, whatever it touched before it was found to be no news.
  return { entry, evolution: dropped ? evolve(state, entry) : closeDraft(draft) };
}

/** What was asked of a host, and what lies on it; what an engine did is history, whoever tells it. */
function maySpeakOf(state: Draft['state'], host: HostId, seen: Observation): boolean {
  if (seen.effectId) return state.pending[seen.effectId]?.host === host;
  if (seen.type === 'node.engine') return true;
  if ('node' in seen) return state.nodes[seen.node]?.plan.host === host;
  if (!('link' in seen)) return true;
  const link = state.links[seen.link];
  return link !== undefined && linkHosts(link.plan).includes(host);
}
