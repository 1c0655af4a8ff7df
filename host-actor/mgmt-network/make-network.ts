// Makes one management network: its bridge in the kernel, and its registration with the engine.
import type Docker from 'dockerode';
import { createEngineNetwork, refuseOverlap } from './engine-network.ts';
import type { EngineNetwork } from './engine-network.ts';
import type { HostShell } from './host-shell.ts';
import { bridgeMark, ensureBridge, ensureForwarding, readBridge, removeBridge } from './mgmt-bridge.ts';
import type { MgmtNet } from './mgmt-network-state.ts';
import { ownBridgeName } from './mgmt-order.ts';

export interface NetworkMakers { readonly shell: HostShell; readonly engine: Docker | undefined; readonly owner: string; readonly onBridge?: ((bridge: string) => void) | undefined }
export interface MadeNetwork { readonly net: MgmtNet; readonly engine: EngineNetwork | undefined }

/** Decides the bridge's name and who made it, for a network that the record does not know. */
export async function nameBridge({ shell, engine, owner }: NetworkMakers, wanted: MgmtNet, present: EngineNetwork | undefined, signal?: AbortSignal): Promise<MgmtNet> {
  if (present && present.bridge === `br-${present.id.slice(0, 12)}`) return { ...wanted, bridge: present.bridge, engineId: present.id, bridgeMadeBy: 'engine' };
  const given = present?.bridge ?? wanted.bridge;
  const name = given || ownBridgeName(owner, wanted.network);
  const bridge = await readBridge(shell, name, signal);
  const others = bridge !== undefined && bridge.mark !== bridgeMark(owner, wanted.network);
  // Somebody has the name that we would have chosen: the engine finds a free one.
  if (given === '' && others && engine) return wanted;
  return { ...wanted, bridge: name, bridgeMadeBy: others ? 'others' : 'us', ...(present ? { engineId: present.id } : {}) };
}

/** Makes or completes bridge and engine network; idempotent. @throws {MgmtNetworkError} `subnet-overlaps`, `engine-refused`, `bridge-missing`. */
export async function makeNetwork({ shell, engine, owner, onBridge }: NetworkMakers, net: MgmtNet, present: EngineNetwork | undefined, signal?: AbortSignal): Promise<MadeNetwork> {
  await ensureForwarding(shell, net);
  // What the engine is known to refuse is refused before there is anything to plug into.
  if (!present && engine) await refuseOverlap(engine, net);
  let made = net;
  if (made.bridgeMadeBy === 'others' && !(await readBridge(shell, made.bridge, signal))) made = { ...made, bridgeMadeBy: 'us', addedAddresses: [] };
  let fresh = false;
  if (made.bridge !== '') {
    const lines = await ensureBridge(shell, made, owner, signal);
    const added = lines.flatMap((line) => /^addr add (\S+)/.exec(line)?.[1] ?? []);
    fresh = lines.some((line) => line.startsWith('link add'));
    if (made.bridgeMadeBy === 'others') made = { ...made, addedAddresses: [...new Set([...made.addedAddresses, ...added])] };
    onBridge?.(made.bridge);
  }
  const registered = present ?? (engine ? await createEngineNetwork(engine, made, owner).catch(async (error: unknown) => {
    // Nothing of a network that cannot be may stay behind.
    if (fresh) await removeBridge(shell, made, owner, signal);
    throw error;
  }) : undefined);
  if (!registered) return { net: made, engine: undefined };
  made = { ...made, engineId: registered.id, bridge: registered.bridge };
  // The engine has its own idea of a bridge that it is given or makes.
  if (!present) await ensureBridge(shell, made, owner, signal);
  return { net: made, engine: registered };
}
