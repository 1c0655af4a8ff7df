// The management side of a real host: networks in the kernel and the engine, node files in the state folder, the host's hosts file.
import { join } from 'node:path';
import Docker from 'dockerode';
import type { HostId } from '../machines/vocabulary/ids.ts';
import type { MgmtHands } from './hands.ts';
import { removeHostHostsBlock, writeHostHostsBlock } from './mgmt-network/host-hosts-block.ts';
import { MgmtNetworks } from './mgmt-network/mgmt-networks.ts';
import { removeNodeFiles, rewriteHostsFiles, writeHostsFile, writeResolvConf } from './mgmt-network/node-files.ts';
import { watchMgmtNetworks } from './mgmt-network/watch-mgmt-networks.ts';

export type MgmtHandsOptions = {
  readonly host: HostId;
  readonly stateDir: string;
  /** The host's own hosts file. */
  readonly hostsFile: string;
  /** Undefined = no engine: networks are bridges only. */
  readonly engineSocket: string | undefined;
  /** Network namespace that plays the host. */
  readonly netns?: string;
  /** Whether the engine lets containers join namespaces of ours. */
  readonly joinsNamespaces: () => Promise<boolean>;
};

/** Nothing is touched before the first call. */
export function makeMgmtHands(options: MgmtHandsOptions): MgmtHands {
  const { stateDir, hostsFile } = options;
  const engine = options.engineSocket === undefined ? undefined : new Docker({ socketPath: options.engineSocket, host: undefined });
  const networks = new MgmtNetworks({ statePath: join(stateDir, 'mgmt-networks.json'), owner: options.host, engine, netns: options.netns });
  return {
    foresee: async (order) => {
      const [{ foreign, bridge }, joins] = await Promise.all([networks.foresee(order.mgmt), options.joinsNamespaces()]);
      return { foreign: foreign || !joins, bridge };
    },
    ensure: async (order, { devices, onBridge }) => await networks.ensure({ ...order, nodes: order.nodes.map((node) => ({ ...node, device: devices.get(node.node) })) }, { onBridge, attachedByEngine: !(await options.joinsNamespaces()) }),
    foreignAddresses: (network) => networks.foreignAddresses(network),
    readOrphans: () => networks.readOrphans(),
    removeOrphan: (orphan) => networks.removeOrphan(orphan),
    remove: (lab, how) => networks.remove(lab, how),
    paths: () => networks.paths(),
    probe: (paths) => networks.probe(paths),
    check: () => networks.check(),
    repair: () => networks.repair(),
    watch: ({ signal, rounds, whenCalm, onDrift, onError }) => {
      const check = async (at: AbortSignal) => {
        await whenCalm();
        return await networks.check(at);
      };
      return watchMgmtNetworks({ shell: networks.shell, check, rounds, onDrift, onError, signal });
    },
    writeNodeFiles: async (lab, node, entries, dns) => {
      const [hosts, resolvConf] = await Promise.all([writeHostsFile(stateDir, lab, node, entries), writeResolvConf(stateDir, lab, node, dns)]);
      return { hosts, resolvConf };
    },
    rewriteHostsFiles: (lab, nodes, entries) => rewriteHostsFiles(stateDir, lab, nodes, entries),
    removeNodeFiles: (lab, node) => removeNodeFiles(stateDir, lab, node),
    writeHostsBlock: (lab, entries) => writeHostHostsBlock(lab, entries, hostsFile),
    removeHostsBlock: (lab) => removeHostHostsBlock(lab, hostsFile),
    close: () => networks.close(),
  };
}
