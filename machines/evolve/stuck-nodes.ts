// Nodes that are to leave a host and fit nowhere else: they stay as they are, with the reason, until there is room.
import type { HostId, NodeId } from '../vocabulary/ids.ts';
import type { LabEvent } from '../vocabulary/event.ts';
import { heldUpWords } from '../vocabulary/placement.ts';
import type { StuckNodes } from '../vocabulary/placement.ts';
import type { Draft } from './draft.ts';
import type { LabState } from './lab-state.ts';

type Stands = Pick<LabState, 'nodes' | 'lab'>;

/** Nodes that would go elsewhere were the host left; a pinned one stays. Sorted. */
export function leaversOf({ nodes, lab }: Stands, host: HostId): NodeId[] {
  if (lab.value === 'destroying') return [];
  return Object.values(nodes).filter(({ plan, next, spec, machine }) => plan.host === host && next === null && spec.host !== host && machine.context.desired !== 'absent').map(({ spec }) => spec.id).toSorted();
}

/** What is known of them by now; empty = nothing holds them up. */
export const stuckOn = ({ stuck }: Pick<LabState, 'stuck'>, host: HostId): readonly StuckNodes[] => stuck?.[host] ?? [];

export function applyHeldUp(draft: Draft, { host, stuck }: Extract<LabEvent, { type: 'LeaveHeldUp' }>): boolean {
  const { [host]: before, ...others } = draft.state.stuck ?? {};
  draft.state.stuck = stuck.length === 0 ? others : { ...others, [host]: stuck };
  if (stuck.length > 0 || before !== undefined) draft.news.push(...heldUpWords(host, stuck));
  return true;
}

/** Who is gone, has left or is not wanted any more is held up by nothing. */
export function dropUnstuck(draft: Draft): void {
  const { state } = draft;
  for (const host of Object.keys(state.stuck ?? {}) as HostId[]) {
    const leavers = new Set(leaversOf(state, host));
    const still = stuckOn(state, host).filter(({ nodes }) => nodes.some((node) => leavers.has(node)));
    const { [host]: before, ...others } = state.stuck ?? {};
    if (still.length === 0) state.stuck = others;
    else if (still.length !== before?.length) state.stuck = { ...others, [host]: still };
  }
}
