// Orders that wait for their answer: each has a moment by which it is due; what is overdue is asked again, and said.
import type { PendingEffect } from '../vocabulary/effect.ts';
import type { EpochMs, HostId } from '../vocabulary/ids.ts';
import { renderTime } from '../vocabulary/render-time.ts';
import { askAgainMs, firstPatienceMs } from '../policy/retry-policy.ts';
import { answerName, splitDeadline } from './deadline-names.ts';
import type { Draft } from './draft.ts';
import type { LabState } from './lab-state.ts';

/** By when a new order shall be answered; nothing in entries of supervisors that waited without end. */
export function dueIn(draft: Pick<Draft, 'at' | 'answerWithinMs'>, type: PendingEffect['type']): Pick<PendingEffect, 'sentAt' | 'dueAt' | 'asked'> {
  if (draft.answerWithinMs === undefined) return {};
  return { sentAt: draft.at, dueAt: draft.at + firstPatienceMs(type, draft.answerWithinMs), asked: 1 };
}

/** One named wait a host: for the answer that is due first. */
export function armAnswers(draft: Draft): void {
  const { state } = draft;
  const due = new Map<HostId, EpochMs>();
  for (const effect of Object.values(state.pending)) {
    const known = effect.dueAt === undefined ? { ...effect, ...dueIn(draft, effect.type) } : effect;
    // A lost host is not asked: it gets all that waits for it when it is back.
    if (known.dueAt === undefined || state.lost[effect.host] !== undefined) continue;
    if (known !== effect) state.pending[effect.id] = known;
    due.set(effect.host, Math.min(due.get(effect.host) ?? Number.POSITIVE_INFINITY, known.dueAt));
  }
  for (const name of Object.keys(state.deadlines)) if (splitDeadline(name)[0] === 'answer') delete state.deadlines[name];
  for (const host of [...due.keys()].toSorted()) state.deadlines[answerName(host)] = due.get(host) ?? 0;
}

/** Sends what is overdue once more, with the same id: who did it answers again, who has it goes on. */
export function askAgain(draft: Draft, host: HostId): void {
  for (const effect of Object.values(draft.state.pending)) {
    if (effect.host !== host || effect.dueAt === undefined || effect.dueAt > draft.at) continue;
    const asked = (effect.asked ?? 1) + 1;
    draft.state.pending[effect.id] = { ...effect, asked, dueAt: draft.at + askAgainMs(asked, draft.answerWithinMs ?? 0) };
    draft.created.add(effect.id);
    draft.news.push(`host ${host} has not answered ${nameOf(effect)} for ${Math.round((draft.at - (effect.sentAt ?? draft.at)) / 1000)} s: asked again`);
  }
}

/** Hosts that let an order become overdue, in words: one sentence a host, about the oldest. */
export function silences(state: Pick<LabState, 'pending'>): string[] {
  const oldest = new Map<HostId, { effect: PendingEffect; count: number }>();
  for (const effect of Object.values(state.pending)) {
    if (!isOverdue(effect)) continue;
    const known = oldest.get(effect.host);
    const isOlder = !known || (effect.sentAt ?? 0) < (known.effect.sentAt ?? 0);
    oldest.set(effect.host, { effect: isOlder ? effect : known.effect, count: (known?.count ?? 0) + 1 });
  }
  return [...oldest].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([host, { effect, count }]) =>
    `host ${host} does not answer since ${renderTime(effect.sentAt ?? 0)}: ${nameOf(effect)}${count > 1 ? ` and ${count - 1} more` : ''}, asked ${effect.asked ?? 1} times`);
}

/** What an object's overdue order waits for; empty when there is none. */
export function overdueWait(orders: readonly PendingEffect[], target: string, room: 'node' | 'link'): string {
  const effect = orders.find((one) => isOverdue(one) && one.target === target && one.type.startsWith(`${room}.`));
  return effect ? `host ${effect.host} to answer ${effect.type}` : '';
}

export const isOverdue = (effect: PendingEffect): boolean => (effect.asked ?? 1) > 1;
const nameOf = ({ type, target }: PendingEffect): string => (type.startsWith('network.') ? type : `${type} of ${target}`);
