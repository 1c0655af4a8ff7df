// Open vSwitch as that which joins host ends: ports by OVSDB in one transaction, rules by OpenFlow in one bundle, no process a port.
import type { Logger } from 'pino';
import type { CrossConnect, PortOnSwitch, SwitchedWire, SwitchFault, SwitchPortRead, SwitchRead } from '../link-plane/cross-connect.ts';
import { parseIpOutput } from '../link-plane/kernel-state.ts';
import { createKeyedLock } from '../link-plane/keyed-lock.ts';
import { LinkPlaneError } from '../link-plane/link-plane-error.ts';
import { createToolShells } from '../link-plane/tool-shells.ts';
import { joinFlows, overfull, partChange, plugOperations } from './plan-switch.ts';
import { findDatapath, preparePorts } from './prepare-ports.ts';
import { bridgesOf, tunnelsOf, type SwitchTunnel } from './switch-database.ts';
import { MARK } from './switch-marks.ts';
import { createSwitchSession } from './switch-session.ts';
import { bridgeRefusal, ownPortsIn, portFaults, portRefusal, switchView, usedPorts, type SwitchMode, type SwitchView } from './switch-view.ts';
import { watchSwitch } from './watch-switch.ts';

export type OvsSwitchOptions = {
  /** Name or path of the namespace in which host ends and the daemons live; absent = our own. */
  readonly hostNetns?: string;
  /** Folder of the daemons' sockets. */
  readonly runDir?: string;
  /** `flows` (default): on a bridge of our own. `vlan`: on a bridge that exists, a leased VLAN for each link. */
  readonly mode?: SwitchMode;
  readonly bridge?: string;
  /** Found out where it is not given. Of a bridge that exists its own counts. */
  readonly datapath?: 'system' | 'netdev';
  readonly maxPorts?: number;
  readonly log: Logger;
};

export type OvsSwitch = CrossConnect & {
  /** VXLAN tunnels that the switch ends by itself, ours or not. @throws {LinkPlaneError} `switch-away` */
  readonly readTunnels: () => Promise<readonly SwitchTunnel[]>;
  /** VLANs that any port of the bridge has, ours or not. @throws {LinkPlaneError} `switch-away` */
  readonly readVlans: () => Promise<readonly number[]>;
  /** Whether this host has a database of Open vSwitch, answering or not. */
  readonly isInstalled: () => Promise<boolean>;
  readonly close: () => void;
};

/** One more port costs the userspace datapath 38 ms when it has 264 and a second when it has 2,000: what is past this takes minutes
 *  to make and to remove. The kernel's has only as many as there are numbers. */
export const MAX_PORTS = { netdev: 512, system: 0xfe00 } as const;
const RUN_DIR = '/var/run/openvswitch';
const OWN_BRIDGE = 'lw-ovs';
/** For ovs-vswitchd to carry a transaction out: a base and so much for each port that comes in beside those there. */
const CARRY_OUT_MS = { base: 5_000, port: 150 } as const;
const RULES_WITHIN_MS = 3_000;
/** How long a switch that did not answer is not asked about ports that were not known to be on it. */
const REST_MS = 10_000;

