// One test host: boots, is lost and comes back on the same directories; its network is cut, its daemons are killed and paused.
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type Docker from 'dockerode';
import { HostId } from '../../../machines/vocabulary/ids.ts';
import { eventually } from '../eventually.ts';
import { engineClient, engineOf } from './host-engine.ts';
import type { HostNamespaces } from './host-namespaces.ts';
import { bootNamespaces } from './host-namespaces.ts';
import type { HostProcess } from './host-process.ts';
import { hostProcess } from './host-process.ts';
import type { OvsDaemons } from './ovs-daemons.ts';
import { ovsDaemons } from './ovs-daemons.ts';
import type { PortFaults, Underlay } from './underlay.ts';
import { addressOf, CONTROL } from './underlay.ts';

const run = promisify(execFile);
const ACTOR = join(import.meta.dirname, '..', '..', '..', 'host-actor', 'main.ts');
const CGROUPS = '/sys/fs/cgroup';

export type CutOptions = {
  /** `both` by default; `send`: nothing that the host sends arrives; `hear`: nothing reaches it. */
  readonly direction?: 'both' | 'send' | 'hear';
  /** Everybody by default; `control`: NATS alone; else these hosts alone. */
  readonly from?: 'all' | 'control' | readonly TestHost[];
  /** The host's device loses its carrier, so that the host can see it; only for a cut from all. */
  readonly visible?: boolean;
};

export type TestHost = {
  readonly id: HostId;
  /** Its place on the underlay, from 1. */
  readonly number: number;
  /** Its address on the underlay. */
  readonly address: string;
  /** All that outlives a boot: logs of the daemons, the engine's data, the host-actor's state in `home`. */
  readonly dir: string;
  readonly home: string;
  readonly actor: HostProcess;
  readonly engine: HostProcess;
  readonly ovs: OvsDaemons | undefined;
  isUp(): boolean;
  /** Program and arguments that run a command inside. @throws Error while the host is down. */
  enter(argv: readonly string[]): [string, string[]];
  /** Runs a command inside; resolves with what it printed. @throws Error when it fails. */
  exec(...argv: string[]): Promise<string>;
  /** Client of its engine, good for this boot. */
  docker(): Docker;
  /** All its processes and namespaces end at once, as by a power switch. */
  lose(): Promise<void>;
  /** Boots on the same directories, with engine and Open vSwitch; the host-actor too unless told otherwise. */
  comeBack(options?: { actor: 'stays-down' }): Promise<void>;
  /** Adds to the cuts that are there. */
  cut(options?: CutOptions): Promise<void>;
  slow(rateKbps: number): Promise<void>;
  /** Takes all cuts back. */
  heal(): Promise<void>;
  remove(): Promise<void>;
};

export type TestHostParts = {
  readonly number: number;
  readonly dir: string;
  readonly images: string | undefined;
  readonly underlay: Underlay;
  readonly cgroupParent: string;
  readonly withOvs: boolean;
  readonly actorEnv: NodeJS.ProcessEnv;
};

/** Describes the host; it is down until `comeBack`. */
export function testHost(parts: TestHostParts): TestHost {
  const { dir, number, underlay } = parts;
  const id = HostId.parse(`h${number}`);
  const home = join(dir, 'home');
  let booted: HostNamespaces | undefined;
  let faults: PortFaults = {};
  const namespaces = (): HostNamespaces => {
    if (booted === undefined) throw new Error(`host ${id} is down`);
    return booted;
  };
  const engine = engineOf({ dir, namespaces, cgroupParent: parts.cgroupParent });
  const ovs = parts.withOvs ? ovsDaemons({ dir, namespaces }) : undefined;
  const actor = hostProcess({
    name: 'host-actor', logFile: join(dir, 'host-actor.log'), namespaces, argv: () => [process.execPath, ACTOR],
    env: () => ({ LABWRIGHT_HOME: home, LABWRIGHT_HOST_ID: id, ...parts.actorEnv }),
  });
  const setFaults = async (next: PortFaults): Promise<void> => {
    faults = next;
    if (booted !== undefined) await underlay.setFaults(number, faults);
  };
  const lose = async (): Promise<void> => {
    const daemons = [actor, engine, ...(ovs === undefined ? [] : [ovs.database, ovs.switch])];
    // At once: the host does not end before the entry of a paused daemon, which stands still with it, takes note of its end.
    await Promise.all([booted?.kill(), ...daemons.map(async (one) => await one.kill())]);
    booted = undefined;
    await underlay.detach(number);
    await removeCgroups(parts.cgroupParent);
  };
  return {
    id, number, address: addressOf(number), dir, home, actor, engine, ovs, lose, remove: lose,
    isUp: () => booted !== undefined,
    enter: (argv) => namespaces().enter(argv),
    exec: async (...argv) => (await run(...namespaces().enter(argv), { maxBuffer: 64 * 1024 * 1024 })).stdout,
    docker: () => engineClient(namespaces()),
    async comeBack(options) {
      if (booted !== undefined) throw new Error(`host ${id} is up`);
      await mkdir(home, { recursive: true });
      booted = await bootNamespaces({ dir, name: id, images: parts.images });
      await underlay.attach(number, booted);
      await underlay.setFaults(number, faults);
      await Promise.all([engine.start(), ovs?.start()]);
      if (options?.actor !== 'stays-down') await actor.start();
    },
    cut: async (options = {}) => await setFaults(addCut(faults, options)),
    slow: async (rateKbps) => await setFaults({ ...faults, rateKbps }),
    heal: async () => await setFaults({}),
  };
}

function addCut(faults: PortFaults, { direction = 'both', from = 'all', visible = false }: CutOptions): PortFaults {
  if (visible) return { ...faults, carrier: 'down' };
  const dropped = from === 'all' ? 'all' : from === 'control' ? [addressOf(CONTROL)] : from.map((host) => host.address);
  const add = (before: PortFaults['send']): 'all' | readonly string[] => (before === 'all' || dropped === 'all' ? 'all' : [...(before ?? []), ...dropped]);
  return { ...faults, ...(direction === 'hear' ? {} : { send: add(faults.send) }), ...(direction === 'send' ? {} : { hear: add(faults.hear) }) };
}

/** Control groups outlive the processes in them, unlike in a real boot. Version 1 has a tree for each controller. */
export async function removeCgroups(parent: string): Promise<void> {
  const places = [CGROUPS, ...(await readdir(CGROUPS)).map((name) => join(CGROUPS, name))].map((root) => join(root, parent)).filter((place) => existsSync(place));
  if (places.length === 0) return;
  await eventually(async () => {
    await run('find', [...places.filter((place) => existsSync(place)), '-depth', '-type', 'd', '-exec', 'rmdir', '{}', ';']);
    return places.every((place) => !existsSync(place));
  }, { what: `control groups ${parent} to be empty` });
}
