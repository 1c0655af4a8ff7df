// Measures how long the event loop of this process is held up, and raises the alarm when everybody had to wait.
import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { Logger } from 'pino';

/** Whoever asks notices a longer stall. */
const STALL_MS = 200;
const WINDOW_MS = 2_000;
/** What `maxMs` and `p99Ms` look back over: a minute. */
const WINDOWS = 30;

export type LoopWatch = {
  /** Longest stall of the last minute, milliseconds. */
  maxMs(): number;
  /** 99th percentile of the worst window of two seconds in the last minute, milliseconds. */
  p99Ms(): number;
  stop(): void;
};

/** Begins to measure. */
export function watchLoop(logger: Logger): LoopWatch {
  const delay = monitorEventLoopDelay({ resolution: 10 });
  delay.enable();
  const present = () => ({ maxMs: delay.max / 1e6, p99Ms: delay.percentile(99) / 1e6 });
  const past: { maxMs: number; p99Ms: number }[] = [];
  const timer = setInterval(() => {
    const window = present();
    delay.reset();
    past.push(window);
    if (past.length > WINDOWS) past.shift();
    if (window.maxMs > STALL_MS) logger.warn({ maxMs: Math.round(window.maxMs), p99Ms: Math.round(window.p99Ms) }, 'event loop was held up');
  }, WINDOW_MS);
  timer.unref();
  const worst = (of: 'maxMs' | 'p99Ms') => Math.max(...past.map((window) => window[of]), present()[of]);
  return {
    maxMs: () => worst('maxMs'),
    p99Ms: () => worst('p99Ms'),
    stop: () => {
      clearInterval(timer);
      delay.disable();
    },
  };
}
