// A kernel world for link plane tests: one namespace plays the host, others are nodes; everything is gone afterwards.
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import pino from 'pino';
import { createTcLinkPlane, type TcLinkPlane, type TcLinkPlaneOptions } from '../../../host-actor/link-plane/tc-link-plane.ts';
import type { InnerEnd, JoinedWire } from '../../../host-actor/link-plane/wire.ts';

const exec = promisify(execFile);
let counter = 0;

export type NetnsWorld = {
  readonly hostNetns: string;
  readonly plane: TcLinkPlane;
  readonly stateDir: string;
  /** A second plane on the same host and state, as after a restart of the host-actor. */
  readonly restartedPlane: () => TcLinkPlane;
  /** Name of a node's namespace; made by `withNodes`. */
  readonly netns: (node: string) => string;
  readonly withNodes: (...nodes: string[]) => Promise<void>;
  /** Runs a command line in the host's namespace. */
  readonly host: (commandLine: string) => Promise<string>;
  /** Runs a command line in a node's namespace. */
  readonly inNode: (node: string, commandLine: string) => Promise<string>;
  readonly pings: (node: string, address: string, options?: string) => Promise<boolean>;
  readonly close: () => Promise<void>;
};

/** What a world has besides the kernel, made in the host's namespace; `planeOptions` is asked anew for each plane. */
export type WorldExtension = { readonly planeOptions: () => Partial<TcLinkPlaneOptions>; readonly close: () => Promise<void> };

/** Makes the host's namespace and a plane in it. */
export async function openWorld(extend?: (hostNetns: string) => Promise<WorldExtension>): Promise<NetnsWorld> {
  counter += 1;
  const prefix = `lpt${process.pid}x${counter}`;
  const hostNetns = `${prefix}h`;
  await exec('ip', ['netns', 'add', hostNetns]);
  await exec('ip', ['-n', hostNetns, 'link', 'set', 'dev', 'lo', 'up']);
  const stateDir = await mkdtemp(join(tmpdir(), 'lp-test-'));
  const extension = await extend?.(hostNetns);
  const newPlane = (): TcLinkPlane => createTcLinkPlane({ hostNetns, stateDir, log: pino({ level: process.env['LOG'] ?? 'silent' }), ...extension?.planeOptions() });
  const plane = newPlane();
  const netns = (node: string): string => `${prefix}-${node}`;
  const inNetns = async (name: string, commandLine: string): Promise<string> => (await exec('nsenter', [`--net=/run/netns/${name}`, 'sh', '-c', commandLine], { maxBuffer: 64 << 20 })).stdout;
  return {
    hostNetns,
    plane,
    stateDir,
    restartedPlane: newPlane,
    netns,
    withNodes: async (...nodes) => {
      await plane.ensureWires([], nodes.map((node) => ({ name: netns(node), mark: `${prefix}/${node}` })));
    },
    host: (commandLine) => inNetns(hostNetns, commandLine),
    inNode: (node, commandLine) => inNetns(netns(node), commandLine),
    pings: async (node, address, options = '') =>
      inNetns(netns(node), `ping -n -c 1 -W 1 ${options} ${address}`).then(
        () => true,
        () => false,
      ),
    close: async () => {
      await extension?.close();
      const own = await plane.namespaces.list();
      await plane.namespaces.remove(own.map(({ name }) => name));
      await exec('sh', ['-c', `for n in $(ip netns list | cut -d' ' -f1 | grep '^${prefix}'); do ip netns del $n; done`]);
      await rm(stateDir, { recursive: true, force: true });
    },
  };
}

/** A wire between two nodes; `number` makes names, marks and action indexes its own. */
export function joinedWire(world: NetnsWorld, number: number, a: string, b: string, options: { readonly mtu?: number; readonly lab?: string } = {}): JoinedWire {
  const [nodeA = '', portA = 'eth1'] = a.split(':');
  const [nodeB = '', portB = 'eth1'] = b.split(':');
  const end = (node: string, port: string, side: 'a' | 'b', index: number): JoinedWire['a'] => ({
    inner: innerEnd(world, node, port),
    host: { device: `lw${number}.${side}`, mark: `lw:${options.lab ?? 'lab'}:${node}:${port}` },
    actionIndex: index,
  });
  return { kind: 'joined', id: `${options.lab ?? 'lab'}/${a}--${b}`, mtu: options.mtu ?? 9500, a: end(nodeA, portA, 'a', number * 2), b: end(nodeB, portB, 'b', number * 2 + 1) };
}

export function innerEnd(world: NetnsWorld, node: string, port: string): InnerEnd {
  return { netns: { name: world.netns(node) }, interface: port };
}

export type LinkJson = { readonly ifindex: number; readonly ifname: string; readonly flags: readonly string[]; readonly mtu: number; readonly address: string; readonly operstate: string };

/** One interface as `ip -j link` prints it in a node. */
export async function readLink(world: NetnsWorld, node: string, device: string): Promise<LinkJson> {
  const [link] = JSON.parse(await world.inNode(node, `ip -j link show dev ${device}`)) as LinkJson[];
  if (!link) throw new Error(`no ${device} in ${node}`);
  return link;
}
