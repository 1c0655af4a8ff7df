// What on this host bears our exact mark and is wanted by no order: told, removed on request, and by itself where a lab that lives here lost it.
import type { LabId } from '../machines/vocabulary/ids.ts';
import type { Orphan, OrphanKind, OrphanOutcome } from '../machines/vocabulary/orphan.ts';
import type { FinderContext, Stray } from './find-orphans.ts';
import { NO_MORE, OrphanFinder } from './find-orphans.ts';
import type { HostContext, Seen } from './host-context.ts';
import { reportSeen } from './host-context.ts';
import type { ObservedNode } from './providers/provider.ts';

export type OrphanContext = FinderContext & Pick<HostContext, 'repairs' | 'out' | 'now' | 'log'> & {
  /** When more of the lab was ordered than was held before. */
  readonly grewAt: (lab: LabId) => number;
  /** How long what a live lab lost is left alone at least; it was seen in an earlier sweep, too. */
  readonly graceMs: number;
};

/** The order in which they go: what is plugged in before what it is plugged into. */
const REMOVED_IN: readonly OrphanKind[] = ['container', 'look-up', 'device', 'engine-network', 'bridge', 'namespace'];
const inOrder = (one: OrphanKind, other: OrphanKind): number => REMOVED_IN.indexOf(one) - REMOVED_IN.indexOf(other);

export class Orphans {
  readonly #context: OrphanContext;
  readonly #finder: OrphanFinder;
  readonly #since = new Map<string, number>();
  /** Those that were told to stay as they are. */
  readonly #left = new Set<string>();

  constructor(context: OrphanContext) {
    this.#context = context;
    this.#finder = new OrphanFinder(context);
  }

  /** All there are now, sorted by id. @throws what engine and kernel say. */
  async read(): Promise<readonly Orphan[]> {
    return (await this.#strays({})).map((stray) => ({ ...stray.found, seenForMs: this.#ageOf(stray) }));
  }

  /** Of a ledger that has just begun: remembers what was here before it. For a lab of these nothing is removed by itself, since orders
   *  that wanted it may have been lost with an earlier ledger. */
  async noteBeginning(): Promise<void> {
    const { ledger } = this.#context;
    if (ledger.state.found !== undefined) return;
    // One of an earlier version holds all that was ordered.
    const labs = ledger.state.labs.size > 0 ? [] : await this.#finder.labsHere();
    await ledger.append([{ r: 'found', labs: [...labs] }], 'written');
  }

  /** A sweep: logs what was not there at the last one, and removes what a live lab lost and nobody has wanted since. Of labs whose orders
   *  this host does not hold nothing is touched: its ledger may be lost, and labs are not ours to end. */
  async tend(owned: readonly ObservedNode[]): Promise<void> {
    const before = new Set(this.#since.keys());
    const strays = await this.#strays({ owned });
    for (const { found } of strays) if (!before.has(found.id)) this.#context.log.warn({ orphan: found.id, ...found }, 'object bears our mark and no order wants it');
    const due = strays.filter((stray) => stray.labs.length > 0 && before.has(stray.found.id) && this.#ageOf(stray) >= this.#context.graceMs);
    for (const stray of due.toSorted((one, other) => inOrder(one.found.kind, other.found.kind))) await this.#removeByItself(stray);
  }

  /** Removes those of the ids that are still nobody's and were so for `graceMs` at least. */
  async remove(ids: readonly string[], { graceMs, dryRun }: { graceMs: number; dryRun: boolean }): Promise<readonly OrphanOutcome[]> {
    const strays = new Map((await this.#strays({})).map((stray) => [stray.found.id, stray]));
    const outcomes = new Map<string, OrphanOutcome>();
    const kindOf = (id: string): OrphanKind => strays.get(id)?.found.kind ?? 'container';
    for (const id of [...new Set(ids)].toSorted((one, other) => inOrder(kindOf(one), kindOf(other)))) outcomes.set(id, await this.#removeOnRequest(strays.get(id), id, { graceMs, dryRun }));
    return ids.map((id) => outcomes.get(id) ?? { id, outcome: 'kept', reason: NO_MORE });
  }

  async #removeOnRequest(stray: Stray | undefined, id: string, { graceMs, dryRun }: { graceMs: number; dryRun: boolean }): Promise<OrphanOutcome> {
    if (stray === undefined) return { id, outcome: 'kept', reason: NO_MORE };
    const ageMs = this.#ageOf(stray);
    if (ageMs < graceMs) return { id, outcome: 'kept', reason: `it has been without an owner for ${Math.floor(ageMs / 1000)} s only` };
    if (dryRun) return { id, outcome: 'would-remove' };
    const reason = await this.#removeOne(stray);
    return reason === undefined ? { id, outcome: 'removed' } : { id, outcome: 'kept', reason };
  }

  async #removeByItself(stray: Stray): Promise<void> {
    const { repairs, log } = this.#context;
    const { id, kind, name } = stray.found;
    const offs = stray.labs.flatMap((lab) => repairs.off(lab, stray.repair) ?? []);
    // What labs share is mended as long as one of them wants it.
    if (offs.length === stray.labs.length) {
      if (!this.#left.has(id)) this.#tell(stray, { type: 'orphan.left', kind, name, why: `${offs[0] ?? ''}; labwright orphans rm removes it` });
      this.#left.add(id);
      return;
    }
    const reason = await this.#removeOne(stray);
    if (reason !== undefined) log.warn({ orphan: id, name, reason }, 'object without an owner stays');
  }

  async #removeOne(stray: Stray): Promise<string | undefined> {
    const { id, kind, name, lab } = stray.found;
    const seenForMs = this.#ageOf(stray);
    try {
      const reason = await stray.remove();
      if (reason !== undefined) return reason;
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
    this.#since.delete(id);
    this.#context.log.info({ orphan: id, name, labId: lab, seenForMs }, 'object without an owner was removed');
    this.#tell(stray, { type: 'orphan.removed', kind, name, seenForMs });
    return undefined;
  }

  #tell({ labs }: Stray, seen: Seen): void {
    for (const lab of labs) reportSeen(this.#context, lab, seen);
  }

  /** Since it was seen first, or since a lab of its got more than it had. */
  #ageOf({ found, labs }: Stray): number {
    const { now, grewAt } = this.#context;
    return Math.max(0, now() - Math.max(this.#since.get(found.id) ?? now(), ...labs.map(grewAt)));
  }

  async #strays(read: { owned?: readonly ObservedNode[] }): Promise<readonly Stray[]> {
    const strays = await this.#finder.find(read);
    const there = new Set(strays.map(({ found }) => found.id));
    for (const known of [this.#since, this.#left]) for (const id of known.keys()) if (!there.has(id)) known.delete(id);
    for (const id of there) if (!this.#since.has(id)) this.#since.set(id, this.#context.now());
    return strays;
  }
}
