// Keeps a log file small when one thing fails again and again: the first line says it, later ones say how often it was since.
import type { LogFn, Logger } from 'pino';

/** How long a failure that was said is only counted. */
const QUIET_MS = 600_000;
/** So many different failures are remembered; of more, the oldest is said again. */
const REMEMBERED = 1_000;

type Said = { readonly at: number; readonly leftOut: number };

/** A hook for pino. Lines without an error pass; errors that differ in numbers only (a sequence, a port) count as the same. */
export function boundRepeats(now: () => number): (this: Logger, args: Parameters<LogFn>, method: LogFn, level: number) => void {
  const said = new Map<string, Said>();
  return function hook(args, method, level) {
    const [, ...rest] = args;
    // Whoever logs gives fields before the sentence, or the sentence alone; pino's type knows the first only.
    const fields: unknown = args[0];
    if (!hasError(fields)) {
      method.apply(this, args);
      return;
    }
    const key = keyOf(level, fields, rest);
    const before = said.get(key);
    if (before && now() - before.at < QUIET_MS) {
      said.set(key, { ...before, leftOut: before.leftOut + 1 });
      return;
    }
    said.delete(key);
    said.set(key, { at: now(), leftOut: 0 });
    for (const oldest of said.keys()) {
      if (said.size <= REMEMBERED) break;
      said.delete(oldest);
    }
    if (before && before.leftOut > 0) method.call(this, { ...fields, leftOut: before.leftOut }, ...rest);
    else method.apply(this, args);
  };
}

const hasError = (fields: unknown): fields is { err: unknown } => typeof fields === 'object' && fields !== null && 'err' in fields;

/** What makes a line the same as another one. */
function keyOf(level: number, { err, ...others }: { err: unknown }, rest: readonly unknown[]): string {
  const words = Object.entries(others).filter(([, value]) => typeof value === 'string');
  return `${level} ${JSON.stringify([rest[0], words, String(err).replaceAll(/\d+/g, '#')])}`;
}
