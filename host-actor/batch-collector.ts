// Collects single jobs into batches: one batch runs at a time, and what arrives meanwhile is the next one.

export type BatchRun<Job, Result> = (jobs: readonly Job[]) => Promise<readonly Outcome<Result>[]>;
export type Outcome<Result> = { readonly ok: true; readonly value: Result } | { readonly ok: false; readonly error: unknown };

type Waiting<Job, Result> = { readonly job: Job; readonly resolve: (value: Result) => void; readonly reject: (error: unknown) => void };

/** Jobs of the same turn of the event loop, and all that wait while a batch runs, travel together. */
export class BatchCollector<Job, Result> {
  readonly #run: BatchRun<Job, Result>;
  readonly #maxJobs: number;
  #waiting: Waiting<Job, Result>[] = [];
  #active = false;

  /** @param run - carries out a batch and answers in the order of the jobs; a throw fails them all. */
  constructor(run: BatchRun<Job, Result>, maxJobs = 2000) {
    this.#run = run;
    this.#maxJobs = maxJobs;
  }

  /** Hands one job in; resolves or rejects with its own outcome. */
  submit(job: Job): Promise<Result> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ job, resolve, reject });
      if (this.#active) return;
      this.#active = true;
      setImmediate(() => void this.#drain());
    });
  }

  async #drain(): Promise<void> {
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0, this.#maxJobs);
      await this.#carryOut(batch);
    }
    this.#active = false;
  }

  async #carryOut(batch: readonly Waiting<Job, Result>[]): Promise<void> {
    try {
      const outcomes = await this.#run(batch.map((waiting) => waiting.job));
      batch.forEach((waiting, i) => {
        const outcome = outcomes[i];
        if (outcome === undefined) waiting.reject(new Error(`batch answered ${outcomes.length} of ${batch.length} jobs`));
        else if (outcome.ok) waiting.resolve(outcome.value);
        else waiting.reject(outcome.error);
      });
    } catch (error) {
      for (const waiting of batch) waiting.reject(error);
    }
  }
}
