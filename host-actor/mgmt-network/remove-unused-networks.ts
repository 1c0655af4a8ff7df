// Takes away management networks that no lab uses any more, unless somebody else does.
import type Docker from 'dockerode';
import { readEngineNetwork, removeEngineNetwork } from './engine-network.ts';
import type { HostShell } from './host-shell.ts';
import { readBridgePorts, removeBridge } from './mgmt-bridge.ts';
import { isTunnelPort } from './mgmt-tunnel.ts';
import { withoutNetwork } from './mgmt-network-state.ts';
import type { MgmtNet, MgmtState } from './mgmt-network-state.ts';

export interface UnusedInputs {
  readonly shell: HostShell;
  readonly engine: Docker | undefined;
  readonly owner: string;
  readonly state: MgmtState;
  /** Ports of the lab that just went; they do not count as use. */
  readonly ownPorts: ReadonlySet<string>;
  readonly signal?: AbortSignal | undefined;
}

/** Removes each network without labs that is neither kept nor used by others. Returns the record without them, and who uses the rest. */
export async function removeUnusedNetworks(inputs: UnusedInputs): Promise<{ state: MgmtState; inUseBy: string[] }> {
  let { state } = inputs;
  const inUseBy: string[] = [];
  for (const net of inputs.state.networks) {
    if (net.keep || state.labs.some((lab) => lab.network === net.network)) continue;
    const users = await usersOf(inputs, net);
    if (users.length === 0 && await removed(inputs, net)) state = withoutNetwork(state, net.network);
    inUseBy.push(...users);
  }
  return { state, inUseBy };
}

async function usersOf({ shell, engine, ownPorts, signal }: UnusedInputs, net: MgmtNet): Promise<string[]> {
  const present = engine ? await readEngineNetwork(engine, net.network) : undefined;
  const containers = present?.id === net.engineId ? (present?.endpoints ?? []).map((endpoint) => `container ${endpoint.container}`) : [];
  if (containers.length > 0) return containers;
  // A bridge that others made stays whoever is plugged in, so its ports do not hold the network.
  if (net.bridge === '' || net.bridgeMadeBy === 'others') return [];
  const ports = await readBridgePorts(shell, net.bridge, signal);
  return ports.filter((port) => !ownPorts.has(port) && !isTunnelPort(net, port)).map((port) => `interface ${port}`);
}

async function removed({ shell, engine, owner, signal }: UnusedInputs, net: MgmtNet): Promise<boolean> {
  if (engine && net.engineId !== undefined && !(await removeEngineNetwork(engine, net.engineId))) return false;
  if (net.bridge !== '') await removeBridge(shell, net, owner, signal);
  return true;
}
