// Keeps one process alive: adopts the one that runs, starts one where none does, restarts it within its budget, stops it.
import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import { adoptProcess } from './adopt-process.ts';
import { endProcess } from './end-process.ts';
import { tryLock } from './file-lock.ts';
import { boundLog, readLastLines, readLogSize } from './log-file.ts';
import { isAlive } from './process-identity.ts';
import type { ProcessIdentity } from './process-identity.ts';
import { readProcessRecord, writeProcessRecord } from './process-record.ts';
import type { ProcessRecord } from './process-record.ts';
import type { ProcessSpec } from './process-spec.ts';
import { decideRestart } from './restart-policy.ts';
import { startProcess } from './start-process.ts';

const POLL_MS = 250;
const LAST_LINES = 20;

type Running = {
  readonly identity: ProcessIdentity;
  /** How a process of ours ended; absent for an adopted one, whose end only a poll shows. */
  readonly ended?: Promise<string>;
};

/** A process under care; `start` begins, `stop` ends both the care and the process, `release` only the care. */
export class KeptProcess {
  readonly spec: ProcessSpec;
  readonly #log: Logger;
  #record: ProcessRecord;
  #logFromByte = 0;
  #wake = new AbortController();
  #over: 'no' | 'stop' | 'release' = 'no';
  #retryAsked = false;
  #renewAsked = false;
  #care: Promise<void> = Promise.resolve();

  constructor(spec: ProcessSpec, log: Logger) {
    this.spec = spec;
    this.#log = log.child({ process: spec.name });
    this.#record = { name: spec.name, state: 'stopped', restarts: 0, deaths: [] };
  }

  /** What is known now; plain data. */
  get record(): ProcessRecord {
    return this.#record;
  }

  /** Adopts or starts the process and keeps it from then on. Resolves when it runs, was given up or is stopped. */
  async start(): Promise<void> {
    this.#record = { ...this.#record, ...(await readProcessRecord(this.spec.recordPath)), name: this.spec.name };
    let begun = (): void => undefined;
    const first = new Promise<void>((resolve) => {
      begun = resolve;
    });
    this.#care = this.#keep(begun);
    await Promise.race([first, this.#care]);
  }

  /** Starts again, with a fresh budget, a process that was given up or waits. Nothing to do for one that runs. */
  retry(): void {
    if (this.#record.state !== 'failed' && this.#record.state !== 'backoff') return;
    this.#retryAsked = true;
    this.#wakeUp();
  }

  /** Starts a running process anew, for what it was told at its start no longer holds. Costs nothing of its budget. */
  renew(): void {
    this.#renewAsked = true;
    this.#wakeUp();
  }

  /** Ends the process (SIGTERM, after the grace time SIGKILL) and the care for it. Returns when it is gone.
   *  @throws {ControllerError} `stop-failed` when it outlives SIGKILL. */
  async stop(): Promise<void> {
    this.#over = 'stop';
    this.#wakeUp();
    await this.#care;
    await this.#write({ state: 'stopped', deaths: [], restarts: 0 });
  }

  /** Ends the care and leaves the process running, for the next parent to adopt. */
  async release(): Promise<void> {
    this.#over = 'release';
    this.#wakeUp();
    await this.#care;
  }

  async #keep(begun: () => void): Promise<void> {
    while (this.#over === 'no') {
      const running = await this.#adoptOrStart().catch(async (error: unknown) => {
        await this.#afterDeath(error instanceof Error ? error.message : String(error), 0);
        return undefined;
      });
      if (running !== undefined) {
        begun();
        await this.#untilGone(running);
      }
      if (this.#record.state === 'failed') begun();
      await this.#untilRetry();
    }
  }

  async #adoptOrStart(): Promise<Running> {
    await this.#write({ state: 'starting' });
    const lock = await tryLock(this.spec.lockPath);
    if (lock === undefined) return this.#adopt();
    try {
      this.#logFromByte = await readLogSize(this.spec.logPath);
      this.#renewAsked = false;
      const command = await this.spec.prepare();
      const started = await startProcess(this.spec, command, lock.fd);
      const { retryAtMs: _retryAtMs, ...rest } = this.#record;
      this.#record = { ...rest, state: 'running', identity: started.identity, sinceMs: Date.now(), version: command.version };
      await this.#write({});
      this.#log.info({ processPid: started.identity.pid }, 'process started');
      return started;
    } finally {
      await lock.close();
    }
  }

