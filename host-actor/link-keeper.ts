// Keeps links as ordered: carrier that follows the nodes' life, drift repaired at once and within the budget, all of it reported.
import type { Logger } from 'pino';
import type { LabId, LinkId, NodeId } from '../machines/vocabulary/ids.ts';
import type { Cause } from '../machines/vocabulary/observation.ts';
import { failureOf } from './host-actor-error.ts';
import type { EchoKeeper } from './echo-keeper.ts';
import type { Seen } from './host-context.ts';
import type { CarrierEvent, WireDrift } from './link-plane/find-drift.ts';
import { aboutLink, endsOf, LinkReports } from './link-reports.ts';
import type { NodeStates } from './node-states.ts';
import type { ObjectQueue } from './object-queue.ts';
import { objectKey } from './order-object.ts';
import type { OutcomeLedger } from './outcome-ledger.ts';
import { REPAIR_OFF } from '../machines/vocabulary/repair-switches.ts';
import { isUnseen } from './repair-gate.ts';
import type { RepairGate } from './repair-gate.ts';
import { judgeRepair, waitWords } from './repair-budget.ts';
import type { LinkEnsureOrder, Wanted } from './wanted.ts';
import type { Wired, WireRoom } from './wire-room.ts';
import { nodesOfLink, wireIdOfLink } from './wire-of-order.ts';

export type LinkKeeperContext = {
  readonly ledger: OutcomeLedger;
  readonly wanted: Wanted;
  readonly states: NodeStates;
  readonly wires: WireRoom;
  readonly queue: ObjectQueue;
  readonly echoes: EchoKeeper;
  readonly repairs: RepairGate;
  readonly log: Logger;
  readonly now: () => number;
  readonly report: (lab: LabId, seen: Seen) => void;
};

export class LinkKeeper {
  readonly #context: LinkKeeperContext;
  readonly #reports: LinkReports;
  /** Links whose repair waits for its turn; more drift of them is part of it. */
  readonly #due = new Map<string, WireDrift>();
  readonly #timers = new Map<string, NodeJS.Timeout>();
  /** Those that wait and were told as lost: whatever comes of the repair is news. */
  readonly #lost = new Set<string>();
  #stopped = false;