/** Connects when it is first needed. */
export function createOvsSwitch(options: OvsSwitchOptions): OvsSwitch {
  const runDir = options.runDir ?? RUN_DIR;
  const bridgeName = options.bridge ?? OWN_BRIDGE;
  const mode = options.mode ?? 'flows';
  const run = createToolShells(options.hostNetns);
  const lock = createKeyedLock();
  /** Changes that ovs-vswitchd has yet to carry out. */
  const atWork = new Set<{ readonly until: number }>();
  const known = new Map<string, PortOnSwitch>();
  const owed = new Set<string>();
  const watching = watchSwitch({ known, owed, log: options.log });
  const session = createSwitchSession({ runDir, databaseSocket: `${runDir}/db.sock`, bridge: bridgeName }, { ...watching, busyMs: () => Math.max(0, ...[...atWork].map(({ until }) => until - Date.now())) });
  let found: 'system' | 'netdev' | undefined = options.datapath;
  let restUntil = 0;

  const remember = (ports: readonly PortOnSwitch[]): void => {
    for (const port of ports) known.set(port.mark, port);
  };
  const datapathOf = async (view: SwitchView): Promise<'system' | 'netdev'> => {
    if (view.bridge) return view.bridge.datapath === 'netdev' ? 'netdev' : 'system';
    found ??= await findDatapath(run);
    return found;
  };
  const view = async (): Promise<SwitchView> => {
    const { tables } = await session.database();
    const flows = (await (await session.rules())?.readFlows()) ?? [];
    const bridges = bridgesOf(tables);
    const datapath = bridges.find(({ name }) => name === bridgeName)?.datapath ?? found ?? 'netdev';
    return switchView({ mode, bridgeName, bridges, flows, maxPorts: options.maxPorts ?? (datapath === 'netdev' ? MAX_PORTS.netdev : MAX_PORTS.system) });
  };

  const plug = async (ports: readonly PortOnSwitch[]): Promise<void> => {
    const [before, ifindexes] = await Promise.all([view(), readIfindexes(ports)]);
    const datapath = await datapathOf(before);
    const operations = plugOperations(before, ports, { datapath, ifindexes });
    const database = await session.database();
    const carryOut = operations.length > 0 ? whileAtWork(ports.length, (withinMs) => database.carryOut(operations, withinMs)) : undefined;
    await Promise.all([carryOut, preparePorts(run, ports, datapath)]);
  };
  /** Until it is done the daemon may answer nothing; from then on silence is a hang again. */
  const whileAtWork = async (ports: number, work: (withinMs: number) => Promise<void>): Promise<void> => {
    const withinMs = CARRY_OUT_MS.base + CARRY_OUT_MS.port * ports;
    const change = { until: Date.now() + withinMs };
    atWork.add(change);
    try {
      await work(withinMs);
    } finally {
      atWork.delete(change);
    }
  };
  const readIfindexes = async (ports: readonly PortOnSwitch[]): Promise<ReadonlyMap<string, number>> => {
    const { stdout } = await run({ program: 'ip', args: ['-j', '-force', '-batch', '-'], stdin: ports.map(({ device }) => `link show dev ${device}\n`).join('') });
    return new Map(parseIpOutput(stdout).devices.map(({ name, ifindex }) => [name, ifindex]));
  };
  const connectPorts = async (ports: readonly PortOnSwitch[]): Promise<void> => {
    const rules = await session.rules(RULES_WITHIN_MS);
    await rules?.changeFlows(joinFlows(await view(), ports));
  };

  const join = async (wires: readonly SwitchedWire[]): Promise<ReadonlyMap<string, LinkPlaneError>> => {
    const errors = new Map<string, LinkPlaneError>();
    remember(wires.flatMap(({ ports }) => ports));
    try {
      const before = await view();
      const full = overfull(before, wires);
      for (const { wireId, ports } of wires) {
        const refusal = bridgeRefusal(before) ?? ports.map((port) => portRefusal(before, port)).find((one) => one !== undefined);
        const why = refusal?.detail ?? full.get(wireId);
        if (why !== undefined) errors.set(wireId, new LinkPlaneError(errorCode(refusal?.kind), `link cannot be made: ${why} (wire ${wireId})`, { wireId }));
      }
      const usable = wires.filter(({ wireId }) => !errors.has(wireId)).flatMap(({ ports }) => ports);
      if (usable.length === 0) return errors;
      await plug(usable);
      await connectPorts(usable);
    } catch (error) {
      if (!(error instanceof LinkPlaneError)) throw error;
      for (const { wireId } of wires) if (!errors.has(wireId)) errors.set(wireId, new LinkPlaneError(error.code, `link cannot be joined: ${error.message} (wire ${wireId})`, { wireId }, error));
    }
    return errors;
  };
  const part = async (marks: readonly string[]): Promise<void> => {
    const before = await view();
    const { flows, operations } = partChange(before, new Set(marks));
    if (operations.length === 0) return;
    await (await session.rules())?.changeFlows(flows);
    const database = await session.database();
    const committed = database.transact(operations);
    // Nobody waits for the daemon here; that it is at work is known all the same.
    void whileAtWork(marks.length, async (withinMs) => {
      await committed;
      await database.carryOut([], withinMs);
    }).catch(() => undefined);
    await committed;
  };
  /** Asked for each wire that is made on another plane too, so it must cost nothing where no switch is used. */
  const holdsAny = async (marks: readonly string[], wereKnown: boolean): Promise<boolean> => {
    if (!session.isConnected() && ((!wereKnown && Date.now() < restUntil) || !(await session.isInstalled()))) return false;
    const { tables } = await session.database();
    const wanted = new Set(marks);
    return ownPortsIn(bridgesOf(tables)).some(({ mark }) => wanted.has(mark));
  };
  /** What changes the switch takes turns: numbers of ports are given out by what was read. */
  const alone = <T>(work: () => Promise<T>): Promise<T> => lock.hold([bridgeName], work);

  const replay = (): Promise<void> =>
    alone(async () => {
      const database = await session.database();
      if (owed.size > 0) {
        const marks = [...owed];
        await part(marks);
        for (const mark of marks) owed.delete(mark);
      }
      const ports = [...known.values()];
      if (ports.length === 0) return;
      await whileAtWork(ports.length, (withinMs) => database.carryOut([], withinMs));
      await connectPorts(ports);
    });

  const takeOut = async (marks: readonly string[], onFailure: (error: unknown) => void): Promise<void> => {
    const ours = marks.filter((mark) => known.delete(mark));
    try {
      if (marks.length === 0 || !(await holdsAny(marks, ours.length > 0))) return;
      await alone(() => part(marks));
    } catch (error) {
      restUntil = Date.now() + REST_MS;
      onFailure(error);
    }
  };

  return {
    read: async (ports) => {
      remember(ports);
      try {
        const seen = await view();
        // Those that do not fit together are refused before any of their devices is made.
        const full = overfull(seen, [...Map.groupBy(ports, ({ wireId }) => wireId)].map(([wireId, own]) => ({ wireId, ports: own })));
        return {
          faultsOf: (port, ifindex) => {
            const why = full.get(port.wireId);
            return why === undefined ? portFaults(seen, port, ifindex) : [{ side: port.side, kind: 'plane-full', detail: why }];
          },
        };
      } catch (error) {
        return awayRead(error);
      }
    },
    join: (wires) => alone(() => join(wires)),
    part: (marks) =>
      takeOut(marks, (err) => {
        options.log.warn({ err }, 'ports could not be taken out of Open vSwitch, which is done when it answers again');
        for (const mark of marks) owed.add(mark);
      }),
    release: (marks) => takeOut(marks, (err) => options.log.debug({ err }, 'Open vSwitch could not be asked for ports of links that are on another plane')),
    readPorts: async () => {
      if (!session.isConnected() && !(await session.isInstalled())) return [];
      return ownPortsIn(bridgesOf((await session.database()).tables)).map(({ port, mark }): SwitchPortRead => ({ device: port.name, mark, wireId: port.marks.get(MARK.wire) ?? '', ...(port.tag === undefined ? {} : { vlan: port.tag }) }));
    },
    capacity: async () => {
      const seen = await view();
      const datapath = await datapathOf(seen);
      return { datapath, maxPorts: options.maxPorts ?? MAX_PORTS[datapath], usedPorts: usedPorts(seen) };
    },
    readTunnels: async () => tunnelsOf(bridgesOf((await session.database()).tables)),
    readVlans: async () => bridgesOf((await session.database()).tables).filter(({ name }) => name === bridgeName).flatMap(({ ports }) => ports.flatMap(({ tag }) => tag ?? [])),
    watch: (listeners, signal) => {
      watching.start({ listeners, signal, session, replay });
    },
    isInstalled: session.isInstalled,
    close: () => session.close(),
  };
}

function awayRead(error: unknown): SwitchRead {
  const detail = error instanceof Error ? error.message : String(error);
  return { faultsOf: ({ side }): readonly SwitchFault[] => [{ side, kind: 'switch-away', detail }] };
}

function errorCode(kind: SwitchFault['kind'] | undefined): 'bridge-missing' | 'name-taken' | 'vlan-taken' | 'plane-full' {
  if (kind === 'bridge-missing' || kind === 'vlan-taken') return kind;
  return kind === 'port-taken' ? 'name-taken' : 'plane-full';
}
