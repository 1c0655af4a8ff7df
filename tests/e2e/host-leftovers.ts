// What stands on this host that did not stand there before: everything where a test runs alone, what bears its names where it does not.
import { readBaseline } from '../support/host-baseline.ts';
import type { Baseline } from '../support/host-baseline.ts';
import { eventually } from '../support/eventually.ts';

/** On a host that others use at the same time only lines with the test's own names can be compared. */
const IS_SHARED = process.env['LABWRIGHT_SHARED_HOST'] === '1';

export class HostLeftovers {
  readonly #before: Baseline;
  readonly #own: Set<string>;

  private constructor(before: Baseline, own: readonly string[]) {
    this.#before = before;
    this.#own = new Set(own);
  }

  /** @param own - names that a line of the test's own must hold one of: lab, network, devices */
  static async since(own: readonly string[]): Promise<HostLeftovers> {
    return new HostLeftovers(await readBaseline(), own);
  }

  /** Names that became known later, such as those of devices. */
  addOwn(names: readonly string[]): void {
    for (const name of names) this.#own.add(name);
  }

  /** What came and what went since, by kind; waits a while for what the kernel frees by and by. */
  async read(): Promise<Record<string, { came: string[]; went: string[] }>> {
    const clean = async () => Object.keys(await this.differences()).length === 0;
    await eventually(clean, { timeoutMs: 15_000, everyMs: 250, what: 'the host to be as before' }).catch(() => undefined);
    return await this.differences();
  }

  /** The same, as it is in this moment. */
  async differences(): Promise<Record<string, { came: string[]; went: string[] }>> {
    const now = await readBaseline();
    const kinds = Object.keys(now).map((kind) => [kind, this.#differ(this.#before[kind] ?? [], now[kind] ?? [])] as const);
    return Object.fromEntries(kinds.filter(([, { came, went }]) => came.length + went.length > 0));
  }

  #differ(before: readonly string[], now: readonly string[]): { came: string[]; went: string[] } {
    const own = (line: string) => !IS_SHARED || [...this.#own].some((name) => line.includes(name));
    return { came: without(now, before).filter(own), went: without(before, now).filter(own) };
  }
}

/** Lines of `all` that `others` does not have, each as often as it is too much. */
function without(all: readonly string[], others: readonly string[]): string[] {
  const left = new Map<string, number>();
  for (const line of others) left.set(line, (left.get(line) ?? 0) + 1);
  return all.filter((line) => {
    const count = left.get(line) ?? 0;
    left.set(line, count - 1);
    return count <= 0;
  });
}
