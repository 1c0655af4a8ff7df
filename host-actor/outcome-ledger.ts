// The host's memory on disk: an append-only file of JSON lines, written in groups, synced where a promise hangs on it.
import { mkdir, open, readFile, rename } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from 'pino';
import type { HostId } from '../machines/vocabulary/ids.ts';
import { compactLedger } from './compact-ledger.ts';
import { HostActorError } from './host-actor-error.ts';
import type { LedgerState } from './order-ledger.ts';
import { emptyLedger, foldRecord, LedgerRecord } from './order-ledger.ts';

/** `synced` survives a power loss, `written` a death of the process; `soon` is written with whatever comes next, or a moment later. */
export type Durability = 'synced' | 'written' | 'soon';

type Waiting = { readonly text: string; readonly durability: Durability; readonly resolve: () => void; readonly reject: (error: unknown) => void };

const COMPACT_ABOVE_BYTES = 32 * 1024 * 1024;
const FILE = 'ledger.jsonl';
const SOON_MS = 100;

export class OutcomeLedger {
  /** What the ledger says now; changed only by `append`. */
  state: LedgerState = emptyLedger();
  readonly #directory: string;
  readonly #host: HostId;
  readonly #log: Logger;
  readonly #onBroken: ((error: unknown) => void) | undefined;
  #file: FileHandle | undefined;
  #bytes = 0;
  #compactAbove = COMPACT_ABOVE_BYTES;
  #waiting: Waiting[] = [];
  #writing: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: { directory: string; host: HostId; log: Logger; onBroken: ((error: unknown) => void) | undefined }) {
    this.#directory = options.directory;
    this.#host = options.host;
    this.#log = options.log;
    this.#onBroken = options.onBroken;
  }

  /** Reads the ledger and writes it anew in its shortest form. A last line cut off by a crash is left out; it was never promised. */
  async open(): Promise<void> {
    await mkdir(this.#directory, { recursive: true, mode: 0o700 });
    this.state = readRecords(await readFile(join(this.#directory, FILE), 'utf8').catch(emptyWhenAbsent), this.#log);
    await this.#compact();
  }

  /** Folds the records at once; resolves when they are as safe as asked. */
  append(records: readonly LedgerRecord[], durability: Durability): Promise<void> {
    for (const record of records) foldRecord(this.state, record);
    const text = records.map((record) => `${JSON.stringify(record)}\n`).join('');
    return new Promise((resolve, reject) => {
      this.#waiting.push({ text, durability, resolve, reject });
      if (durability === 'soon') {
        this.#timer ??= setTimeout(() => this.#begin(), SOON_MS);
        return;
      }
      this.#begin();
    });
  }

  #begin(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#writing ??= this.#write().finally(() => {
      this.#writing = undefined;
      // What came between the last look and here began nothing.
      if (this.#waiting.some(({ durability }) => durability !== 'soon')) this.#begin();
    });
  }

  async close(): Promise<void> {
    this.#begin();
    await this.#writing;
    await this.#file?.close();
    this.#file = undefined;
  }

  async #write(): Promise<void> {
    // All appends of this turn travel in one write and one sync.
    await Promise.resolve();
    while (this.#waiting.length > 0) {
      const group = this.#waiting;
      this.#waiting = [];
      try {
        await this.#writeGroup(group);
        for (const waiting of group) waiting.resolve();
      } catch (error) {
        this.#onBroken?.(error);
        for (const waiting of group) waiting.reject(error);
      }
    }
  }

  async #writeGroup(group: readonly Waiting[]): Promise<void> {
    if (this.#file === undefined) throw new HostActorError('ledger-damaged', { message: `ledger in ${this.#directory} is not open`, retryable: false });
    const bytes = Buffer.from(group.map((waiting) => waiting.text).join(''));
    await this.#file.appendFile(bytes);
    this.#bytes += bytes.length;
    if (group.some((waiting) => waiting.durability === 'synced')) await this.#file.datasync();
    if (this.#bytes > this.#compactAbove) await this.#compact();
  }

  async #compact(): Promise<void> {
    const path = join(this.#directory, FILE);
    const records = compactLedger(this.state, this.#host);
    // Before the first wait: what is appended from here on folds into the new state, and its lines go into the new file.
    this.state = emptyLedger();
    for (const record of records) foldRecord(this.state, record);
    const file = await open(`${path}.new`, 'w', 0o600);
    const bytes = Buffer.from(records.map((record) => `${JSON.stringify(record)}\n`).join(''));
    await file.appendFile(bytes);
    await file.sync();
    await rename(`${path}.new`, path);
    await syncDirectory(this.#directory);
    await this.#file?.close();
    this.#file = file;
    this.#bytes = bytes.length;
    this.#compactAbove = Math.max(COMPACT_ABOVE_BYTES, 2 * bytes.length);
  }
}

function readRecords(text: string, log: Logger): LedgerState {
  const state = emptyLedger();
  const lines = text.split('\n');
  for (const [index, line] of lines.entries()) {
    if (line === '') continue;
    const record = parseRecord(line);
    if (record !== undefined) foldRecord(state, record);
    else if (index === lines.length - 1) log.warn({ bytes: line.length }, 'last line of the ledger was cut off, left out');
    else log.error({ line: index + 1 }, 'line of the ledger cannot be read, left out');
  }
  return state;
}

function parseRecord(line: string): LedgerRecord | undefined {
  try {
    const parsed = LedgerRecord.safeParse(JSON.parse(line));
    return parsed.success ? parsed.data : undefined;
  } catch {
    return undefined;
  }
}

/** A renamed file is there after a power loss only once its directory was synced. */
async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

function emptyWhenAbsent(error: unknown): string {
  if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return '';
  throw error;
}
