// The moments of the supervisor at which a test can have it killed.
import { crashPoint as crash } from '../nats/crash-point.ts';

export const CRASH_POINTS = ['supervisor/after-claim', 'supervisor/before-append', 'supervisor/after-append', 'supervisor/before-dispatch', 'supervisor/after-dispatch'] as const;

export const crashPoint = (name: (typeof CRASH_POINTS)[number]): void => crash(name);
