// Several hosts for link plane tests: each a world of its own, joined by a bridge in a namespace that plays the underlay.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { VxlanWire } from '../../../host-actor/link-plane/wire.ts';
import { innerEnd, openWorld, type NetnsWorld } from './netns-world.ts';

const exec = promisify(execFile);
let counter = 0;

export type HostsWorld = {
  readonly hosts: readonly NetnsWorld[];
  /** Underlay address of a host. */
  readonly address: (host: number) => string;
  /** Runs a command line in the underlay's namespace; host n hangs there on the device `u<n>`. */
  readonly underlay: (commandLine: string) => Promise<string>;
  readonly close: () => Promise<void>;
};

/** Hosts whose underlay interface is called `under`. */
export async function openHosts(count: number, options: { readonly mtu?: number; readonly ipv6?: boolean; /** Makes the world of a host. */ readonly open?: (host: number) => Promise<NetnsWorld> } = {}): Promise<HostsWorld> {
  counter += 1;
  const netns = `lph${process.pid}x${counter}u`;
  const mtu = options.mtu ?? 1500;
  const address = (host: number): string => (options.ipv6 ? `fd00:200::${host + 1}` : `10.200.0.${host + 1}`);
  const underlay = async (commandLine: string): Promise<string> => (await exec('nsenter', [`--net=/run/netns/${netns}`, 'sh', '-c', commandLine])).stdout;
  await exec('ip', ['netns', 'add', netns]);
  await underlay(`ip link add under-br mtu ${mtu} type bridge && ip link set dev under-br up`);
  const hosts: NetnsWorld[] = [];
  for (let host = 0; host < count; host += 1) {
    const world = await (options.open?.(host) ?? openWorld());
    await underlay(`ip link add under netns ${world.hostNetns} mtu ${mtu} type veth peer name u${host} mtu ${mtu} && ip link set dev u${host} master under-br up`);
    await world.host(`ip link set dev under up && ip address add ${address(host)}/${options.ipv6 ? '64 nodad' : '24'} dev under`);
    hosts.push(world);
  }
  return {
    hosts,
    address,
    underlay,
    close: async () => {
      for (const host of hosts) await host.close();
      await exec('ip', ['netns', 'del', netns]);
    },
  };
}

export type LegOptions = { readonly mtu?: number; readonly vni?: number; readonly lab?: string; readonly at?: readonly [number, number] };

/** The two legs of a link between node `r` of one host and node `r` of another; `number` makes names and indexes its own. */
export function legPair(world: HostsWorld, number: number, options: LegOptions = {}): readonly [VxlanWire, VxlanWire] {
  const [first, second] = options.at ?? [0, 1];
  const leg = (role: 'first' | 'second', host: number, other: number): VxlanWire => {
    const own = world.hosts[host];
    if (!own) throw new Error(`no host ${host}`);
    const mark = `lw:${options.lab ?? 'lab'}:r${host}:eth${number}`;
    const index = number * 10 + host * 1000;
    return {
      kind: 'vxlan',
      id: `${options.lab ?? 'lab'}/${number}`,
      mtu: options.mtu ?? 1500,
      inner: innerEnd(own, 'r', `eth${number}`),
      host: { device: `lw${number}.a`, mark },
      actionIndex: index + 1,
      tunnel: {
        device: `lw${number}.x`, mark: `${mark}:x`, vni: options.vni ?? 1000 + number, udpPort: 4789, local: world.address(host), remote: world.address(other),
        actionIndex: index + 2, echo: { role, reflectIndex: index + 3, countIndex: index + 4 },
      },
    };
  };
  return [leg('first', first, second), leg('second', second, first)];
}

/** Makes both legs, each on its host. */
export async function ensurePair(world: HostsWorld, pair: readonly [VxlanWire, VxlanWire], at: readonly [number, number] = [0, 1]): Promise<readonly unknown[]> {
  const reports = await Promise.all(pair.map(async (wire, side) => await world.hosts[at[side] ?? 0]?.plane.ensureWires([wire])));
  return reports.flatMap((report) => [...(report?.outcomes.values() ?? [])]);
}

/** What both ends of a pair hear of each other. */
export async function probePair(world: HostsWorld, pair: readonly [VxlanWire, VxlanWire], at: readonly [number, number] = [0, 1]): Promise<readonly string[]> {
  const results = await Promise.all(pair.map(async ({ id }, side) => (await world.hosts[at[side] ?? 0]?.plane.probe([id]))?.get(id)));
  return results.map((result) => result?.echo ?? 'not probed');
}
