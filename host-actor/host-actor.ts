// The hands of one host: takes orders, makes them true, keeps them true while nobody watches, and tells what it saw.
import { readFile } from 'node:fs/promises';
import { uptime } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { LoopReport } from '../machines/vocabulary/loop-report.ts';
import type { RepairSwitches } from '../machines/vocabulary/repair-switches.ts';
import type { LoopRounds } from '../nats/loop-health.ts';
import { LoopHealth } from '../nats/loop-health.ts';
import { EchoKeeper } from './echo-keeper.ts';
import { LastContactFile } from './last-contact.ts';
import { NodeLease } from './node-lease.ts';
import type { Hands } from './hands.ts';
import { MgmtEchoKeeper } from './mgmt-echo-keeper.ts';
import { Interrupts } from './interrupts.ts';
import { LinkKeeper } from './link-keeper.ts';
import { NetworkRoom } from './network-room.ts';
import { NodeKeeper } from './node-keeper.ts';
import { NodeStates } from './node-states.ts';
import { ObjectQueue } from './object-queue.ts';
import type { PublishReports } from './observations-out.ts';
import { ObservationsOut } from './observations-out.ts';
import { OrderIntake } from './order-intake.ts';
import { Orphans } from './orphans.ts';
import { OutcomeLedger } from './outcome-ledger.ts';
import { PreparedNodes } from './prepared-nodes.ts';
import { RepairGate } from './repair-gate.ts';
import { RecentEvents } from './recent-events.ts';
import { sweepAtStart, sweepNodes } from './sweep.ts';
import type { SweepContext } from './sweep.ts';
import { reportSeen } from './host-context.ts';
import { Watches } from './watch.ts';
import { Wanted } from './wanted.ts';
import { WireRoom } from './wire-room.ts';

export type HostActorOptions = {
  readonly hands: Hands;
  /** Folder of the ledger. */
  readonly ledgerDir: string;
  readonly log: Logger;
  /** The ledger cannot be written: what is in memory is no longer what a crash would leave, so the process has to end. */
  readonly onLedgerBroken?: (error: unknown) => void;
  readonly now?: () => number;
  /** Milliseconds since the boot. */
  readonly uptimeMs?: () => number;
  /** What this host does for labs that say nothing; all repairs by default. */
  readonly repairs?: RepairSwitches;
  readonly sweepEveryMs?: number;
  /** How often the far ends of links and management networks across hosts are probed; 5 s by default. */
  readonly echoEveryMs?: number;
};

export type HostActorStatus = {
  readonly orders: { readonly last: number; readonly open: number };
  readonly nodes: { readonly running: number; readonly down: number };
  readonly reportsWaiting: number;
  readonly engineConnected: boolean | undefined;
  readonly loops: readonly LoopReport[];
};

const SWEEP_EVERY_MS = 60_000;
/** Of the time between two sweeps: a reading after a gap, soon after a sweep, is none of two in a row. */
const GRACE_OF_SWEEP = 0.5;
/** Longer than a server that is there needs; one that hangs must not hold up repairs. */
const NEWS_WITHIN_MS = 2_000;
/** What can wait is done all the same where orders never end. */
const CALM_WITHIN_MS = 300_000;
const REPLAY_PAUSE_MS = 250;
const FENCE_EVERY_MS = 500;
/** A loop that ran no more often than this would not do what it is for. */
const FENCE_WITHIN_MS = 5_000;

export class HostActor {
  readonly context: SweepContext;
  readonly #intake: OrderIntake;
  readonly #watches: Watches;
  readonly #loops: LoopHealth;
  readonly #sweeping: LoopRounds;
  readonly #sweepEveryMs: number;
  readonly #lease: NodeLease;
  readonly #uptimeMs: () => number;
  readonly #ledgerDir: string;
  #lastContact: LastContactFile | undefined;
  #sweepTimer: NodeJS.Timeout | undefined;
  #fenceTimer: NodeJS.Timeout | undefined;
  #gapTimer: NodeJS.Timeout | undefined;
  #nodesRead: Promise<void> | undefined;
  #tellEngine: () => void = () => {};
  #stopped = false;

