// The moments of the host-actor at which a test can have it killed.
import type { OrderType } from '../machines/vocabulary/effect.ts';
import { crashPoint as crash } from '../nats/crash-point.ts';

/** Every moment of the host-actor that a test can name. */
export const CRASH_POINTS = [
  'after-accept-before-ack',
  'after-ack-before-execute',
  'after-create-before-start',
  'after-start-before-answer',
  'after-wire-before-answer',
  'after-remove-before-answer',
  'before-exec',
  'after-exec-before-result',
  'between-exec-commands',
  'before-report-write',
  'before-report-publish',
  'after-report-before-mark',
] as const;
export type CrashPoint = (typeof CRASH_POINTS)[number];

export const crashPoint = (name: CrashPoint): void => crash(name);

/** Orders that were accepted begin a phase: `before-report-write@node.remove` is the first report from the first removal on. */
export function crashPhases(orders: readonly { readonly type: OrderType }[]): void {
  for (const { type } of orders) crash(type);
}
