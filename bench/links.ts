// Measures the link plane against the raw commands it stands on: `node bench/links.ts [links]`. Makes namespaces of its own, nothing else.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import pino from 'pino';
import { hostPortsOf, isVethPort } from '../host-actor/link-plane/host-ports.ts';
import type { WireDrift } from '../host-actor/link-plane/find-drift.ts';
import { addPortLine, finishPortLine, markLine, redirectLine } from '../host-actor/link-plane/render-lines.ts';
import { createTcLinkPlane, type TcLinkPlane } from '../host-actor/link-plane/tc-link-plane.ts';
import { createToolShells } from '../host-actor/link-plane/tool-shells.ts';
import type { JoinedWire } from '../host-actor/link-plane/wire.ts';
import { printTable, quantile } from './report.ts';

const NODES = 20;
const ROUNDS = 3;
const REPAIRS = 100;
const prefix = `lwbench${process.pid}`;
const host = `${prefix}h`;

type Row = { readonly what: string; readonly raw: number; readonly plane: number; readonly aim?: number };

function sh(program: string, args: readonly string[], input = ''): number {
  const startedAt = performance.now();
  const result = spawnSync('nsenter', [`--net=/run/netns/${host}`, program, ...args], { input, maxBuffer: 256 << 20 });
  if (result.status !== 0) throw new Error(`${program} ${args.join(' ')}: ${result.stderr.toString().slice(0, 500)}`);
  return performance.now() - startedAt;
}

function wireOf(number: number): JoinedWire {
  const end = (side: 'a' | 'b', node: number, index: number): JoinedWire['a'] => ({
    inner: { netns: { name: `${prefix}n${node}` }, interface: `e${number}${side}` },
    host: { device: `lw${number}.${side}`, mark: `lw.bench.n${node}.e${number}${side}` },
    actionIndex: index,
  });
  return { kind: 'joined', id: `bench/${number}`, mtu: 9500, a: end('a', number % NODES, number * 2 + 1), b: end('b', (number + 7) % NODES, number * 2 + 2) };
}

function makeRaw(wires: readonly JoinedWire[]): number {
  const ports = wires.flatMap(hostPortsOf).filter(isVethPort);
  const ip = [...ports.flatMap((port) => [addPortLine(port), markLine(port.device, port.mark)]), ...ports.map(finishPortLine)];
  const tc = ports.flatMap((port) => (port.redirect ? [`qdisc add dev ${port.device} clsact`, redirectLine(port.device, port.redirect)] : []));
  return sh('ip', ['-batch', '-'], `${ip.join('\n')}\n`) + sh('tc', ['-batch', '-'], `${tc.join('\n')}\n`);
}

/** One group delete, of devices put into the group before the clock starts. */
function removeRaw(wires: readonly JoinedWire[]): number {
  const lines = wires.flatMap(hostPortsOf).map((port) => `link set dev ${port.device} group 4242`);
  sh('ip', ['-batch', '-'], `${lines.join('\n')}\n`);
  return sh('ip', ['link', 'del', 'group', '4242']);
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  await work();
  return performance.now() - startedAt;
}

async function bulk(plane: TcLinkPlane, wires: readonly JoinedWire[]): Promise<readonly Row[]> {
  const taken = { makeRaw: [] as number[], make: [] as number[], readRaw: [] as number[], read: [] as number[], removeRaw: [] as number[], remove: [] as number[], idle: [] as number[] };
  for (let round = 0; round < ROUNDS; round += 1) {
    taken.makeRaw.push(makeRaw(wires));
    taken.removeRaw.push(removeRaw(wires));
    taken.make.push(await timed(() => ensureAll(plane, wires)));
    taken.idle.push(await timed(() => ensureAll(plane, wires)));
    taken.readRaw.push(sh('ip', ['-j', '-d', 'link']) + sh('tc', ['-j', 'actions', 'ls', 'action', 'mirred']));
    taken.read.push(await timed(() => plane.readWires()));
    taken.remove.push(await timed(() => plane.removeWires(wires.map((wire) => wire.id))));
  }
  return [
    { what: `make ${wires.length} links`, raw: median(taken.makeRaw), plane: median(taken.make), aim: 1.2 },
    { what: `remove ${wires.length} links`, raw: median(taken.removeRaw), plane: median(taken.remove), aim: 1.5 },
    { what: 'read all back', raw: median(taken.readRaw), plane: median(taken.read), aim: 1.3 },
    { what: 'ensure again, nothing to do', raw: median(taken.readRaw), plane: median(taken.idle) },
  ];
}

