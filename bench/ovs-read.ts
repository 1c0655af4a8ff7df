// Measures how fast the state of a bridge is known when a host-actor starts: `node bench/ovs-read.ts [ports]`. Makes a namespace and an Open vSwitch of its own.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pino from 'pino';
import { hostPortsOf, isSwitched } from '../host-actor/link-plane/host-ports.ts';
import { createTcLinkPlane } from '../host-actor/link-plane/tc-link-plane.ts';
import { createToolShells } from '../host-actor/link-plane/tool-shells.ts';
import type { JoinedWire, PlaneName, WireState } from '../host-actor/link-plane/wire.ts';
import { connectRpc } from '../host-actor/ovs-plane/json-rpc-connection.ts';
import { createOvsSwitch } from '../host-actor/ovs-plane/ovs-switch.ts';
import { openPrivateOvs, type PrivateOvs } from '../tests/host-actor/ovs-plane/private-ovs.ts';
import { printTable, quantile } from './report.ts';

const ROUNDS = 15;
const NODES = 12;
const ports = Number(process.argv[2] ?? 264);
const prefix = `lwovsread${process.pid}`;
const host = `${prefix}h`;
const log = pino({ level: 'warn' });
const stateDir = mkdtempSync(join(tmpdir(), 'lw-bench-'));
const nodes = Array.from({ length: NODES }, (_unused, node) => `${prefix}n${node}`);

const wireOf = (number: number, plane: PlaneName): JoinedWire => {
  const end = (side: 'a' | 'b', node: number, index: number): JoinedWire['a'] => ({
    inner: { netns: { name: nodes[node] ?? '' }, interface: `e${number}${side}` },
    host: { device: `lw${number}.${side}`, mark: `lw.bench.n${node}.e${number}${side}` },
    actionIndex: index,
  });
  return { kind: 'joined', id: `bench/${number}`, mtu: 1500, plane, a: end('a', number % NODES, number * 2 + 1), b: end('b', (number + 5) % NODES, number * 2 + 2) };
};

type Times = readonly [best: number, median: number, worst: number];

/** In milliseconds. */
async function measure(work: () => Promise<unknown>): Promise<Times> {
  const taken: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const startedAt = performance.now();
    await work();
    taken.push(performance.now() - startedAt);
  }
  return [Math.min(...taken), quantile(taken, 0.5), quantile(taken, 1)];
}

function assertAllUp(states: Iterable<WireState>): void {
  for (const state of states) if (!state.up) throw new Error(`wire ${state.id} is not up: ${JSON.stringify(state.faults)}`);
}

async function ovsRows(ovs: PrivateOvs, wires: readonly JoinedWire[]): Promise<[string, Times, string][]> {
  const options = { hostNetns: host, runDir: ovs.runDir, datapath: 'netdev', maxPorts: ports + 8, log } as const;
  const own = wires.flatMap(hostPortsOf).filter(isSwitched);
  const raw = await measure(async () => {
    const connection = await connectRpc(`${ovs.runDir}/db.sock`, { onEnd: () => undefined });
    await connection.call('transact', ['Open_vSwitch', { op: 'select', table: 'Interface', where: [] }, { op: 'select', table: 'Port', where: [] }]);
    connection.close();
  });
  const bridge = await measure(async () => {
    const fresh = createOvsSwitch(options);
    const read = await fresh.read(own);
    const faults = own.flatMap((port) => read.faultsOf(port, undefined));
    if (faults.length > 0) throw new Error(JSON.stringify(faults[0]));
    fresh.close();
  });
  const start = await measure(async () => {
    const fresh = createOvsSwitch(options);
    const plane = createTcLinkPlane({ hostNetns: host, stateDir, log, crossConnect: fresh });
    const { outcomes } = await plane.ensureWires(wires);
    assertAllUp([...outcomes.values()].flatMap((outcome) => (outcome.ok ? [outcome.state] : [])));
    fresh.close();
  });
  return [
    ['raw OVSDB answer: all rows of Port and Interface', raw, '-'],
    ['ovs: connect, read ports and rules, judge all', bridge, '20'],
    ['ovs: new host-actor adopts all wires (bridge, devices, namespaces)', start, '-'],
  ];
}

async function tcRows(wires: readonly JoinedWire[]): Promise<[string, Times, string][]> {
  const plane = createTcLinkPlane({ hostNetns: host, stateDir, log });
  await plane.ensureWires(wires);
  const run = createToolShells(host);
  const raw = await measure(() => Promise.all([run({ program: 'ip', args: ['-j', '-d', 'link'] }), run({ program: 'tc', args: ['-j', 'actions', 'ls', 'action', 'mirred'] })]));
  const read = await measure(async () => assertAllUp((await plane.readWires()).values()));
  await plane.removeWires(wires.map(({ id }) => id));
  return [
    ['tc: raw reads (ip -j -d link, tc -j actions ls)', raw, '-'],
    ['tc: read all wires', read, (raw[1] * 1.3).toFixed(1)],
  ];
}

if (spawnSync('ovs-vswitchd', ['--version']).status !== 0) {
  process.stdout.write('no Open vSwitch on this machine: the state of a bridge was not measured\n');
  process.exit(0);
}
execFileSync('ip', ['netns', 'add', host]);
execFileSync('ip', ['-n', host, 'link', 'set', 'dev', 'lo', 'up']);
const ovs = await openPrivateOvs(host);
const ovsSwitch = createOvsSwitch({ hostNetns: host, runDir: ovs.runDir, datapath: 'netdev', maxPorts: ports + 8, log });
const plane = createTcLinkPlane({ hostNetns: host, stateDir, log, crossConnect: ovsSwitch });
try {
  await plane.ensureWires([], nodes.map((name) => ({ name, mark: 'bench' })));
  const numbers = Array.from({ length: ports / 2 }, (_unused, number) => number);
  const onTc = await tcRows(numbers.map((number) => wireOf(number, 'tc')));
  const wires = numbers.map((number) => wireOf(number, 'ovs'));
  const startedAt = performance.now();
  const { outcomes } = await plane.ensureWires(wires);
  const made = performance.now() - startedAt;
  assertAllUp([...outcomes.values()].flatMap((outcome) => (outcome.ok ? [outcome.state] : [])));
  const rows = [...(await ovsRows(ovs, wires)), ...onTc];
  const removedAt = performance.now();
  await plane.removeWires(wires.map(({ id }) => id));
  const removed = performance.now() - removedAt;
  printTable(`state of ${ports} ports (milliseconds)`, ['what', 'best', 'median', 'worst', 'aim'], rows.map(([what, [best, median, worst], aim]) => [what, best.toFixed(1), median.toFixed(1), worst.toFixed(1), aim]));
  printTable('once (milliseconds)', ['what', 'taken'], [[`ovs: make ${wires.length} links`, made.toFixed(0)], [`ovs: remove them`, removed.toFixed(0)]]);
} finally {
  await plane.namespaces.remove(nodes);
  ovsSwitch.close();
  await ovs.close();
  execFileSync('ip', ['netns', 'del', host]);
  rmSync(stateDir, { recursive: true, force: true });
}
process.exit(0);
