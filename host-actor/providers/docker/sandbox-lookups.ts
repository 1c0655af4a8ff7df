// Tells our OCI runtime which network namespace a container joins: one small file a container, named by its id.
import { readFile, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { namespaceAt } from '../../namespace-inodes.ts';
import { replaceFileIn } from '../../replace-file.ts';
import { ProviderError } from '../provider-error.ts';

/** Where the runtime looks; it belongs to this boot of the host, as the namespaces do. */
export const defaultSandboxDir = '/run/labwright/sandboxes';

/** Files of two lines: the namespace's path, which the runtime reads, and whose node it is, which we read. */
export class SandboxLookups {
  readonly #dir: string;
  /** Marks by file name; a container id is never used twice. */
  readonly #marks = new Map<string, string>();
  /** Begun by an earlier process that was killed before it wrote a word. */
  readonly #drafts = new Set<string>();
  #former: Promise<void> | undefined;

  constructor(dir: string = defaultSandboxDir) {
    this.#dir = dir;
  }

  /** Writes the look-up before a start, in the place of those of the node's earlier containers. The namespace must exist: the runtime refuses anything else.
   *  @throws {ProviderError} `sandbox-missing`. */
  async write(runtimeId: string, netnsPath: string, mark: string): Promise<void> {
    if (namespaceAt(netnsPath) === undefined) {
      throw new ProviderError('sandbox-missing', `container ${runtimeId} cannot start: its network namespace ${netnsPath} does not exist`, { retryable: true, details: { netnsPath } });
    }
    await replaceFileIn(this.#dir, runtimeId, `${netnsPath}\n${mark}\n`);
    this.#marks.set(runtimeId, mark);
    // A person's removal of a container leaves its look-up.
    await this.#removeAllOf(mark, runtimeId);
  }

  /** Absent is success. */
  async remove(runtimeId: string): Promise<void> {
    await (this.#former ??= this.#readFormer());
    await rm(join(this.#dir, runtimeId), { force: true });
    this.#marks.delete(runtimeId);
    for (const draft of this.#drafts) {
      if (!draft.startsWith(`${runtimeId}.`)) continue;
      await rm(join(this.#dir, draft), { force: true });
      this.#drafts.delete(draft);
    }
  }

  /** Removes all look-ups of a node, those of containers that a person removed included. */
  async removeOf(mark: string): Promise<void> {
    await this.#removeAllOf(mark);
  }

  async #removeAllOf(mark: string, but?: string): Promise<void> {
    await (this.#former ??= this.#readFormer());
    for (const [name, of] of this.#marks) if (of === mark && name !== but) await this.remove(name);
  }

  /** What an earlier process of ours left; later ones are written here. */
  async #readFormer(): Promise<void> {
    const names = await readdir(this.#dir).catch(() => []);
    await Promise.all(names.map(async (name) => this.#readMark(name)));
  }

  async #readMark(name: string): Promise<string> {
    const known = this.#marks.get(name);
    if (known !== undefined) return known;
    const text = await readFile(join(this.#dir, name), 'utf8').catch(() => '');
    const mark = text.split('\n')[1] ?? '';
    // One that is being written has no mark yet.
    if (mark !== '') this.#marks.set(name, mark);
    else if (name.endsWith('.new')) this.#drafts.add(name);
    return mark;
  }
}

/** Throws unless the process lives in the namespace; a process that has ended already proves nothing and passes.
 *  @throws {ProviderError} `sandbox-mismatch`. */
export function checkJoinedSandbox(pid: number, netnsPath: string): void {
  const [joined, wanted] = [namespaceAt(`/proc/${pid}/ns/net`), namespaceAt(netnsPath)];
  if (joined === undefined || (joined.ino === wanted?.ino && joined.dev === wanted.dev)) return;
  throw new ProviderError('sandbox-mismatch', `process ${pid} runs in another network namespace than ${netnsPath}; the engine did not carry out the runtime's change`, { details: { pid, netnsPath } });
}
