// Placement: time and quality for 10,000 nodes on 500 hosts, fresh and after a change, for shapes of labs. Run: node bench/placement.ts
import { HostId, NodeId } from '../machines/vocabulary/ids.ts';
import type { PlacementView } from '../machines/vocabulary/placement.ts';
import type { PlacementHost, PlacementInput, PlacementNode } from '../machines/place/placement-input.ts';
import { placeNodes } from '../machines/place/place-nodes.ts';
import { printTable, quantile } from './report.ts';

const NODES = 10_000;
const HOSTS = 500;
const ROUNDS = 5;

/** The same numbers each time: a linear congruential generator. */
function numbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

const nodeName = (n: number) => NodeId.parse(`n${String(n).padStart(5, '0')}`);
const hostName = (n: number) => HostId.parse(`h${String(n).padStart(3, '0')}`);

type Shape = { name: string; links: (random: (below: number) => number) => [number, number][] };

const SHAPES: readonly Shape[] = [
  { name: 'no links', links: () => [] },
  { name: 'ring', links: () => Array.from({ length: NODES }, (_unused, n) => [n, (n + 1) % NODES]) },
  { name: 'grid 100 x 100', links: () => Array.from({ length: NODES }, (_unused, n): [number, number][] => [...(n % 100 < 99 ? [[n, n + 1] as [number, number]] : []), ...(n < NODES - 100 ? [[n, n + 100] as [number, number]] : [])]).flat() },
  { name: '400 sites of 25, meshed thinly', links: (random) => Array.from({ length: NODES }, (_unused, n): [number, number][] => {
    const site = n - (n % 25);
    return [[n, site + random(25)], [n, site + random(25)], ...(n % 25 === 0 ? [[n, random(400) * 25] as [number, number]] : [])];
  }).flat().filter(([a, b]) => a !== b) },
  { name: 'random, 30,000 links', links: (random) => Array.from({ length: 30_000 }, (): [number, number] => [random(NODES), random(NODES)]).filter(([a, b]) => a !== b) },
  { name: 'star of one hub', links: () => Array.from({ length: NODES - 1 }, (_unused, n) => [0, n + 1]) },
];

/** `room` = memory of all hosts for that of all nodes. */
function inputOf(shape: Shape, policy: PlacementInput['policy'], room: number): PlacementInput {
  const random = numbers(7);
  const needs = [{ cpuMillis: 500, memoryMiB: 256 }, { cpuMillis: 1000, memoryMiB: 1024 }, { cpuMillis: 2000, memoryMiB: 4096 }];
  const nodes = Array.from({ length: NODES }, (_unused, n): PlacementNode => {
    const need = needs[random(10) < 6 ? 0 : random(10) < 8 ? 1 : 2] ?? { cpuMillis: 0, memoryMiB: 0 };
    return { id: nodeName(n), needs: { ...need, diskMiB: 512, ports: 1 }, wants: need.memoryMiB === 4096 ? ['kvm:kvm'] : [], image: { name: `image${random(5)}`, mustBePresent: false } };
  });
  const memory = nodes.reduce((sum, node) => sum + node.needs.memoryMiB, 0);
  const size = (memory / HOSTS) * room;
  const hosts = Array.from({ length: HOSTS }, (_unused, n): PlacementHost => ({
    id: hostName(n), state: 'joined', cores: 64, capacity: { cpuMillis: 64_000, memoryMiB: Math.floor(size * (0.75 + random(50) / 100)), diskMiB: 1_000_000 },
    allocated: { cpuMillis: 0, memoryMiB: 0, diskMiB: 0, ports: 0 }, offers: { kvm: n % 2 === 0 ? ['kvm'] : [] }, images: new Set([`image${random(5)}`]), planes: [{ kind: n % 4 === 0 ? 'ovs' : 'tc', ...(n % 4 === 0 ? { maxPorts: 512 } : {}) }],
  }));
  return { policy, nodes, hosts, links: shape.links(random).map(([a, b]) => ({ a: nodeName(a), b: nodeName(b) })), together: [], cpuOvercommit: 4 };
}

function timed(input: PlacementInput): { view: PlacementView; ms: number[]; cpuMs: number } {
  const ms: number[] = [];
  const cpu = process.cpuUsage();
  let view: PlacementView | undefined;
  for (let round = 0; round < ROUNDS; round += 1) {
    const began = performance.now();
    view = placeNodes(input);
    ms.push(performance.now() - began);
  }
  if (view === undefined) throw new Error('no round was run');
  const used = process.cpuUsage(cpu);
  return { view, ms, cpuMs: (used.user + used.system) / 1000 / ROUNDS };
}

/** The same lab with its places known, one node gone and one host full. */
function replanOf(input: PlacementInput, view: PlacementView): PlacementInput {
  const places = new Map(view.nodes.map((node) => [node.node, node.host]));
  const full = view.hosts[0]?.host;
  return {
    ...input,
    nodes: input.nodes.slice(1).map((node) => ({ ...node, ...(places.has(node.id) ? { previous: places.get(node.id) ?? hostName(0) } : {}) })),
    hosts: input.hosts.map((host) => (host.id === full && host.state !== 'unreadable' ? { ...host, state: 'draining' as const } : host)),
  };
}

const rows: string[][] = [];
const add = (name: string, input: PlacementInput): PlacementView => {
  const { view, ms, cpuMs } = timed(input);
  const unplaced = input.nodes.length - view.nodes.length;
  rows.push([name, input.policy, String(input.links.length), quantile(ms, 0).toFixed(0), quantile(ms, 0.5).toFixed(0), quantile(ms, 1).toFixed(0), cpuMs.toFixed(0), String(view.hosts.length), `${view.linksAcross} (${((100 * view.linksAcross) / Math.max(1, input.links.length)).toFixed(0)} %)`, String(view.nodes.filter((node) => node.from !== undefined).length), String(unplaced)]);
  return view;
};
for (const shape of SHAPES) {
  for (const policy of ['pack', 'spread'] as const) {
    const input = inputOf(shape, policy, 3);
    const view = add(shape.name, input);
    if (policy === 'pack') add(`${shape.name}: again, one host drained`, replanOf(input, view));
  }
  add(`${shape.name}, hosts 96 % full`, inputOf(shape, 'pack', 1.04));
  add(`${shape.name}, refused: memory for 70 %`, inputOf(shape, 'pack', 0.7));
}
printTable(`Placement of ${NODES} nodes on ${HOSTS} hosts (${ROUNDS} rounds each)`, ['lab', 'policy', 'links', 'ms min', 'median', 'max', 'CPU ms', 'hosts used', 'links across', 'moved', 'unplaced'], rows);
