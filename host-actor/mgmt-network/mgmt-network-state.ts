// The host's own record of its management networks and which labs use them; all rules are rendered from it.
import { mkdir, open, readFile, rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import { z } from 'zod';
import { PublishedPort } from '../../machines/vocabulary/lab-spec.ts';
import { MgmtNetworkError } from './mgmt-network-error.ts';

export const MgmtNode = z.object({
  node: z.string(),
  /** Without prefix length. */
  ipv4: z.string().optional(),
  ipv6: z.string().optional(),
  ports: z.array(PublishedPort),
  /** Name of the node's port on the management bridge, where it is known. */
  device: z.string().optional(),
});
export type MgmtNode = z.infer<typeof MgmtNode>;

export const MgmtTunnel = z.object({ vni: z.number().int(), udpPort: z.number().int(), local: z.string(), remotes: z.array(z.string()) });
export type MgmtTunnel = z.infer<typeof MgmtTunnel>;

export const MgmtLab = z.object({
  lab: z.string(),
  /** Absent when its nodes are attached by the engine to a network that is not ours. */
  network: z.string().optional(),
  externalAccess: z.boolean(),
  isolated: z.boolean(),
  nodes: z.array(MgmtNode),
  /** Of its nodes' interfaces; absent in records of older versions. */
  mtu: z.number().optional(),
  /** Set when the lab has nodes on other hosts too. */
  tunnel: MgmtTunnel.optional(),
  /** Bridges of the host that the lab's links are plugged into, and that nobody of ours made. */
  bridges: z.array(z.string()),
});
export type MgmtLab = z.infer<typeof MgmtLab>;

export const MgmtNet = z.object({
  network: z.string(),
  bridge: z.string(),
  /** Who made the bridge device: the engine with the network, we, or somebody else before us. */
  bridgeMadeBy: z.enum(['engine', 'us', 'others']),
  engineId: z.string().optional(),
  ipv4Subnet: z.string().optional(),
  ipv4Gateway: z.string().optional(),
  ipv4Range: z.string().optional(),
  ipv6Subnet: z.string().optional(),
  ipv6Gateway: z.string().optional(),
  ipv6Range: z.string().optional(),
  /** The smallest of its labs: larger packets from the host are told so, where a port of the bridge would drop them. */
  mtu: z.number(),
  driverOpts: z.record(z.string(), z.string()),
  /** Addresses (with prefix length) that we put on a bridge which others made. */
  addedAddresses: z.array(z.string()),
  /** Stays when its last lab goes, because a destroy asked for it. */
  keep: z.boolean(),
});
export type MgmtNet = z.infer<typeof MgmtNet>;

export const MgmtState = z.object({ v: z.literal(1), networks: z.array(MgmtNet), labs: z.array(MgmtLab) });
export type MgmtState = z.infer<typeof MgmtState>;

export const EMPTY_STATE: MgmtState = { v: 1, networks: [], labs: [] };

/** Reads the record; a host without one has no networks. @throws {MgmtNetworkError} `state-unreadable`. */
export async function readMgmtState(path: string): Promise<MgmtState> {
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (text === undefined) return EMPTY_STATE;
  try {
    return MgmtState.parse(JSON.parse(text));
  } catch (cause) {
    throw new MgmtNetworkError({ code: 'state-unreadable', retryable: false, cause, message: `${path} does not hold a record of management networks: ${String(cause)}; move it away and deploy again` });
  }
}

/** Writes the record so that a crash leaves either the old or the new one; synced before it returns. */
export async function writeMgmtState(path: string, state: MgmtState): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const file = await open(`${path}.new`, 'w', 0o600);
  try {
    await file.writeFile(`${JSON.stringify(state, undefined, 1)}\n`);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(`${path}.new`, path);
}

/** The record with that lab in it, in the place of what it said before; labs and networks sorted by name. */
export function withLab(state: MgmtState, lab: MgmtLab, network: MgmtNet | undefined): MgmtState {
  const labs = [...state.labs.filter((other) => other.lab !== lab.lab), lab].toSorted((a, b) => (a.lab < b.lab ? -1 : 1));
  return network ? withNetwork({ ...state, labs }, network) : { ...state, labs };
}

export function withNetwork(state: MgmtState, network: MgmtNet): MgmtState {
  const networks = [...state.networks.filter((other) => other.network !== network.network), network];
  return { ...state, networks: networks.toSorted((a, b) => (a.network < b.network ? -1 : 1)) };
}

export function withoutLab(state: MgmtState, lab: string): MgmtState {
  return { ...state, labs: state.labs.filter((other) => other.lab !== lab) };
}

export function withoutNetwork(state: MgmtState, network: string): MgmtState {
  return { ...state, networks: state.networks.filter((other) => other.network !== network) };
}
