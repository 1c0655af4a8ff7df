// A connection to the database of Open vSwitch (RFC 7047): watched tables in memory, transactions, and waiting for the daemon to carry them out.
import { z } from 'zod';
import { LinkPlaneError } from '../link-plane/link-plane-error.ts';
import { connectRpc } from './json-rpc-connection.ts';
import { applyUpdates, emptyTables, MONITORED, rootOf, type TableUpdates, type Tables } from './switch-database.ts';

const DATABASE = 'Open_vSwitch';
const Row = z.record(z.string(), z.unknown());
const Updates = z.record(z.string(), z.record(z.string(), z.object({ old: Row.optional(), new: Row.optional() })));
const Outcome = z.object({ error: z.string().optional(), details: z.string().optional() }).nullable();

export type Operation = Readonly<Record<string, unknown>> & { readonly op: string };

export type OvsdbClient = {
  /** As last told by the monitor. */
  readonly tables: Tables;
  /** All operations or none. @throws {LinkPlaneError} `switch-refused` with what the database says, `switch-away` */
  readonly transact: (operations: readonly Operation[]) => Promise<void>;
  /** The same, and resolves when ovs-vswitchd has carried it out. @throws {LinkPlaneError} `switch-away` when it has not in time */
  readonly carryOut: (operations: readonly Operation[], deadlineMs: number) => Promise<void>;
  readonly close: () => void;
};

export type OvsdbListeners = { readonly onUpdate: (updates: TableUpdates) => void; readonly onEnd: () => void };

/** Connects and reads all that is watched. @throws {LinkPlaneError} `switch-away`, `switch-refused` */
export async function connectOvsdb(path: string, listeners: OvsdbListeners): Promise<OvsdbClient> {
  const tables = emptyTables();
  const waiters = new Set<() => void>();
  const take = (value: unknown): TableUpdates => {
    // Rows are taken as they come: checking each of thousands would cost more than reading them.
    const updates = value as TableUpdates; // parse edge: a monitor's answer, by RFC 7047 section 4.1.5
    applyUpdates(tables, updates);
    for (const look of waiters) look();
    return updates;
  };
  let gone = false;
  const connection = await connectRpc(path, {
    onNotification: (method, [, updates]) => {
      if (method === 'update') listeners.onUpdate(take(updates));
    },
    onEnd: () => {
      gone = true;
      for (const look of waiters) look();
      listeners.onEnd();
    },
  });
  const requests = Object.fromEntries(Object.entries(MONITORED).map(([table, columns]) => [table, { columns }]));
  const first = await connection.call('monitor', [DATABASE, 'labwright', requests]);
  if (!Updates.safeParse(sampleOf(first)).success) throw new LinkPlaneError('switch-refused', `${path} does not answer as a database of Open vSwitch`);
  take(first);

  const transact = async (operations: readonly Operation[]): Promise<void> => {
    const answer = await connection.call('transact', [DATABASE, ...operations]);
    const outcomes = z.array(Outcome).parse(answer);
    const at = outcomes.findIndex((outcome) => outcome?.error !== undefined);
    const failed = outcomes[at];
    if (!failed) return;
    const operation = operations[at];
    throw new LinkPlaneError('switch-refused', `the database of Open vSwitch refused the change (${operation?.op ?? 'commit'} ${JSON.stringify(operation?.['table'] ?? '')}): ${failed.error ?? ''}: ${failed.details ?? 'no details'}`);
  };
  const curCfg = (): number => rootOf(tables)?.curCfg ?? 0;
  return {
    tables,
    transact,
    carryOut: async (operations, deadlineMs) => {
      const root = rootOf(tables);
      if (!root) throw new LinkPlaneError('switch-away', `${path} has no row of Open_vSwitch: it was never initialised`);
      const before = root.nextCfg;
      await transact([...operations, { op: 'mutate', table: 'Open_vSwitch', where: [], mutations: [['next_cfg', '+=', 1]] }]);
      // The number is known by the monitor, which may tell it only after the answer.
      const wanted = (): number => Math.max(before + 1, rootOf(tables)?.nextCfg ?? 0);
      await until(() => gone || curCfg() >= wanted(), waiters, deadlineMs);
      if (gone || curCfg() < wanted()) throw new LinkPlaneError('switch-away', `ovs-vswitchd has not carried a change out within ${deadlineMs} ms`);
    },
    close: () => connection.close(),
  };
}

/** Only the shape of the answer is checked, on one row of each table. */
function sampleOf(answer: unknown): unknown {
  if (typeof answer !== 'object' || answer === null) return answer;
  return Object.fromEntries(Object.entries(answer).map(([table, rows]) => [table, Object.fromEntries(Object.entries(Object(rows)).slice(0, 1))]));
}

/** Resolves when the condition holds after some update, or when the time is over. */
function until(holds: () => boolean, waiters: Set<() => void>, deadlineMs: number): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      waiters.delete(look);
      resolve();
    };
    const look = (): void => {
      if (holds()) end();
    };
    const timer = setTimeout(end, deadlineMs);
    waiters.add(look);
    look();
  });
}
