// When a failed order is tried again, and what a host may repair by itself before it must give up.
import type { PendingEffect, RepairBudget } from '../vocabulary/effect.ts';
import type { PlacementSettings } from '../vocabulary/placement.ts';

const FIRST_DELAY_MS = 500;
const LAST_DELAY_MS = 30_000;
const MAX_ATTEMPTS = 5;

/**
 * Milliseconds until the next try after `attempts` failed ones, or null when that is the end of it.
 * Removals never end: what is ours on a host must go, however long the host takes.
 */
export function retryDelayMs(attempts: number, options: { removing: boolean }): number | null {
  if (attempts >= MAX_ATTEMPTS && !options.removing) return null;
  return Math.min(LAST_DELAY_MS, FIRST_DELAY_MS * 2 ** (Math.max(1, attempts) - 1));
}

/** Within which an order shall be answered; what may take long has more. */
export const ANSWER_WITHIN_MS = 60_000;

/** Images are pulled and commands run for as long as they take, so their host is asked later. */
const LONG_WORK = 10;
const LAST_ASK_MS = 600_000;

/** Milliseconds from an order to the moment at which its host is asked again, given what an order usually has. */
export function firstPatienceMs(type: PendingEffect['type'], withinMs: number): number {
  return type === 'node.prepare' || type === 'node.exec' ? withinMs * LONG_WORK : withinMs;
}

/** Milliseconds until the next asking after `asked` ones. It never ends: the host may come back. */
export function askAgainMs(asked: number, withinMs: number): number {
  return Math.min(Math.max(LAST_ASK_MS, withinMs), withinMs * 2 ** (asked - 1));
}

/** Process restarts by the host: three in half a minute, then the node has failed. */
export const NODE_BUDGET: RepairBudget = { count: 3, windowMs: 30_000, backoffMs: 100, backoffMaxMs: 5_000 };

/** Repairs of a link's devices by the host: a fault is mended at once, and so is another one; who breaks it as often as we mend it has won after half a minute. */
export const LINK_BUDGET: RepairBudget = { count: 20, windowMs: 60_000, atOnce: 2, backoffMs: 100, backoffMaxMs: 2_000 };

/** Repairs of a node's management interface by the host. */
export const MGMT_WIRE_BUDGET: RepairBudget = LINK_BUDGET;

/** Time between SIGTERM and SIGKILL of a stopped process. */
export const STOP_GRACE_MS = 3_000;

/** The shortest silence that a host takes for the loss of its nodes; less than what makes it lost. */
const LEAST_FENCE_MS = 2_000;

/**
 * Silence in milliseconds after which a host ends its nodes; undefined where they wait for its return. A host is lost some
 * seconds after its last sign of life, and its nodes move after the time that the lab names: by then it has ended them.
 */
export function fenceAfterMs(placement: PlacementSettings | undefined): number | undefined {
  const policy = placement?.onLostHost;
  return typeof policy === 'object' ? Math.max(LEAST_FENCE_MS, policy.moveAfterSeconds * 1000) : undefined;
}

/** How long a node that is to be made anew may take to have its configuration saved; then it goes on without. */
export const SAVE_WITHIN_MS = 20_000;

/** What was saved longer ago is saved anew. */
export const SAVE_FRESH_MS = 60_000;

/** Between two tries to have a host remove what does not live there any more. */
export const OWED_AGAIN_MS = 5_000;

/** How long the two ends of a link across hosts may be made and not yet prove that frames pass. */
export const CROSSING_MS = 15_000;
