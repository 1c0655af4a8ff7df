// Keeps processes as ordered: looks after each event of the engine, repairs by policy and budget, reports what it saw and did.
import type { Logger } from 'pino';
import type { LabId, NodeId } from '../machines/vocabulary/ids.ts';
import type { NodeLease } from './node-lease.ts';
import type { HostContext } from './host-context.ts';
import { reportSeen } from './host-context.ts';
import { failureOf } from './host-actor-error.ts';
import type { Death } from './judge-death.ts';
import { deathOf, graceLeftMs, nextAfterDeath } from './judge-death.ts';
import { isLive, nodeKey } from './node-states.ts';
import { keyOf } from './node-placement.ts';
import type { InspectedNode, NodeEvent, ObservedNode } from './providers/provider.ts';
import type { RecentEvents } from './recent-events.ts';
import { judgeRepair } from './repair-budget.ts';
import { prepareContainer, startContainer } from './start-node.ts';
import type { LastingNodeOrder } from './wanted.ts';

type StartOrder = Extract<LastingNodeOrder, { type: 'node.start' }>;
type RestingOrder = Exclude<LastingNodeOrder, { type: 'node.start' | 'node.remove' }>;

const LOG_LINES = 20;
const FENCE_LOOK_MS = 500;
const STOP_GRACE_MS = 3_000;
const RETRY_AFTER_FAILURE_MS = 1_000;
/** The engine tells of a start a moment after it was. */
const OWN_START_MS = 1_500;

export type NodeKeeperContext = HostContext & {
  readonly lease: NodeLease;
  readonly recent: RecentEvents;
  /** Whether an order about the object waits or runs: it looks for itself. */
  readonly hasOrder: (key: string) => boolean;
};

export class NodeKeeper {
  readonly #context: NodeKeeperContext;
  readonly #log: Logger;
  readonly #timers = new Map<string, NodeJS.Timeout>();
  /** Deaths that were reported, by node. */
  readonly #reported = new Map<string, string>();
  readonly #lastFailure = new Map<string, string>();
  #stopped = false;

  constructor(context: NodeKeeperContext) {
    this.#context = context;
    this.#log = context.log;
  }