async function ensureAll(plane: TcLinkPlane, wires: readonly JoinedWire[]): Promise<void> {
  const { outcomes } = await plane.ensureWires(wires);
  const failed = [...outcomes.values()].find((outcome) => !outcome.ok || !outcome.state.up);
  if (failed) throw failed.ok ? new Error('a wire is not up') : failed.error;
}

type Repair = { readonly detectMs: number; readonly workMs: number; readonly totalMs: number };

/** Faults one after another on a host full of links; detection = from the fault command's start to the event in our hands. */
async function repairs(plane: TcLinkPlane, wires: readonly JoinedWire[], fault: (wire: JoinedWire) => readonly [string, ...string[]]): Promise<readonly Repair[]> {
  const stop = new AbortController();
  const found: Repair[] = [];
  let startedAt = 0;
  let done: (() => void) | undefined;
  const mend = async (drift: WireDrift): Promise<void> => {
    const detectedAt = performance.now();
    await plane.repairWire(drift.wireId);
    const endedAt = performance.now();
    found.push({ detectMs: detectedAt - startedAt, workMs: endedAt - detectedAt, totalMs: endedAt - startedAt });
    done?.();
  };
  await plane.watch({ onDrift: (drift) => void mend(drift) }, stop.signal);
  for (const wire of wires.slice(0, REPAIRS)) {
    const mended = new Promise<void>((resolve) => {
      done = resolve;
    });
    const [program, ...args] = fault(wire);
    startedAt = performance.now();
    await inHost({ program, args });
    await Promise.race([mended, delay(5_000)]);
  }
  stop.abort();
  return found;
}

function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

function print(rows: readonly Row[], repaired: ReadonlyMap<string, readonly Repair[]>): void {
  printTable(
    'bulk (milliseconds, medians)',
    ['what', 'raw', 'plane', 'ratio', 'aim'],
    rows.map(({ what, raw, plane: ours, aim }) => [what, raw.toFixed(0), ours.toFixed(0), (ours / raw).toFixed(2), aim === undefined ? '-' : aim.toFixed(1)]),
  );
  const pair = (list: readonly Repair[], pick: (repair: Repair) => number): string => `${quantile(list.map(pick), 0.5).toFixed(1)} / ${quantile(list.map(pick), 0.99).toFixed(1)}`;
  printTable(
    'repair (milliseconds, p50 / p99; aim: p99 of the total below 50)',
    ['fault', 'n', 'detection', 'work', 'total'],
    [...repaired].map(([what, list]) => [what, String(list.length), pair(list, (one) => one.detectMs), pair(list, (one) => one.workMs), pair(list, (one) => one.totalMs)]),
  );
}

const links = Number(process.argv[2] ?? 1000);
const stateDir = mkdtempSync(join(tmpdir(), 'lw-bench-'));
/** Forked by a small shell: a fork of this process would take longer than most of what is measured. */
const inHost = createToolShells(host);
const plane = createTcLinkPlane({ hostNetns: host, stateDir, log: pino({ level: 'warn' }) });
const nodes = Array.from({ length: NODES }, (_, node) => `${prefix}n${node}`);
execFileSync('ip', ['netns', 'add', host]);
try {
  await plane.ensureWires([], nodes.map((name) => ({ name, mark: 'bench' })));
  const wires = Array.from({ length: links }, (_, number) => wireOf(number));
  const rows = await bulk(plane, wires);
  await ensureAll(plane, wires);
  const repaired = new Map([
    ['redirect removed', await repairs(plane, wires, (wire) => ['tc', 'filter', 'del', 'dev', wire.a.host.device, 'ingress'])],
    ['clsact removed', await repairs(plane, wires, (wire) => ['tc', 'qdisc', 'del', 'dev', wire.a.host.device, 'clsact'])],
    ['host end deleted', await repairs(plane, wires, (wire) => ['ip', 'link', 'del', 'dev', wire.a.host.device])],
    ['host end set down', await repairs(plane, wires, (wire) => ['ip', 'link', 'set', 'dev', wire.b.host.device, 'down'])],
  ]);
  print(rows, repaired);
} finally {
  await plane.namespaces.remove(nodes);
  execFileSync('ip', ['netns', 'del', host]);
  rmSync(stateDir, { recursive: true, force: true });
}
