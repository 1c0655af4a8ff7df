// Engine networks and bridges that bear our mark and that the host's record does not name: left by a crash or a lost state folder.
import type Docker from 'dockerode';
import { z } from 'zod';
import { readOwnedNetworks, removeEngineNetwork } from './engine-network.ts';
import type { HostShell } from './host-shell.ts';
import type { NetworkMakers } from './make-network.ts';
import { bridgeMark, readBridge, readBridgePorts } from './mgmt-bridge.ts';
import type { MgmtState } from './mgmt-network-state.ts';

/** `network`: the management network that its mark names. */
export type OrphanNetwork =
  | { readonly kind: 'engine-network'; readonly name: string; readonly network: string; readonly engineId: string }
  | { readonly kind: 'bridge'; readonly name: string; readonly network: string };

const Devices = z.array(z.object({ ifname: z.string().optional(), ifalias: z.string().optional() }));

/** Engine networks first, each sorted by name. */
export async function readOrphanNetworks({ shell, engine, owner }: NetworkMakers, state: MgmtState, signal?: AbortSignal): Promise<readonly OrphanNetwork[]> {
  const [listed, owned] = await Promise.all([shell.try('ip', ['-j', 'link', 'show', 'type', 'bridge'], { signal }), engine ? readOwnedNetworks(engine, owner) : []]);
  const prefix = bridgeMark(owner, '');
  const bridges = Devices.parse(JSON.parse(listed.stdout || '[]')).flatMap(({ ifname, ifalias }): OrphanNetwork[] =>
    (ifname !== undefined && ifalias?.startsWith(prefix) === true && !state.networks.some((net) => net.bridge === ifname) ? [{ kind: 'bridge', name: ifname, network: ifalias.slice(prefix.length) }] : []));
  const networks = owned.flatMap(({ id, name }): OrphanNetwork[] => (state.networks.some((net) => net.engineId === id) ? [] : [{ kind: 'engine-network', name, network: name, engineId: id }]));
  return [...networks.toSorted(byName), ...bridges.toSorted(byName)];
}

/** Removes it if it still bears the mark and nobody is plugged in; resolves with the reason why not. Absent is success. */
export async function removeOrphanNetwork({ shell, engine, owner }: { shell: HostShell; engine: Docker | undefined; owner: string }, orphan: OrphanNetwork, signal?: AbortSignal): Promise<string | undefined> {
  if (orphan.kind === 'engine-network') return engine === undefined || (await removeEngineNetwork(engine, orphan.engineId)) ? undefined : 'containers use it';
  const present = await readBridge(shell, orphan.name, signal);
  if (!present) return undefined;
  if (present.mark !== bridgeMark(owner, orphan.network)) return 'it bears our mark no more';
  const ports = await readBridgePorts(shell, orphan.name, signal);
  if (ports.length > 0) return `${ports.join(', ')} ${ports.length === 1 ? 'is' : 'are'} plugged into it`;
  await shell.run('ip', ['link', 'del', 'dev', orphan.name], { signal });
  return undefined;
}

const byName = (one: OrphanNetwork, other: OrphanNetwork): number => (one.name < other.name ? -1 : 1);
