// Everything that goes to the supervisor: grouped, written down, sent in order, once; never in the way of enforcement.
import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { HostId, LabId } from '../machines/vocabulary/ids.ts';
import type { Observation, Report } from '../machines/vocabulary/observation.ts';
import { crashPoint } from './crash-point.ts';
import type { LedgerRecord } from './order-ledger.ts';
import type { OutcomeLedger } from './outcome-ledger.ts';

export type PublishReports = (reports: readonly Report[], messageId: string) => Promise<void>;

const RETRY_MS = 500;
const HISTORY_PAUSE_MS = 200;
/** Answers that travel together while this many orders are under way, for each message costs three processes more than what is in
 *  it: nothing of the same lab hangs on them that could begin before the others are done, or the engine has enough to do without. */
const LAST_ANSWERS: ReadonlySet<Observation['type']> = new Set(['node.prepared', 'node.started', 'node.removed', 'link.removed']);
const BULK = 3;
/** While fewer starts are under way, a prepared node is told at once: its own may follow, before the engine has nothing to start. */
const STARTS_ENOUGH = 4;
/** Smaller messages are sent one after another anyway; this one bounds memory for a message. */
const MAX_OBSERVATIONS = 1000;

type Waiting = { readonly lab: LabId; readonly observation: Observation };

export class ObservationsOut {
  readonly #ledger: OutcomeLedger;
  readonly #host: HostId;
  readonly #log: Logger;
  /** New in each process, so that ids of reports never repeat. */
  readonly #run = randomBytes(6).toString('hex');
  #count = 0;
  #waiting: Waiting[] = [];
  #cursor: string | undefined;
  #later: NodeJS.Timeout | undefined;
  #writing = false;
  #sending = false;
  #publish: PublishReports | undefined;
  #stopped = false;

  constructor(options: { ledger: OutcomeLedger; host: HostId; log: Logger }) {
    this.#ledger = options.ledger;
    this.#host = options.host;
    this.#log = options.log;
  }

  /** Messages that are not yet acknowledged, and observations not yet in one. */
  get backlog(): number {
    return this.#ledger.state.unsent.size + this.#waiting.length;
  }

  /** Hands an observation over; it is written down and sent in the order of the calls. */
  report(lab: LabId, observation: Observation): void {
    this.#waiting.push({ lab, observation });
    // What is for the history only travels with what somebody waits for, if that comes soon.
    if (observation.type === 'node.engine' || (this.#mayWait(observation.type) && this.#othersUnderWay() >= BULK)) this.#writeLater();
    else this.#scheduleWrite();
  }

  #mayWait(type: Observation['type']): boolean {
    if (!LAST_ANSWERS.has(type)) return false;
    if (type !== 'node.prepared') return true;
    let starts = 0;
    for (const order of this.#ledger.state.open.values()) if (order.type === 'node.start') starts += 1;
    return starts >= STARTS_ENOUGH;
  }

  /** Orders whose answers are still to come. */
  #othersUnderWay(): number {
    return this.#ledger.state.open.size - this.#waiting.filter(({ observation }) => observation.effectId !== undefined).length;
  }

  /** Notes how far the engine's events were reported; written together with what was reported before this call. */
  noteEngineCursor(cursor: string): void {
    this.#cursor = cursor;
    this.#writeLater();
  }

  /** From now on messages go out this way; those of an earlier run first. */
  connect(publish: PublishReports): void {
    this.#publish = publish;
    void this.#send();
  }

  /** Ends sending; what waits is written down for the next process. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#later);
    if (!this.#writing) await this.#write();
  }

  #writeLater(): void {
    this.#later ??= setTimeout(() => this.#scheduleWrite(), HISTORY_PAUSE_MS);
  }

  #scheduleWrite(): void {
    clearTimeout(this.#later);
    this.#later = undefined;
    if (this.#writing) return;
    this.#writing = true;
    setImmediate(() => void this.#write());
  }

  async #write(): Promise<void> {
    try {
      while (this.#waiting.length > 0 || this.#cursor !== undefined) {
        const records = this.#takeRecords();
        crashPoint('before-report-write');
        await this.#ledger.append(records, 'written');
        void this.#send();
      }
    } catch (err) {
      this.#log.error({ err }, 'reports cannot be written to the ledger');
    } finally {
      this.#writing = false;
    }
  }

  #takeRecords(): LedgerRecord[] {
    const taken = this.#waiting.splice(0, MAX_OBSERVATIONS);
    const records: LedgerRecord[] = [];
    if (taken.length > 0) {
      this.#count += 1;
      const id = `${this.#run}-${this.#count}`;
      records.push({ r: 'report', id, reports: groupByLab(taken).map(([lab, observations]) => ({ v: 1, id: `${id}/${lab}`, host: this.#host, lab, observations })) });
    }
    if (this.#cursor !== undefined && this.#waiting.length === 0) {
      records.push({ r: 'engine-seen', nanos: this.#cursor });
      this.#cursor = undefined;
    }
    return records;
  }

  async #send(): Promise<void> {
    if (this.#sending || this.#publish === undefined) return;
    this.#sending = true;
    try {
      for (;;) {
        const [message] = this.#ledger.state.unsent.values();
        if (message === undefined || this.#stopped) return;
        await this.#sendOne(message.reports, message.id);
      }
    } finally {
      this.#sending = false;
    }
  }

  async #sendOne(reports: readonly Report[], id: string): Promise<void> {
    try {
      crashPoint('before-report-publish');
      await this.#publish?.(reports, id);
      crashPoint('after-report-before-mark');
      // Lost in a crash it only costs a repeat, which the server knows by its id.
      this.#ledger.append([{ r: 'sent', id }], 'soon').catch((err: unknown) => this.#log.error({ err }, 'ledger cannot be written'));
    } catch (err) {
      if (this.#stopped) return;
      this.#log.warn({ err, messageId: id }, 'report was not taken, sent again');
      await delay(RETRY_MS);
    }
  }
}

/** Labs in the order of their first observation, observations in theirs. */
function groupByLab(waiting: readonly Waiting[]): [LabId, Observation[]][] {
  const groups = new Map<LabId, Observation[]>();
  for (const { lab, observation } of waiting) {
    const group = groups.get(lab);
    if (group === undefined) groups.set(lab, [observation]);
    else group.push(observation);
  }
  return [...groups];
}
