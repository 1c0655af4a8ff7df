// Measures links across hosts against batched commands alone: `node bench/cross-host-links.ts [links] [hosts]`. Hosts are namespaces of its own, each with a process.
import { execFileSync, fork, spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { hostPortsOf, isVethPort, redirectsOf } from '../host-actor/link-plane/host-ports.ts';
import { addPortLine, addTunnelLine, finishPortLine, markLine, openTunnelLine, redirectLine, silenceLine } from '../host-actor/link-plane/render-lines.ts';
import type { VxlanWire } from '../host-actor/link-plane/wire.ts';
import type { HostAnswer, HostOrder } from './cross-host-links-host.ts';
import { printTable, quantile } from './report.ts';

const LINKS = Number(process.argv[2] ?? 500);
const HOSTS = Number(process.argv[3] ?? 4);
const NODES_PER_HOST = 5;
const ROUNDS = 5;
/** How much longer than the same objects made by batched commands alone. */
const AIMS = { make: 1.3, remove: 1.3, read: 1.3 };
const prefix = `lwx${process.pid}`;
const stateDir = mkdtempSync(join(tmpdir(), 'lw-bench-legs-'));
const hostName = (host: number): string => `${prefix}h${host}`;
const nodeName = (host: number, node: number): string => `${hostName(host)}n${node}`;

function ip(...args: string[]): void {
  execFileSync('ip', args);
}

function makeHosts(): void {
  const under = `${prefix}u`;
  ip('netns', 'add', under);
  ip('-n', under, 'link', 'add', 'underbr', 'type', 'bridge');
  ip('-n', under, 'link', 'set', 'dev', 'underbr', 'up');
  for (let host = 0; host < HOSTS; host += 1) {
    ip('netns', 'add', hostName(host));
    ip('-n', hostName(host), 'link', 'set', 'dev', 'lo', 'up');
    ip('link', 'add', 'under', 'netns', hostName(host), 'type', 'veth', 'peer', 'name', `u${host}`, 'netns', under);
    ip('-n', under, 'link', 'set', 'dev', `u${host}`, 'up', 'master', 'underbr');
    ip('-n', hostName(host), 'link', 'set', 'dev', 'under', 'up');
    ip('-n', hostName(host), 'address', 'add', `10.200.0.${host + 1}/24`, 'dev', 'under');
    for (let node = 0; node < NODES_PER_HOST; node += 1) ip('netns', 'add', nodeName(host, node));
  }
}

function removeHosts(): void {
  for (let host = 0; host < HOSTS; host += 1) {
    for (let node = 0; node < NODES_PER_HOST; node += 1) ip('netns', 'del', nodeName(host, node));
    ip('netns', 'del', hostName(host));
  }
  ip('netns', 'del', `${prefix}u`);
}

/** The two legs of a link, with the hosts that they are on. */
function legsOf(link: number): readonly { readonly host: number; readonly wire: VxlanWire }[] {
  const [first, second] = [link % HOSTS, (link + 1 + (Math.floor(link / HOSTS) % (HOSTS - 1))) % HOSTS];
  const leg = (role: 'first' | 'second', host: number, other: number): { host: number; wire: VxlanWire } => {
    const index = 10 * link + (role === 'first' ? 1 : 5);
    const mark = `lw.bench.${role}.${link}`;
    return {
      host,
      wire: {
        kind: 'vxlan', id: `bench/${link}`, mtu: 1450, inner: { netns: { name: nodeName(host, link % NODES_PER_HOST) }, interface: `e${link}` }, host: { device: `p${link}`, mark }, actionIndex: index,
        tunnel: { device: `x${link}`, mark: `${mark}.x`, vni: link + 1, udpPort: 4789, local: `10.200.0.${host + 1}`, remote: `10.200.0.${other + 1}`, actionIndex: index + 1, echo: { role, reflectIndex: index + 2, countIndex: index + 3 } },
      },
    };
  };
  return [leg('first', first, second), leg('second', second, first)];
}

/** A program in each host at once; resolves when all have ended well. */
async function inAllHosts(program: string, args: readonly string[], inputOf?: (host: number) => string): Promise<void> {
  await Promise.all(
    Array.from({ length: HOSTS }, async (_unused, host) => {
      const child = spawn('nsenter', [`--net=/run/netns/${hostName(host)}`, program, ...args], { stdio: [inputOf ? 'pipe' : 'ignore', 'ignore', 'inherit'] });
      child.stdin?.end(inputOf?.(host));
      const exitCode = await new Promise<number | null>((resolve) => child.once('close', resolve));
      if (exitCode !== 0) throw new Error(`${program} ${args.join(' ')} ended with ${exitCode} in host ${host}`);
    }),
  );
}

type Batches = { readonly ip: string; readonly tc: string; readonly group: string };

/** The same objects as the plane makes, in the same order: one ip and one tc batch a host, and one more for what goes up last. */
function batchesOf(wires: readonly VxlanWire[]): Batches {
  const ports = wires.flatMap(hostPortsOf);
  const add = ports.flatMap((port) => (port.tunnel ? [addTunnelLine(port, port.tunnel), silenceLine(port.device)] : isVethPort(port) ? [addPortLine(port)] : []).concat(markLine(port.device, port.mark)));
  const up = ports.map((port) => (port.tunnel ? openTunnelLine(port) : finishPortLine(port)));
  const tc = ports.flatMap((port) => [`qdisc add dev ${port.device} clsact`, ...redirectsOf(port).map((redirect) => redirectLine(port.device, redirect))]);
  const lines = (list: readonly string[]): string => `${list.join('\n')}\n`;
  return { ip: lines([...add, ...up]), tc: lines(tc), group: lines(ports.map((port) => `link set dev ${port.device} group 4242`)) };
}

const children: ChildProcess[] = [];

function ask(child: ChildProcess, order: HostOrder): Promise<HostAnswer> {
  return new Promise((resolve, reject) => {
    child.once('message', (answer: HostAnswer) => (answer.failure === undefined ? resolve(answer) : reject(new Error(answer.failure))));
    child.send(order);
  });
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  await work();
  return performance.now() - startedAt;
}

const all = (act: Exclude<HostOrder['act'], 'wires'>): Promise<HostAnswer[]> => Promise.all(children.map((child) => ask(child, { act })));
const median = (samples: readonly number[]): number => quantile(samples, 0.5);
const least = (samples: readonly number[]): number => Math.min(...samples);

async function measure(batches: readonly Batches[]): Promise<void> {
  const raw = { make: [] as number[], read: [] as number[], remove: [] as number[] };
  const plane = { make: [] as number[], prove: [] as number[], again: [] as number[], read: [] as number[], remove: [] as number[] };
  const rounds: number[] = [];
  const textOf = (kind: keyof Batches) => (host: number): string => batches[host]?.[kind] ?? '';
  for (let round = 0; round < ROUNDS; round += 1) {
    raw.make.push(await timed(async () => {
      await inAllHosts('ip', ['-batch', '-'], textOf('ip'));
      await inAllHosts('tc', ['-batch', '-'], textOf('tc'));
    }));
    raw.read.push(await timed(async () => {
      await inAllHosts('ip', ['-j', '-d', 'link']);
      await inAllHosts('tc', ['-j', 'actions', 'ls', 'action', 'mirred']);
    }));
    await inAllHosts('ip', ['-batch', '-'], textOf('group'));
    raw.remove.push(await timed(() => inAllHosts('ip', ['link', 'del', 'group', '4242'])));
    plane.make.push(await timed(() => all('make')));
    plane.prove.push(await timed(async () => rounds.push(...(await all('prove')).map((answer) => answer.rounds ?? 0))));
    plane.again.push(await timed(() => all('make-again')));
    plane.read.push(await timed(() => all('read')));
    plane.remove.push(await timed(() => all('remove')));
  }
  const row = (what: string, floor: readonly number[] | undefined, ours: readonly number[], aim?: number): string[] => [
    what, floor ? `${least(floor).toFixed(0)} / ${median(floor).toFixed(0)}` : '', `${least(ours).toFixed(0)} / ${median(ours).toFixed(0)}`,
    floor ? (median(ours) / median(floor)).toFixed(2) : '', aim === undefined ? '' : String(aim),
  ];
  printTable(`${LINKS} links over ${HOSTS} hosts, all hosts at once, ${ROUNDS} rounds in turn, ms`, ['', 'batches alone (min / median)', 'link plane (min / median)', 'ratio', 'aim'], [
    row('make', raw.make, plane.make, AIMS.make),
    row(`then until the last probe came back (rounds: at most ${Math.max(...rounds)})`, undefined, plane.prove),
    row('make again, nothing to do', raw.read, plane.again),
    row('read all back', raw.read, plane.read, AIMS.read),
    row('remove', raw.remove, plane.remove, AIMS.remove),
  ]);
}

makeHosts();
try {
  const legs = Array.from({ length: LINKS }, (_unused, link) => legsOf(link)).flat();
  const wires = Array.from({ length: HOSTS }, (_unused, host) => legs.filter((leg) => leg.host === host).map(({ wire }) => wire));
  for (const [host, own] of wires.entries()) {
    const child = fork(join(import.meta.dirname, 'cross-host-links-host.ts'), [], { execPath: 'nsenter', execArgv: [`--net=/run/netns/${hostName(host)}`, process.execPath] });
    children.push(child);
    await ask(child, { act: 'wires', wires: own, stateDir: join(stateDir, String(host)) });
  }
  await measure(wires.map(batchesOf));
} finally {
  for (const child of children) child.disconnect();
  removeHosts();
  rmSync(stateDir, { recursive: true, force: true });
}