  /** What an event means for the node: carrier follows at once, the rest after a look. */
  onEvent(event: NodeEvent): void {
    const { labId, nodeId } = event;
    const { states, prepared, wanted, links } = this.#context;
    const isCurrent = (states.get(labId, nodeId).runtimeId ?? event.runtimeId) === event.runtimeId;
    switch (event.action) {
      case 'die':
        if (!isCurrent) return;
        states.noteDown(labId, nodeId);
        if (wanted.node(labId, nodeId)?.type === 'node.start') links.refreshNode(labId, nodeId, 'external');
        this.checkSoon(labId, nodeId, 0);
        return;
      case 'destroy':
        if (!isCurrent) return;
        prepared.forget(labId, nodeId);
        this.checkSoon(labId, nodeId, 0);
        return;
      case 'rename':
        prepared.forget(labId, nodeId);
        this.checkSoon(labId, nodeId, 0);
        return;
      case 'start':
      case 'restart':
      case 'unpause':
        if (this.#isOwnStart(event)) return;
        this.checkSoon(labId, nodeId, 0);
        return;
      case 'create':
      case 'kill':
      case 'oom':
      case 'stop':
      case 'pause':
      case 'health_status':
    }
  }

  /** Looks at the node after so many milliseconds, or earlier where that was asked before. */
  checkSoon(lab: LabId, node: NodeId, delayMs: number): void {
    const key = nodeKey(lab, node);
    clearTimeout(this.#timers.get(key));
    this.#timers.delete(key);
    if (this.#stopped) return;
    if (delayMs <= 0) void this.check(lab, node);
    else this.#timers.set(key, setTimeout(() => { this.#timers.delete(key); void this.check(lab, node); }, delayMs));
  }

  /** Compares the node with its last order and closes the difference. Never rejects. */
  async check(lab: LabId, node: NodeId): Promise<void> {
    const key = nodeKey(lab, node);
    await this.#context.queue.run(key, async () => {
      const order = this.#context.wanted.node(lab, node);
      if (this.#stopped || order === undefined || order.node.runtime !== 'container' || this.#context.hasOrder(key)) return;
      try {
        if (order.type === 'node.start' && this.#context.lease.mustStop(order)) await this.#keepFenced(order);
        else if (order.type === 'node.start') await this.#keepRunning(order, key);
        else if (order.type !== 'node.remove') await this.#keepResting(order, key);
      } catch (err) {
        this.#log.warn({ err, labId: lab, nodeId: node }, 'node could not be looked after');
        this.#lastFailure.set(key, failureOf(err).message);
        this.checkSoon(lab, node, RETRY_AFTER_FAILURE_MS);
      }
    }).catch(() => undefined);
  }

  stop(): void {
    this.#stopped = true;
    for (const timer of this.#timers.values()) clearTimeout(timer);
  }

  /** The start that an order or repair of ours just read back needs no second look. */
  #isOwnStart(event: NodeEvent): boolean {
    const seen = this.#context.states.get(event.labId, event.nodeId);
    const isRead = seen.process === 'running' && seen.runtimeId === event.runtimeId && Math.abs(event.at - (seen.startedAt ?? 0)) < OWN_START_MS;
    return isRead || this.#context.hasOrder(nodeKey(event.labId, event.nodeId));
  }

  async #keepRunning(order: StartOrder, key: string): Promise<void> {
    const found = await this.#context.hands.provider.inspect(keyOf(order));
    if (found.found === 'ours' && isLive(found.node)) {
      await this.#admitRunning(order, found.node, key);
      return;
    }
    if (this.#context.states.get(order.lab, order.node.id).process !== 'down') {
      if (found.found === 'ours') this.#context.states.note(found.node);
      this.#context.states.noteDown(order.lab, order.node.id);
      this.#context.links.refreshNode(order.lab, order.node.id, 'external');
    }
    if (!this.#context.lease.mayStart(order)) {
      this.checkSoon(order.lab, order.node.id, FENCE_LOOK_MS);
      return;
    }
    const rest = this.#context.ledger.state.rests.get(key);
    if (rest?.order === order.id && rest.why !== 'none') return;
    const graceMs = graceLeftMs(this.#context.recent.of(key), this.#context.now());
    if (graceMs > 0) {
      this.checkSoon(order.lab, order.node.id, graceMs);
      return;
    }
    await this.#repair(order, key, found);
  }

  /** Runs: by our doing, by the engine's restart, or by somebody's hand. */
  async #admitRunning(order: StartOrder, node: ObservedNode, key: string): Promise<void> {
    const { states, links, ledger } = this.#context;
    const before = states.get(order.lab, order.node.id);
    states.note(node);
    if (node.name !== order.node.containerName) await prepareContainer(this.#context, order);
    const known = before.process === 'unknown' ? ledger.state.started.get(key) : before;
    if (known?.runtimeId === node.runtimeId && known.startedAt === node.startedAt && !states.hasReturned(order.lab, order.node.id)) return;
    if (ledger.state.rests.has(key)) await ledger.append([{ r: 'rest', lab: order.lab, kind: 'node', object: order.node.id, order: order.id, why: 'none' }], 'written');
    this.#reportStarted(order, node, 'external');
    links.refreshNode(order.lab, order.node.id, 'external');
  }

  async #repair(order: StartOrder, key: string, found: InspectedNode): Promise<void> {
    const { ledger, now, recent } = this.#context;
    const death = deathOf(found, recent.of(key));
    const next = nextAfterDeath(order.node.restartPolicy, death);
    if (next === 'leave') {
      await this.#reportDeath(order, key, death, 'leave');
      await this.#rest(order, 'leave');
      return;
    }
    const why = this.#context.repairs.off(order.lab, 'invasive');
    if (why !== undefined) {
      await this.#reportDeath(order, key, death, 'gave-up', `${why}; labwright retry makes it once`);
      await this.#rest(order, 'gave-up');
      return;
    }
    const verdict = judgeRepair(now(), ledger.state.repairs.get(key) ?? [], order.budget);
    if (verdict.kind === 'spent') {
      await this.#reportDeath(order, key, death, 'gave-up');
      await this.#rest(order, 'gave-up');
      return;
    }
    if (death.kind !== 'never-ran') await this.#reportDeath(order, key, death, 'restart');
    if (verdict.kind === 'wait') {
      this.checkSoon(order.lab, order.node.id, verdict.until - now());
      return;
    }
    // Counted before it is tried: a try that kills us counts too.
    await ledger.append([{ r: 'repairs', lab: order.lab, kind: 'node', object: order.node.id, times: [...verdict.history] }], 'written');
    const node = await startContainer(this.#context, order);
    this.#lastFailure.delete(key);
    this.#log.info({ labId: order.lab, nodeId: order.node.id, death: death.kind }, 'node was started again');
    this.#reportStarted(order, node, 'repair');
    this.#context.links.refreshNode(order.lab, order.node.id, 'repair');
    // A process that ended while we were starting it gave its event to nobody.
    if (!isLive(node)) this.checkSoon(order.lab, order.node.id, 0);
  }

  #reportStarted(order: StartOrder, node: ObservedNode, cause: 'repair' | 'external'): void {
    const { now } = this.#context;
    reportSeen(this.#context, order.lab, {
      type: 'node.started', node: order.node.id, generation: order.plan.generation, runtimeId: node.runtimeId,
      ...(node.pid > 0 ? { pid: node.pid } : {}), startedAt: node.startedAt ?? now(), cause,
    });
  }

  async #reportDeath(order: StartOrder, key: string, death: Death, next: 'restart' | 'leave' | 'gave-up', why?: string): Promise<void> {
    const id = `${death.id} ${next}`;
    if (this.#reported.get(key) === id) return;
    this.#reported.set(key, id);
    const failure = this.#lastFailure.get(key);
    const log = [...(await this.#logOf(death)), ...(failure === undefined ? [] : [failure])];
    reportSeen(this.#context, order.lab, {
      type: 'node.died', node: order.node.id, generation: order.plan.generation, ...(death.runtimeId === undefined ? {} : { runtimeId: death.runtimeId }),
      exitCode: death.exitCode, oomKilled: death.oomKilled, log, next, ...(why === undefined ? {} : { why }),
    });
  }

  async #logOf(death: Death): Promise<string[]> {
    if (death.runtimeId === undefined || death.kind === 'removed') return [];
    try {
      const tail = await this.#context.hands.provider.logTail(death.runtimeId, { lines: LOG_LINES });
      return tail.lines.map((line) => line.text);
    } catch {
      return [];
    }
  }

  async #rest(order: LastingNodeOrder, why: 'leave' | 'gave-up'): Promise<void> {
    await this.#context.ledger.append([{ r: 'rest', lab: order.lab, kind: 'node', object: order.node.id, order: order.id, why }], 'written');
  }

