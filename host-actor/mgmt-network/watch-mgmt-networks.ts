// Watches rules, bridges and addresses of the host, and says when a management network is not as it was made.
import { execa } from 'execa';
import type { LoopRounds } from '../../nats/loop-health.ts';
import type { HostShell } from './host-shell.ts';
import type { Drift } from './read-drifts.ts';

export interface WatchInputs {
  readonly shell: HostShell;
  /** Compares record and world. */
  readonly check: (signal: AbortSignal) => Promise<Drift[]>;
  /** Called once for each set of differences found; a promise is waited for before the next check. */
  readonly onDrift: (drifts: Drift[]) => void | Promise<void>;
  /** Each check is a round. */
  readonly rounds: LoopRounds;
  /** A monitor failed; watching goes on. */
  readonly onError: (error: unknown) => void;
  readonly signal: AbortSignal;
}

/** Events come in bursts (one line per rule); they are judged together after this pause. */
const SETTLE_MS = 30;
/** At most one check in this time: a deploy gives events for as long as it lasts, and each check starts processes. */
const CHECK_EVERY_MS = 1_000;
const MONITOR_RESTART_MS = 1_000;
/** By then a started monitor has its socket. */
const LISTENING_AFTER_MS = 300;

/**
 * Starts `nft monitor` and `ip monitor` on the host and checks after each burst of events that may concern us. Resolves
 * when both monitors run. iptables of the legacy kind give no events: the caller's sweep has to check them.
 */
export async function watchMgmtNetworks(inputs: WatchInputs): Promise<void> {
  const checker = new SettledCheck(inputs);
  const monitors: [string, string[]][] = [
    ['nft', ['-j', 'monitor']],
    ['ip', ['-rcvbuf', '8388608', '-o', 'monitor', 'link', 'address']],
  ];
  await Promise.all(monitors.map(([file, args]) => new Promise<void>((resolve) => {
    void keepMonitor(inputs, file, args, () => checker.poke(), resolve);
  })));
}

async function keepMonitor(inputs: WatchInputs, file: string, args: string[], onLine: () => void, onStarted: () => void): Promise<void> {
  const { shell, signal } = inputs;
  while (!signal.aborted) {
    try {
      const [program, ...rest] = shell.line(file, args);
      const child = execa(program, rest, { cancelSignal: signal, stdin: 'ignore', buffer: false, reject: false, all: true, env: { LC_ALL: 'C' } });
      child.nodeChildProcess.once('spawn', () => {
        onStarted();
        // What happened while no monitor ran, or before this one came to listen, gave no event.
        onLine();
        setTimeout(onLine, LISTENING_AFTER_MS);
      });
      for await (const line of child.iterable({ from: 'all' })) if (mayConcern(line)) onLine();
      await child;
    } catch (error) {
      if (!signal.aborted) inputs.onError(error);
    }
    if (signal.aborted) return;
    inputs.onError(new Error(`${file} ${args.join(' ')} ended; started again in ${MONITOR_RESTART_MS} ms`));
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, MONITOR_RESTART_MS);
      signal.addEventListener('abort', () => { clearTimeout(timer); resolve(); }, { once: true });
    });
  }
}

/**
 * Whether a monitor's line can be about a management network. A deploy prints thousands that are not: host ends of links
 * (named `x@...` or plugged into a master) and the engine's own NAT rules. What is not understood concerns us.
 */
export function mayConcern(line: string): boolean {
  if (line.startsWith('{')) return !line.includes('"table": "nat"') && !line.includes('"family": "netdev"');
  if (line.includes('Peer netns reference is invalid')) return false;
  return !/^(?:Deleted )?\d+: [^\s:@]+@/.test(line) && !line.includes(' master ');
}

/** One check at a time, and one more after it when events came meanwhile. */
class SettledCheck {
  readonly #inputs: WatchInputs;
  #wanted = false;
  #running = false;
  #checkedAt = Number.NEGATIVE_INFINITY;

  constructor(inputs: WatchInputs) {
    this.#inputs = inputs;
  }

  poke(): void {
    this.#wanted = true;
    if (!this.#running && !this.#inputs.signal.aborted) void this.#run();
  }

  async #run(): Promise<void> {
    this.#running = true;
    const { check, rounds, onDrift, signal } = this.#inputs;
    while (this.#wanted && !signal.aborted) {
      const pause = Math.max(SETTLE_MS, this.#checkedAt + CHECK_EVERY_MS - performance.now());
      await new Promise((resolve) => { setTimeout(resolve, pause); });
      this.#wanted = false;
      this.#checkedAt = performance.now();
      await rounds.run(async () => {
        const drifts = await check(signal);
        if (drifts.length > 0) await onDrift(drifts);
      });
    }
    this.#running = false;
  }
}
