// Reads back what a host has of management networks: those of the record, and what bears our mark without being in it.
import { z } from 'zod';
import { readEngineNetwork, readOwnedNetworks } from './engine-network.ts';
import type { EngineNetwork } from './engine-network.ts';
import type { NetworkMakers } from './make-network.ts';
import { bridgeMark, readBridge, readBridgePorts } from './mgmt-bridge.ts';
import type { BridgeReading } from './mgmt-bridge.ts';
import type { MgmtNet, MgmtState } from './mgmt-network-state.ts';

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

const Devices = z.array(z.object({ ifname: z.string().optional(), ifalias: z.string().optional() }));

export async function readMgmtNetworks({ shell, engine, owner }: NetworkMakers, state: MgmtState, signal?: AbortSignal): Promise<MgmtReading> {
  const [listed, owned, networks] = await Promise.all([
    shell.try('ip', ['-j', 'link', 'show', 'type', 'bridge'], { signal }),
    engine ? readOwnedNetworks(engine, owner) : [],
    Promise.all(state.networks.map(async (net) => ({
      net,
      labs: state.labs.filter((lab) => lab.network === net.network).map((lab) => lab.lab),
      bridge: await readBridge(shell, net.bridge, signal),
      ports: await readBridgePorts(shell, net.bridge, signal),
      engine: engine ? await readEngineNetwork(engine, net.network) : undefined,
    }))),
  ]);
  const bridges = Devices.parse(JSON.parse(listed.stdout || '[]')).filter((device) => device.ifalias?.startsWith(bridgeMark(owner, '')));
  return {
    networks,
    orphans: {
      engineNetworks: owned.filter((network) => !state.networks.some((net) => net.engineId === network.id)).map((network) => network.name).toSorted(),
      bridges: bridges.flatMap((device) => device.ifname ?? []).filter((name) => !state.networks.some((net) => net.bridge === name)).toSorted(),
    },
  };
}
