// Marks on a container: our own (exact identity) and those that scripts written for containerlab read. Pure.
import { createHash } from 'node:crypto';
import { HostId, LabId, NodeId } from '../../../machines/vocabulary/ids.ts';
import type { NodeSpec } from '../../../machines/vocabulary/lab-spec.ts';
import type { NodeKey, NodePlacement } from '../provider.ts';

export const ownLabel = {
  lab: 'labwright.lab',
  node: 'labwright.node',
  host: 'labwright.host',
  generation: 'labwright.generation',
  spec: 'labwright.spec',
  /** On containers that only prove that an image works; value is the host. */
  probe: 'labwright.probe',
} as const;

export interface Identity {
  readonly labId: LabId;
  readonly nodeId: NodeId;
  readonly hostId: HostId;
  readonly generation: number;
  readonly specDigest: string;
}

/** Labels of a node's container. Those of the lab file never overrule ours. */
export function renderLabels(spec: NodeSpec, placement: NodePlacement): Record<string, string> {
  return {
    ...placement.labels,
    ...peerLabels(spec, placement),
    [ownLabel.lab]: placement.labId,
    [ownLabel.node]: placement.nodeId,
    [ownLabel.host]: placement.hostId,
    [ownLabel.generation]: String(placement.generation),
    [ownLabel.spec]: specDigest(spec, placement),
  };
}

/** The labels containerlab would set, the lab file's own included. Source: containerlab 0.79 labels. */
export function peerLabels(spec: NodeSpec, placement: NodePlacement): Record<string, string> {
  return {
    ...spec.labels,
    containerlab: placement.labId,
    'clab-node-name': placement.nodeId,
    'clab-node-longname': placement.containerName,
    'clab-node-kind': spec.kind,
    'clab-node-type': spec.type ?? '',
    'clab-node-group': spec.group ?? '',
    'clab-node-lab-dir': placement.nodeDir,
    'clab-topo-file': placement.topologyPath ?? '',
    'clab-owner': placement.owner ?? '',
    ...(placement.mgmt === undefined
      ? {}
      : { 'clab-mgmt-net-bridge': placement.mgmt.bridge, 'clab-mgmt-net': placement.mgmt.network }),
  };
}

/** Reads our identity from labels; undefined unless all of it is there and well formed. */
export function readIdentity(labels: Readonly<Record<string, string>> | null | undefined): Identity | undefined {
  const labId = LabId.safeParse(labels?.[ownLabel.lab]);
  const nodeId = NodeId.safeParse(labels?.[ownLabel.node]);
  const hostId = HostId.safeParse(labels?.[ownLabel.host]);
  const generation = Number(labels?.[ownLabel.generation] ?? Number.NaN);
  if (!labId.success || !nodeId.success || !hostId.success || !Number.isSafeInteger(generation)) return undefined;
  return { labId: labId.data, nodeId: nodeId.data, hostId: hostId.data, generation, specDigest: labels?.[ownLabel.spec] ?? '' };
}

/** A mark in the container's host settings. `docker commit` copies labels into the image, so a stranger's container can
 *  carry ours; this field is never copied. The engine stores it and makes no use of it. */
export function ownershipMark(key: Pick<NodeKey, 'labId' | 'nodeId' | 'hostId'>): string {
  return `labwright:${JSON.stringify([key.labId, key.nodeId, key.hostId])}`;
}

/** Digest of what a container is made from. Only what the lab file says, field by field: neither a new release of ours
 *  nor an unrelated change of the lab makes a running node look changed. */
export function specDigest(spec: NodeSpec, placement: Pick<NodePlacement, 'containerName' | 'sandbox' | 'ports'>): string {
  const sandbox = 'netnsPath' in placement.sandbox ? 'sandbox' : placement.sandbox;
  const made = [
    placement.containerName, spec.hostname, spec.kind, spec.image, spec.entrypoint, spec.cmd, spec.user, sortedEntries(spec.env),
    sortedEntries(spec.labels), spec.binds, spec.tmpfs, spec.devices, placement.ports ?? spec.ports, sortedEntries(spec.sysctls),
    spec.capAdd, spec.privileged, spec.securityOpts, spec.cpus, spec.cpuSet, spec.memoryBytes, spec.shmSizeBytes,
    spec.cgroupParent, spec.cgroupnsMode, spec.pidMode, spec.dns, spec.healthcheck, sandbox,
  ];
  return createHash('sha256').update(JSON.stringify(made)).digest('hex').slice(0, 32);
}

function sortedEntries(record: Readonly<Record<string, string>>): readonly (readonly [string, string])[] {
  return Object.entries(record).toSorted(([a], [b]) => (a < b ? -1 : 1));
}
