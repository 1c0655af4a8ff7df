// The moments of the supervisor at which a test can have it killed.
import type { LabEvent } from '../machines/vocabulary/event.ts';
import { crashPoint as crash } from '../nats/crash-point.ts';

export const CRASH_POINTS = [
  'supervisor/after-fold',
  'supervisor/after-claim',
  'supervisor/before-append',
  'supervisor/after-append',
  'supervisor/before-dispatch',
  'supervisor/after-dispatch',
  'supervisor/before-report-ack',
  'supervisor/after-snapshot',
] as const;
export type CrashPoint = (typeof CRASH_POINTS)[number];

export const crashPoint = (name: CrashPoint): void => crash(name);

/** Events that are about to be appended begin a phase: `supervisor/after-append:2@LabDestroyRequested` is the second append from there on. */
export function crashPhases(events: readonly LabEvent[]): void {
  for (const { type } of events) crash(type);
}