  constructor(options: HostActorOptions) {
    const { hands, log } = options;
    const now = options.now ?? Date.now;
    this.#uptimeMs = options.uptimeMs ?? (() => Math.round(uptime() * 1000));
    this.#lease = new NodeLease(this.#uptimeMs);
    this.#ledgerDir = options.ledgerDir;
    this.#sweepEveryMs = options.sweepEveryMs ?? SWEEP_EVERY_MS;
    this.#loops = new LoopHealth(log, this.#uptimeMs);
    this.#sweeping = this.#loops.expect('sweep', this.#sweepEveryMs);
    const ledger = new OutcomeLedger({ directory: options.ledgerDir, host: hands.host, log, onBroken: options.onLedgerBroken });
    const out = new ObservationsOut({ ledger, host: hands.host, log });
    const wanted = new Wanted(ledger);
    const [states, queue, prepared, recent] = [new NodeStates(), new ObjectQueue(), new PreparedNodes(), new RecentEvents()];
    const wires = new WireRoom({ hands, states, wanted });
    const networks = new NetworkRoom({ hands, wanted, wires, states, log });
    const pace = { log, loops: this.#loops, ...(options.echoEveryMs === undefined ? {} : { everyMs: options.echoEveryMs }) };
    const echoes = new EchoKeeper({ plane: hands.plane, ...pace });
    const mgmtEchoes = new MgmtEchoKeeper({ network: hands.network, plane: hands.plane, ...pace, report: (lab, seen) => reportSeen({ out, now }, lab, seen), onDrift: () => this.#watches.repairNetworksSoon() });
    const repairs = new RepairGate(wanted, options.repairs ?? {});
    const links = new LinkKeeper({ repairs, echoes, ledger, wanted, states, wires, queue, log, now, report: (lab, seen) => reportSeen({ out, now }, lab, seen) });
    const base = { interrupts: new Interrupts(wanted), repairs, hands, ledger, wanted, states, prepared, wires, links, networks, mgmtEchoes, queue, out, log, now };
    this.#intake = new OrderIntake(base, this.#lease);
    const hasOrder = (key: string): boolean => this.#intake.hasOrder(key);
    const nodes = new NodeKeeper({ ...base, recent, hasOrder, lease: this.#lease });
    this.context = { ...base, nodes, hasOrder, orphans: new Orphans({ ...base, hasOrder, grewAt: (lab) => this.#intake.grewAt(lab), graceMs: this.#sweepEveryMs * GRACE_OF_SWEEP }) };
    this.#watches = new Watches({ ...this.context, recent, onGap: () => this.#readNodesSoon(), onEngine: () => this.#tellEngine(), loops: this.#loops, isBusy: () => this.#intake.isBusy() });
  }

  /** Reads the ledger; from here on orders may be accepted. */
  async open(): Promise<void> {
    const { ledger, wanted } = this.context;
    await ledger.open();
    wanted.note(ledger.state.orders.values());
    this.#lastContact = new LastContactFile(this.#ledgerDir, await this.#noteBoot());
    const last = await this.#lastContact.read();
    if (last !== undefined) this.#lease.goOn(last);
    await this.context.orphans.noteBeginning();
    await this.#noteFirstSight();
  }

  /**
   * Begins to carry out what is open and to keep what was ordered, but not before `news` (orders that came while we were away are
   * taken) or some moments, so that nothing is made again that is not wanted any more. Needs no NATS. Resolves when it watches.
   */
  async start(news: Promise<void> = Promise.resolve()): Promise<void> {
    const { ledger, log } = this.context;
    this.#loops.start();
    await Promise.all([
      this.#watches.catchUp().catch((err: unknown) => log.warn({ err }, 'past events of the engine cannot be read')),
      ledger.state.orders.size > 0 && Promise.race([news, delay(NEWS_WITHIN_MS)]),
    ]);
    await this.#intake.resume();
    await this.#sweeping.run(async () => await sweepAtStart(this.context));
    this.#watches.watchEngine();
    await this.#watches.watchKernel();
    this.#sweepTimer = setInterval(() => void this.#sweep(), this.#sweepEveryMs);
    const fence = this.#loops.expect('fence', FENCE_WITHIN_MS);
    this.#fenceTimer = setInterval(() => void fence.run(() => this.#lookAtLease()), FENCE_EVERY_MS);
    log.info({ orders: ledger.state.orders.size, open: this.#intake.open }, 'host-actor keeps its last orders');
  }

  /** Takes orders; resolves when they are safe on disk. */
  async accept(orders: readonly unknown[]): Promise<void> {
    await this.#intake.accept(orders);
  }

  /** From now on reports go out this way. */
  connect(publish: PublishReports): void {
    this.context.out.connect(publish);
  }

  /** From now on it is told at once when the engine answers again, or does not any more. */
  onEngine(tell: () => void): void {
    this.#tellEngine = tell;
  }

  /** The server that orders come through has answered just now. */
  noteContact(): void {
    this.#lease.noteContact();
    // Nobody asks where no node may be taken away.
    if (!this.context.wanted.nodes().some(({ fenceAfterMs }) => fenceAfterMs !== undefined)) return;
    void this.#lastContact?.note(this.#uptimeMs()).catch((err: unknown) => this.context.log.warn({ err }, 'last contact could not be written down'));
  }

  status(): HostActorStatus {
    const { ledger, states, out } = this.context;
    return {
      orders: { last: ledger.state.orders.size, open: this.#intake.open },
      nodes: states.counts(),
      reportsWaiting: out.backlog,
      engineConnected: this.#watches.engineConnected,
      loops: this.#loops.read(),
    };
  }

  /** Resolves when no order waits or runs, after minutes, or when this ends. */
  async whenCalm(): Promise<void> {
    await this.#watches.untilCalm(CALM_WITHIN_MS);
  }

  /** Ends watching and waits for what runs; containers, links and networks stay as they are. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearInterval(this.#sweepTimer);
    clearInterval(this.#fenceTimer);
    clearTimeout(this.#gapTimer);
    this.#loops.stop();
    const { links, nodes, queue, out, ledger, hands, networks, mgmtEchoes } = this.context;
    this.#intake.stop();
    this.#watches.stop();
    nodes.stop();
    links.stop();
    mgmtEchoes.stop();
    networks.stop();
    await queue.idle();
    await out.stop();
    await hands.network.close();
    await ledger.close();
  }

  /** After a boot of the host namespaces are gone and every process with them, whatever the events say. */
  async #noteBoot(): Promise<string> {
    const { ledger, log } = this.context;
    const id = (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim();
    if (ledger.state.bootId !== undefined && ledger.state.bootId !== id) log.info({ bootId: id }, 'host was booted since the last run');
    if (ledger.state.bootId !== id) await ledger.append([{ r: 'boot', id }], 'written');
    return id;
  }

  /** From here on nothing that the engine says is missed, also when this process is killed before it heard the first word. */
  async #noteFirstSight(): Promise<void> {
    const { ledger, now } = this.context;
    if (ledger.state.engineSeen === undefined) await ledger.append([{ r: 'engine-seen', nanos: engineCursorAt(now()) }], 'written');
  }

  #lookAtLease(): void {
    this.#lease.tick();
    for (const order of this.context.wanted.nodes()) if (this.#lease.mustStop(order)) void this.context.nodes.check(order.lab, order.node.id);
  }

  async #sweep(): Promise<void> {
    if (this.#stopped) return;
    await this.#sweeping.run(async () => {
      await this.#watches.sweep();
      await this.#readNodes();
    });
  }

  /** After a reconnect the engine first tells what was missed; deaths are judged by that. */
  #readNodesSoon(): void {
    clearTimeout(this.#gapTimer);
    if (!this.#stopped) this.#gapTimer = setTimeout(() => void this.#readNodes().catch((err: unknown) => this.context.log.warn({ err }, 'nodes cannot be read')), REPLAY_PAUSE_MS);
  }

  /** One reading at a time; a request during one waits for the next. */
  async #readNodes(): Promise<void> {
    const before = this.#nodesRead;
    const next = (async () => {
      await before?.catch(() => undefined);
      if (!this.#stopped) await sweepNodes(this.context);
    })();
    this.#nodesRead = next;
    await next;
  }
}

/** A moment as the engine's cursor writes it: seconds with nine decimals. */
function engineCursorAt(epochMs: number): string {
  return `${Math.floor(epochMs / 1000)}.${String(epochMs % 1000).padStart(3, '0')}000000`;
}
