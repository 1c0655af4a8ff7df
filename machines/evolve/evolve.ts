// One log entry -> next state, effects and news. Live and replay go the same way; a replay drops the effects.
import type { LogEntry } from '../vocabulary/event.ts';
import type { PendingEffect } from '../vocabulary/effect.ts';
import type { LinkId, NodeId } from '../vocabulary/ids.ts';
import { applyEvent } from './apply-event.ts';
import { openDraft } from './draft.ts';
import type { Draft } from './draft.ts';
import type { LabState } from './lab-state.ts';
import { settle } from './settle.ts';

export type Evolution = {
  readonly state: LabState;
  /** Orders to send once the entry is acknowledged, in the order decided. */
  readonly effects: readonly PendingEffect[];
  readonly nodes: readonly NodeId[];
  readonly links: readonly LinkId[];
  readonly gone: readonly string[];
  /** One sentence an event, for people. */
  readonly news: readonly string[];
};

const KEPT_COMMANDS = 200;

/** Folds one entry. The entry's number must be the state's plus one. */
export function evolve(state: LabState, entry: LogEntry): Evolution {
  if (entry.n !== state.n + 1) throw new Error(`lab ${state.id}: entry ${entry.n} does not follow ${state.n}`);
  const draft = openDraft(state, entry);
  for (const event of entry.events) applyEvent(draft, event);
  return closeDraft(draft, entry.commandId);
}

/** Ends a draft: settles it and hands out what it caused. */
export function closeDraft(draft: Draft, commandId?: LogEntry['commandId']): Evolution {
  settle(draft);
  if (commandId) draft.state.commands = remember(draft.state.commands, commandId, draft.state.n);
  return {
    state: draft.state,
    effects: Object.values(draft.state.pending).filter((effect) => draft.created.has(effect.id)),
    nodes: [...draft.touchedNodes].toSorted(),
    links: [...draft.touchedLinks].toSorted(),
    gone: draft.gone,
    news: draft.news,
  };
}

function remember(commands: LabState['commands'], id: NonNullable<LogEntry['commandId']>, n: number): LabState['commands'] {
  const kept = Object.entries(commands).slice(-(KEPT_COMMANDS - 1));
  return Object.fromEntries([...kept, [id, n]]);
}
