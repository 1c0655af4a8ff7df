// What all handlers and watchers of one host-actor work on.
import type { Logger } from 'pino';
import type { LabId } from '../machines/vocabulary/ids.ts';
import type { Observation } from '../machines/vocabulary/observation.ts';
import type { Hands } from './hands.ts';
import type { Interrupts } from './interrupts.ts';
import type { LinkKeeper } from './link-keeper.ts';
import type { MgmtEchoKeeper } from './mgmt-echo-keeper.ts';
import type { NetworkRoom } from './network-room.ts';
import type { NodeStates } from './node-states.ts';
import type { ObjectQueue } from './object-queue.ts';
import type { ObservationsOut } from './observations-out.ts';
import type { OutcomeLedger } from './outcome-ledger.ts';
import type { PreparedNodes } from './prepared-nodes.ts';
import type { Wanted } from './wanted.ts';
import type { RepairGate } from './repair-gate.ts';
import type { WireRoom } from './wire-room.ts';

export type HostContext = {
  readonly hands: Hands;
  readonly ledger: OutcomeLedger;
  readonly wanted: Wanted;
  readonly states: NodeStates;
  readonly prepared: PreparedNodes;
  readonly wires: WireRoom;
  readonly links: LinkKeeper;
  readonly networks: NetworkRoom;
  readonly mgmtEchoes: MgmtEchoKeeper;
  readonly queue: ObjectQueue;
  readonly out: ObservationsOut;
  readonly interrupts: Interrupts;
  readonly repairs: RepairGate;
  readonly log: Logger;
  /** Epoch milliseconds. */
  readonly now: () => number;
};

type WithoutHead<T> = T extends unknown ? Omit<T, 'effectId' | 'at'> : never;
/** What a handler or a watcher saw; who asked and when is added by the one who reports. */
export type Seen = WithoutHead<Observation>;

/** Reports something that nobody ordered just now. */
export function reportSeen(context: Pick<HostContext, 'out' | 'now'>, lab: LabId, seen: Seen): void {
  context.out.report(lab, { ...seen, at: context.now() } as Observation);
}
