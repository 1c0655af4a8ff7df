// Many who want the same thing at the same time share one task; it is cancelled when the last of them has left.
import { ProviderError } from '../provider-error.ts';

interface Shared<T, P> {
  readonly outcome: Promise<T>;
  readonly stop: AbortController;
  readonly listeners: Set<(progress: P) => void>;
  users: number;
}

export class SharedTasks<T, P> {
  readonly #running = new Map<string, Shared<T, P>>();

  /** Joins the task of that key or starts it. Progress goes to all who take part.
   *  @throws {ProviderError} `cancelled` when the caller's own signal fires. */
  async run(key: string, options: { signal?: AbortSignal; onProgress?: (progress: P) => void }, start: (signal: AbortSignal, onProgress: (progress: P) => void) => Promise<T>): Promise<T> {
    if (isAborted(options.signal)) throw cancelled(key);
    const task = this.#running.get(key) ?? this.#start(key, start);
    task.users += 1;
    if (options.onProgress !== undefined) task.listeners.add(options.onProgress);
    const leaving = Promise.withResolvers<never>();
    const leave = () => {
      task.users -= 1;
      if (task.users === 0) this.#abandon(key, task);
      else leaving.reject(cancelled(key));
    };
    options.signal?.addEventListener('abort', leave, { once: true });
    try {
      return await Promise.race([task.outcome, leaving.promise]);
    } catch (error) {
      // The last one out has waited until the task ended, so that nothing goes on behind its back; its error tells nothing.
      throw isAborted(options.signal) ? cancelled(key) : error;
    } finally {
      options.signal?.removeEventListener('abort', leave);
      if (options.onProgress !== undefined) task.listeners.delete(options.onProgress);
      if (!isAborted(options.signal)) task.users -= 1;
    }
  }

  #start(key: string, start: (signal: AbortSignal, onProgress: (progress: P) => void) => Promise<T>): Shared<T, P> {
    const stop = new AbortController();
    const listeners = new Set<(progress: P) => void>();
    const outcome = start(stop.signal, (progress) => listeners.forEach((listener) => listener(progress)));
    const task: Shared<T, P> = { outcome, stop, listeners, users: 0 };
    this.#running.set(key, task);
    outcome.catch(() => {}).finally(() => this.#forget(key, task));
    return task;
  }

  #abandon(key: string, task: Shared<T, P>): void {
    this.#forget(key, task);
    task.stop.abort();
  }

  #forget(key: string, task: Shared<T, P>): void {
    if (this.#running.get(key) === task) this.#running.delete(key);
  }
}

function isAborted(signal: AbortSignal | undefined): boolean {
  return signal?.aborted === true;
}

function cancelled(key: string): ProviderError {
  return new ProviderError('cancelled', `${key} was cancelled`);
}
