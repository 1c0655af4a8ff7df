// Numbers, names, addresses, ports and room that all labs share: taken before the entry that needs them, given back after the one that does not.
import type { Logger } from 'pino';
import type { LabState } from '../machines/evolve/lab-state.ts';
import { claimsOf, LabClaims, NO_CLAIMS, unionOfClaims } from '../machines/plan/claims.ts';
import { deepEqual } from '../machines/plan/deep-equal.ts';
import type { LabId } from '../machines/vocabulary/ids.ts';
import { openClaimsLog } from '../nats/claims-log.ts';
import type { NatsConnection } from '@nats-io/transport-node';

export type ClaimsBook = {
  /** What each lab holds, as of the last `sync`. */
  all(): ReadonlyMap<LabId, LabClaims>;
  /** Reads what other supervisors wrote. */
  sync(): Promise<void>;
  /**
   * Makes a decision with all that is held in view, and takes what it needs: when somebody took anything meanwhile, it is made
   * anew. Null when nothing was decided. `settle` must follow, whatever becomes of the decision.
   */
  reserve<M extends { readonly evolution: { readonly state: LabState } }>(before: LabState, make: () => M | null): Promise<M | null>;
  /** Has what is kept of an owned lab agree with its state, in the background. */
  settle(lab: LabId): void;
  /** Has owned labs that ended give back what they still hold; resolves once it is written. */
  giveBack(ended: readonly LabId[]): Promise<void>;
  /** Resolves when all that was to be settled is. */
  settled(): Promise<void>;
};

const AGAIN_MS = 1_000;

/** @param parts.owned - state of a lab that is owned here; @param parts.states - of all labs, for those whose log is older than claims */
export async function openClaimsBook(nc: NatsConnection, parts: { logger: Logger; owned: (lab: LabId) => LabState | undefined; states: () => Iterable<LabState> }): Promise<ClaimsBook> {
  const { logger, owned, states } = parts;
  const log = await openClaimsLog(nc, LabClaims, (labId, err) => logger.error({ err, labId }, 'claims of lab cannot be read, its state counts'));
  /** Decisions that were taken for and are not in the log yet. */
  const reserved = new Set<LabId>();
  const dirty = new Set<LabId>();
  let turn: Promise<unknown> = Promise.resolve();
  let settling: Promise<void> | null = null;

  /** One after another: two decisions at once would only get in each other's way. */
  const inTurn = async <T>(work: () => Promise<T>): Promise<T> => {
    const mine = turn.then(work, work);
    turn = mine.catch(() => undefined);
    return await mine;
  };
  const sync = async (): Promise<void> => {
    for (const lab of await log.sync()) if (owned(lab)) settle(lab);
  };
  const settleAll = async (): Promise<void> => {
    for (let [lab] = dirty; lab !== undefined; [lab] = dirty) {
      dirty.delete(lab);
      const one = lab;
      await inTurn(async () => await settleOne(one)).catch((error: unknown) => {
        logger.warn({ err: error, labId: one }, 'claims of lab could not be written, it is tried again');
        setTimeout(() => settle(one), AGAIN_MS).unref();
      });
    }
    settling = null;
  };
  const settleOne = async (lab: LabId): Promise<void> => {
    for (;;) {
      const state = owned(lab);
      if (!state || reserved.has(lab)) return;
      const wanted = claimsOf(state);
      if (deepEqual(log.kept().get(lab)?.claims ?? NO_CLAIMS, wanted) || (await log.write(lab, wanted, 'same-lab'))) return;
      await log.sync();
    }
  };
  const settleSoon = (lab: LabId): void => {
    dirty.add(lab);
    settling ??= Promise.resolve().then(settleAll);
  };
  const settle = (lab: LabId): void => {
    reserved.delete(lab);
    settleSoon(lab);
  };
  const settled = async (): Promise<void> => await (settling ?? Promise.resolve());
  return {
    all() {
      const all = new Map([...states()].filter(({ id }) => !log.kept().has(id)).map((state) => [state.id, claimsOf(state)]));
      for (const [lab, { claims }] of log.kept()) all.set(lab, claims);
      return all;
    },
    sync: async () => await inTurn(sync),
    reserve: async (before, make) => await inTurn(async () => {
      for (;;) {
        await sync();
        const made = make();
        if (!made) return null;
        const wanted = unionOfClaims(claimsOf(before), claimsOf(made.evolution.state));
        reserved.add(before.id);
        if (deepEqual(log.kept().get(before.id)?.claims ?? NO_CLAIMS, wanted) || (await log.write(before.id, wanted, 'all-seen'))) return made;
        logger.debug({ labId: before.id }, 'another lab took something meanwhile, deciding anew');
      }
    }),
    settle,
    async giveBack(ended) {
      // A decision to deploy it anew has taken what it needs, and settles it.
      for (const lab of ended) if (!reserved.has(lab)) settleSoon(lab);
      await settled();
    },
    settled,
  };
}
