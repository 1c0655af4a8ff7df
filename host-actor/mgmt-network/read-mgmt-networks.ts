// Reads back what a host has of management networks: those of the record, and what bears our mark without being in it.
import { readEngineNetwork } from './engine-network.ts';
import type { EngineNetwork } from './engine-network.ts';
import type { NetworkMakers } from './make-network.ts';
import { readBridge, readBridgePorts } from './mgmt-bridge.ts';
import type { BridgeReading } from './mgmt-bridge.ts';
import type { MgmtNet, MgmtState } from './mgmt-network-state.ts';
import { readOrphanNetworks } from './orphan-networks.ts';

export interface NetworkReading {
  readonly net: MgmtNet;
  readonly labs: readonly string[];
  readonly bridge: BridgeReading | undefined;
  readonly ports: readonly string[];
  readonly engine: EngineNetwork | undefined;
}

/** `orphans` = engine networks and bridges with our mark that no record names: left by a crash or a lost state folder. */
export interface MgmtReading {
  readonly networks: readonly NetworkReading[];
  readonly orphans: { readonly engineNetworks: readonly string[]; readonly bridges: readonly string[] };
}

export async function readMgmtNetworks(makers: NetworkMakers, state: MgmtState, signal?: AbortSignal): Promise<MgmtReading> {
  const { shell, engine } = makers;
  const [orphans, networks] = await Promise.all([
    readOrphanNetworks(makers, state, signal),
    Promise.all(state.networks.map(async (net) => ({
      net,
      labs: state.labs.filter((lab) => lab.network === net.network).map((lab) => lab.lab),
      bridge: await readBridge(shell, net.bridge, signal),
      ports: await readBridgePorts(shell, net.bridge, signal),
      engine: engine ? await readEngineNetwork(engine, net.network) : undefined,
    }))),
  ]);
  const named = (kind: (typeof orphans)[number]['kind']): string[] => orphans.flatMap((one) => (one.kind === kind ? [one.name] : []));
  return { networks, orphans: { engineNetworks: named('engine-network'), bridges: named('bridge') } };
}
