// When orders could last reach this host, on disk: silence goes on counting while the process that counts it is dead.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { replaceFileIn } from './replace-file.ts';

const FILE = 'last-contact.json';
const LastContact = z.object({ bootId: z.string(), uptimeMs: z.number() });

/** Moments are milliseconds since the boot: the wall clock may be set, and what ran before a boot runs no more. */
export class LastContactFile {
  readonly #folder: string;
  readonly #bootId: string;
  #isWriting = false;

  constructor(folder: string, bootId: string) {
    this.#folder = folder;
    this.#bootId = bootId;
  }

  /** Of an earlier process of this boot; undefined when there was none. */
  async read(): Promise<number | undefined> {
    try {
      const { bootId, uptimeMs } = LastContact.parse(JSON.parse(await readFile(join(this.#folder, FILE), 'utf8')));
      return bootId === this.#bootId ? uptimeMs : undefined;
    } catch {
      return undefined;
    }
  }

  /** Left out while the one before is on its way: the next contact is a second away. */
  async note(uptimeMs: number): Promise<void> {
    if (this.#isWriting) return;
    this.#isWriting = true;
    try {
      await replaceFileIn(this.#folder, FILE, JSON.stringify({ bootId: this.#bootId, uptimeMs }));
    } finally {
      this.#isWriting = false;
    }
  }
}