  /** Out of contact for so long that the node may live elsewhere: it ends here, and its neighbours lose their carrier. */
  async #keepFenced(order: StartOrder): Promise<void> {
    const { hands, states, links } = this.#context;
    const found = await hands.provider.inspect(keyOf(order));
    if (found.found === 'ours' && isLive(found.node)) {
      const after = await hands.provider.ensureStopped(found.node.runtimeId, { graceMs: 0 });
      if (after.found === 'ours') states.note(after.node);
      this.#log.warn({ labId: order.lab, nodeId: order.node.id, fenceAfterMs: order.fenceAfterMs }, 'host is out of contact: node was ended, for it may live elsewhere by now');
      links.refreshNode(order.lab, order.node.id, 'external');
      reportSeen(this.#context, order.lab, { type: 'node.stopped', node: order.node.id, generation: order.plan.generation });
    }
    this.checkSoon(order.lab, order.node.id, FENCE_LOOK_MS);
  }

  /** Prepared or stopped: no process; a prepared one has its container. */
  async #keepResting(order: RestingOrder, key: string): Promise<void> {
    const { hands, states, ledger, now, links } = this.#context;
    const found = await hands.provider.inspect(keyOf(order));
    const isRunning = found.found === 'ours' && isLive(found.node);
    const isMissing = found.found === 'absent' && order.type === 'node.prepare' && this.#context.repairs.off(order.lab, 'invasive') === undefined;
    if (found.found === 'ours') states.note(found.node);
    const rest = ledger.state.rests.get(key);
    if ((!isRunning && !isMissing) || (rest?.order === order.id && rest.why !== 'none')) return;
    const verdict = judgeRepair(now(), ledger.state.repairs.get(key) ?? [], order.budget);
    if (verdict.kind === 'spent') {
      await this.#rest(order, 'gave-up');
      this.#log.error({ labId: order.lab, nodeId: order.node.id, count: verdict.count }, 'node is not as ordered again and again, left alone');
      return;
    }
    if (verdict.kind === 'wait') {
      this.checkSoon(order.lab, order.node.id, verdict.until - now());
      return;
    }
    await ledger.append([{ r: 'repairs', lab: order.lab, kind: 'node', object: order.node.id, times: [...verdict.history] }], 'written');
    const about = { node: order.node.id, generation: order.plan.generation };
    if (isMissing) {
      const { runtimeId } = await prepareContainer(this.#context, order);
      reportSeen(this.#context, order.lab, { type: 'node.prepared', ...about, runtimeId });
      return;
    }
    if (found.found !== 'ours') return;
    const after = await hands.provider.ensureStopped(found.node.runtimeId, { graceMs: order.type === 'node.stop' ? order.graceMs : STOP_GRACE_MS });
    if (after.found === 'ours') states.note(after.node);
    links.refreshNode(order.lab, order.node.id, 'external');
    reportSeen(this.#context, order.lab, { type: 'node.stopped', ...about, ...(after.found === 'ours' ? { exitCode: after.node.exitCode } : {}) });
  }
}