  async #adopt(): Promise<Running> {
    const { identity, known } = await adoptProcess(this.spec, this.#record);
    const { version } = this.#record;
    if (version !== undefined && this.spec.version !== undefined && version !== this.spec.version) this.#renewAsked = true;
    await this.#write({ state: 'running', identity, ...(known ? {} : { sinceMs: Date.now() }) });
    this.#log.info({ processPid: identity.pid, known }, 'process adopted');
    return { identity };
  }

  async #untilGone(running: Running): Promise<void> {
    let reason = 'it ended';
    void running.ended?.then((how) => {
      reason = how;
      this.#wakeUp();
    });
    while (this.#over === 'no' && !this.#renewAsked && isAlive(running.identity)) {
      await this.#boundLog();
      await this.#sleep(POLL_MS);
    }
    if (this.#over === 'release') return;
    if (this.#over === 'stop' || this.#renewAsked) return this.#end(running.identity);
    // The kernel shows the end before Node tells how it came; both are a moment apart.
    if (running.ended !== undefined) reason = await running.ended;
    await this.#afterDeath(reason, Date.now() - (this.#record.sinceMs ?? Date.now()));
  }

  async #end(identity: ProcessIdentity): Promise<void> {
    await endProcess(identity, this.spec);
    const { identity: _identity, sinceMs: _sinceMs, ...rest } = this.#record;
    this.#record = rest;
  }

  async #afterDeath(reason: string, livedMs: number): Promise<void> {
    const atMs = Date.now();
    const { identity: _identity, sinceMs: _sinceMs, retryAtMs: _retryAtMs, ...rest } = this.#record;
    const decision = decideRestart(rest.deaths, { atMs, livedMs }, this.spec.restart);
    const lastLines = await readLastLines(this.spec.logPath, this.#logFromByte, LAST_LINES);
    const why = decision.kind === 'give-up' ? `${reason}; ${decision.why}` : reason;
    this.#record = {
      ...rest,
      deaths: decision.deaths,
      failure: { atMs, reason: why, lastLines },
      ...(decision.kind === 'give-up' ? { state: 'failed' } : { state: 'backoff', retryAtMs: decision.atMs }),
    };
    await this.#write({});
    this.#log.warn({ reason: why, livedMs, lastLines: lastLines.slice(-3) }, 'process died');
  }

  async #untilRetry(): Promise<void> {
    // Waits in short pieces and looks again, so that no wake-up can be missed between look and sleep.
    while (this.#over === 'no' && !this.#retryAsked) {
      const { state, retryAtMs = 0 } = this.#record;
      if (state !== 'failed' && Date.now() >= retryAtMs) break;
      await this.#sleep(state === 'failed' ? POLL_MS : Math.min(POLL_MS, retryAtMs - Date.now()));
    }
    const { deaths, restarts } = this.#record;
    this.#record = { ...this.#record, restarts: restarts + 1, deaths: this.#retryAsked ? [] : deaths };
    this.#retryAsked = false;
  }

  async #boundLog(): Promise<void> {
    await boundLog(this.spec.logPath, this.spec.maxLogBytes).catch((err: unknown) => {
      this.#log.warn({ err }, 'log file could not be bounded');
    });
  }

  async #sleep(ms: number): Promise<void> {
    await delay(ms, undefined, { signal: this.#wake.signal }).catch(() => undefined);
  }

  #wakeUp(): void {
    this.#wake.abort();
    this.#wake = new AbortController();
  }

  async #write(change: Partial<ProcessRecord>): Promise<void> {
    this.#record = { ...this.#record, ...change };
    await writeProcessRecord(this.spec.recordPath, this.#record);
  }
}
