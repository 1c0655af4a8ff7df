// A whole host without engine, kernel or files: for tests and benches of thousands of nodes.
import { createHash } from 'node:crypto';
import type { HostId, LabId } from '../../../machines/vocabulary/ids.ts';
import type { FileHands, Hands, HostSight, MgmtHands } from '../../hands.ts';
import { SimulatedPlane } from './simulated-plane.ts';
import { SimulatedProvider } from './simulated-provider.ts';

export type SimulatedHands = Hands & { readonly provider: SimulatedProvider; readonly plane: SimulatedPlane; readonly labs: ReadonlySet<LabId> };

export function makeSimulatedHands(host: HostId): SimulatedHands {
  const labs = new Set<LabId>();
  return { host, provider: new SimulatedProvider(), plane: new SimulatedPlane(), network: simulatedNetwork(labs), sight: SIMULATED_SIGHT, files: SIMULATED_FILES, labs };
}

const SIMULATED_FILES: FileHands = {
  place: async (lab, sources) => new Map(sources.map(({ source }) => [source, `/simulated/${lab}${source}`])),
  give: async ({ path, mode, uid, gid, bytes }) => ({ source: path, entries: [{ is: 'file', path: '', mode, uid, gid, sha256: createHash('sha256').update(bytes).digest('hex') }] }),
  keepOnly: async () => {},
};

const SIMULATED_SIGHT: HostSight = {
  isBridge: async () => true,
  readContainer: async () => undefined,
  readLookups: async () => [],
  removeLookup: async () => {},
  runCommand: async (command) => ({ exitCode: 0, stdout: command, stderr: '', engineError: undefined, truncated: false }),
};

function simulatedNetwork(labs: Set<LabId>): MgmtHands {
  const nothing = async (): Promise<void> => {};
  return {
    ensure: async (order) => {
      labs.add(order.lab);
      return { foreign: false, network: order.mgmt.network, bridge: order.mgmt.bridge, engineId: undefined, subnets: [], taken: [], warnings: [] };
    },
    foreignAddresses: async () => [],
    readOrphans: async () => [],
    removeOrphan: async () => undefined,
    foresee: async (order) => ({ foreign: false, bridge: order.mgmt.bridge }),
    remove: async (lab) => {
      labs.delete(lab);
      return { inUseBy: [] };
    },
    paths: async () => [],
    probe: async () => ({ results: new Map(), isDrifted: false }),
    check: async () => [],
    repair: async () => [],
    watch: nothing,
    writeNodeFiles: async (lab, node) => ({ hosts: `/simulated/${lab}/${node}/hosts`, resolvConf: `/simulated/${lab}/${node}/resolv.conf` }),
    rewriteHostsFiles: nothing,
    removeNodeFiles: nothing,
    writeHostsBlock: nothing,
    removeHostsBlock: nothing,
    close: nothing,
  };
}