  constructor(context: LinkKeeperContext) {
    this.#context = context;
    this.#reports = new LinkReports({ ...context, echoOf: (wireId) => context.echoes.seen(wireId) });
    context.echoes.onChange((order) => this.#reports.tellEcho(order, 'external'));
  }

  /** What was read back of a joined link, as it is told to the supervisor; remembered, so that changes are known. */
  joined(order: LinkEnsureOrder, { state }: Wired, cause: Cause): Seen {
    this.#context.echoes.begin(order, state);
    this.#lost.delete(wireIdOfLink(order));
    return this.#reports.joined(order, state, cause);
  }

  forget(lab: LabId, link: LinkId): void {
    const key = objectKey({ lab, kind: 'link', id: link });
    this.#reports.forget(lab, link);
    this.#context.echoes.forget(key);
    this.#cancel(key);
  }

  /** Brings carrier of the node's links in line with the state of its process, soon. */
  refreshNode(lab: LabId, node: NodeId, cause: Cause): void {
    void this.refreshNodeNow(lab, node, cause);
  }

  async refreshNodeNow(lab: LabId, node: NodeId, cause: Cause): Promise<void> {
    const links = this.#context.wanted.linksOf(lab, node);
    this.#context.states.settle(lab, node);
    await Promise.all(links.map(({ link }) => this.#context.queue.run(objectKey({ lab, kind: 'link', id: link }), () => this.#refresh(lab, link, cause))));
  }

  /** Repairs what the link plane saw go. */
  onDrift(lab: LabId, link: LinkId, drift: WireDrift): void {
    const key = objectKey({ lab, kind: 'link', id: link });
    if (this.#due.has(key) || this.#stopped) return;
    this.#due.set(key, drift);
    this.#schedule(lab, link, 0);
  }

  /** Reports a carrier that changed inside a node. */
  onCarrier(lab: LabId, link: LinkId, event: CarrierEvent): void {
    const order = this.#context.wanted.link(lab, link);
    if (order !== undefined) this.#reports.tellCarrier(order, event);
  }

  /** Probes the far ends that lie behind a device of the host, for it has changed. */
  onDevice(name: string): void {
    this.#context.echoes.onDevice(name);
  }

  /** Makes sure of a link at the start of this process, when nothing of it is known; a change is a repair. */
  async makeSure(order: LinkEnsureOrder): Promise<void> {
    const key = objectKey({ lab: order.lab, kind: 'link', id: order.link });
    await this.#context.queue.run(key, async () => {
      if (this.#context.wanted.link(order.lab, order.link)?.id !== order.id || this.#isAtRest(key, order)) return;
      const startedAt = performance.now();
      try {
        if (await this.#isSwitchedOff(order)) return;
        const wired = await this.#context.wires.join(order);
        this.#context.echoes.begin(order, wired.state);
        // One report with the answer of the probe, rather than two of which the first takes the link out of `up`.
        await this.#context.echoes.told(key);
        if (wired.changed) this.#reports.tellRepair(order, wired, { what: 'found broken at the start of the host-actor', startedAt });
        else this.#reports.tellIfNews(order, wired.state, 'external');
      } catch (err) {
        this.#context.log.warn({ err, labId: order.lab, linkId: order.link }, 'link could not be made sure of');
        this.#afterFailure(order, err);
      }
    });
  }

  stop(): void {
    this.#stopped = true;
    this.#context.echoes.stop();
    for (const timer of this.#timers.values()) clearTimeout(timer);
  }

  async #refresh(lab: LabId, link: LinkId, cause: Cause): Promise<void> {
    const order = this.#context.wanted.link(lab, link);
    if (order === undefined || this.#isAtRest(objectKey({ lab, kind: 'link', id: link }), order) || this.#isOfRemovedNode(order)) return;
    const startedAt = performance.now();
    const before = this.#reports.lastEnds(order);
    try {
      const wired = await this.#context.wires.join(order);
      this.#context.echoes.begin(order, wired.state);
      // An end that went at this very moment was mended along with the carrier.
      if (before !== undefined && before !== endsOf(wired.state)) this.#reports.tellRepair(order, wired, { what: 'an end was made again', startedAt });
      else this.#reports.tellIfNews(order, wired.state, cause);
    } catch (err) {
      this.#context.log.warn({ err, labId: lab, linkId: link }, 'carrier of link could not be brought in line');
      this.#afterFailure(order, err);
    }
  }

  #schedule(lab: LabId, link: LinkId, delayMs: number): void {
    const key = objectKey({ lab, kind: 'link', id: link });
    this.#cancelTimer(key);
    const begin = (): void => {
      this.#timers.delete(key);
      void this.#context.queue.run(key, () => this.#repair(lab, link, key));
    };
    if (delayMs <= 0) begin();
    else this.#timers.set(key, setTimeout(begin, delayMs));
  }

  async #repair(lab: LabId, link: LinkId, key: string): Promise<void> {
    const drift = this.#due.get(key);
    this.#due.delete(key);
    const order = this.#context.wanted.link(lab, link);
    if (this.#stopped || drift === undefined || order === undefined || this.#isAtRest(key, order) || this.#isOfRemovedNode(order)) return;
    if (await this.#isSwitchedOff(order, drift)) return;
    const { ledger, now } = this.#context;
    const history = ledger.state.repairs.get(key) ?? [];
    const verdict = judgeRepair(now(), history, order.budget);
    if (verdict.kind === 'wait') {
      this.#due.set(key, drift);
      this.#schedule(lab, link, verdict.until - now());
      await this.#tellWait(order, drift, verdict.until - now());
      return;
    }
    if (verdict.kind === 'spent') {
      await this.#giveUp(order, { code: 'repair-budget-spent', message: `link ${link} was repaired ${verdict.count} times within ${order.budget.windowMs} ms and broke again: ${drift.what}` });
      return;
    }
    // Counted before it is tried: a try that kills us counts too.
    await ledger.append([{ r: 'repairs', lab, kind: 'link', object: link, times: [...verdict.history] }], 'written');
    await this.#tryRepair(order, drift, history);
  }

  /** A link that waits for its repair is not up meanwhile. What was mended with the last repair and is seen only now is no fault. */
  async #tellWait(order: LinkEnsureOrder, drift: WireDrift, waitMs: number): Promise<void> {
    const { wires, log, report } = this.#context;
    const key = wireIdOfLink(order);
    if (this.#lost.has(key)) return;
    const state = await wires.look(order).catch(() => undefined);
    const isMended = state !== undefined && state.faults.length === 0 && (!isUnseen(drift) || this.#reports.wasRepairedSince(order, drift.detectedAt));
    if (isMended) return;
    this.#lost.add(key);
    // What a probe says of the tunnel meanwhile is not said of the link.
    this.#context.echoes.forget(key);
    report(order.lab, { type: 'link.lost', ...aboutLink(order), what: `${wordsOf(drift)}; ${waitWords(waitMs)}` });
    log.warn({ labId: order.lab, linkId: order.link, what: drift.what, waitMs }, 'repair of link waits');
  }

  async #tryRepair(order: LinkEnsureOrder, drift: WireDrift, history: readonly number[]): Promise<void> {
    const { wires, ledger, log, report } = this.#context;
    const { lab, link } = order;
    const startedAt = performance.now();
    const wasTold = this.#lost.delete(wireIdOfLink(order));
    try {
      const wired = await wires.join(order);
      this.#context.echoes.begin(order, wired.state);
      if (!wired.changed) await ledger.append([{ r: 'repairs', lab, kind: 'link', object: link, times: [...history] }], 'written');
      // Mended already, by the repair of the same fault or along with a change of carrier; only the latter was not told.
      if (!wired.changed && !wasTold && this.#reports.wasRepairedSince(order, drift.detectedAt)) {
        this.#reports.tellIfNews(order, wired.state, 'external');
        return;
      }
      if (!wasTold) report(lab, { type: 'link.lost', ...aboutLink(order), what: wordsOf(drift) });
      this.#reports.tellRepair(order, wired, { what: wordsOf(drift), startedAt });
      log.info({ labId: lab, linkId: link, what: drift.what, durationMs: performance.now() - startedAt }, 'link was repaired');
    } catch (err) {
      log.warn({ err, labId: lab, linkId: link, what: drift.what }, 'link could not be repaired');
      // The death of a switch is no fault of the link's: it must not spend what the link has for its own.
      if (failureOf(err).code === 'switch-away') await ledger.append([{ r: 'repairs', lab, kind: 'link', object: link, times: [...history] }], 'written');
      report(lab, { type: 'link.lost', ...aboutLink(order), what: `${wordsOf(drift)}; ${failureOf(err).message}` });
      this.#afterFailure(order, err);
    }
  }

  /** Tries again as the budget allows; what cannot get better by itself is given up at once. */
  #afterFailure(order: LinkEnsureOrder, error: unknown): void {
    const failure = failureOf(error);
    const key = objectKey({ lab: order.lab, kind: 'link', id: order.link });
    this.#context.echoes.forget(key);
    // A namespace found by its process comes back with the process; its start joins the link again.
    // So does a switch, which tells its return.
    if (failure.code === 'container-not-running' || failure.code === 'switch-away' || this.#stopped) return;
    if (!failure.retryable) {
      void this.#giveUp(order, failure);
      return;
    }
    this.#due.set(key, { wireId: key, side: 'a', what: 'end-missing', detectedAt: this.#context.now(), found: 'sweep' });
    this.#schedule(order.lab, order.link, Math.max(order.budget.backoffMs, 200));
  }

  /** Looks before it is mended, where not all may be; what waits for a person is given up with the reason. */
  async #isSwitchedOff(order: LinkEnsureOrder, drift?: WireDrift): Promise<boolean> {
    const { repairs, wires } = this.#context;
    const state = repairs.isPartlyOff(order.lab) ? await wires.look(order).catch(() => undefined) : undefined;
    const why = state && repairs.offForWire(order.lab, state, drift);
    if (why !== undefined) await this.#giveUp(order, { code: REPAIR_OFF, message: `link ${order.link}: ${why}; labwright retry makes it once` });
    return why !== undefined;
  }

  async #giveUp(order: LinkEnsureOrder, failure: { code: string; message: string }): Promise<void> {
    const { lab, link } = order;
    await this.#context.ledger.append([{ r: 'rest', lab, kind: 'link', object: link, order: order.id, why: 'gave-up' }], 'written');
    this.#context.report(lab, { type: 'link.gave-up', ...aboutLink(order), code: failure.code, message: failure.message });
  }

  #isAtRest(key: string, order: LinkEnsureOrder): boolean {
    const rest = this.#context.ledger.state.rests.get(key);
    return rest?.order === order.id && rest.why === 'gave-up';
  }

  /** A node that goes takes its ends of links along; that is no fault. One that went to the far end of a leg is not here, and nothing goes. */
  #isOfRemovedNode(order: LinkEnsureOrder): boolean {
    const nodes = order.leg === undefined ? nodesOfLink(order) : [order[order.leg.side].node];
    return nodes.some((node) => node !== undefined && this.#context.wanted.node(order.lab, node)?.type === 'node.remove');
  }

  #cancel(key: string): void {
    this.#due.delete(key);
    this.#lost.delete(key);
    this.#cancelTimer(key);
  }

  #cancelTimer(key: string): void {
    clearTimeout(this.#timers.get(key));
    this.#timers.delete(key);
  }
}

function wordsOf(drift: WireDrift): string {
  return `${drift.what} at end ${drift.side}`;
}
