// Which host each node of a lab goes to: a pin is kept, what stands stays, the rest goes where its neighbours are.
import type { HostId, NodeId } from '../vocabulary/ids.ts';
import type { Rejection } from '../vocabulary/command.ts';
import type { LabSpec } from '../vocabulary/lab-spec.ts';
import type { LabState } from '../evolve/lab-state.ts';
import type { PlanHost } from './plan-lab.ts';

export type Places = { readonly ok: true; readonly hosts: ReadonlyMap<NodeId, HostId> } | { readonly ok: false; readonly rejections: Rejection[] };

/** `leave`: hosts that keep no node of the lab, whatever stands there. */
export function choosePlaces(input: { state: LabState; spec: LabSpec; hosts: readonly PlanHost[]; leave: ReadonlySet<HostId> }): Places {
  const { state, spec, leave } = input;
  const open = input.hosts.filter((host) => host.state === 'joined' && !leave.has(host.id));
  const first = open[0];
  if (!first) return { ok: false, rejections: [{ code: 'no-host', message: 'no host has joined: start one with `labwright up`', details: {} }] };
  const rejections: Rejection[] = [];
  const hosts = new Map(spec.nodes.map((node): [NodeId, HostId] => {
    const standing = state.nodes[node.id]?.next?.plan.host ?? state.nodes[node.id]?.plan.host;
    // A pin holds also while its host is away: the node waits for it there.
    if (node.pin !== undefined && node.pin === standing) return [node.id, standing];
    const pinned = node.pin === undefined ? undefined : open.find((host) => host.id === node.pin);
    if (node.pin !== undefined && !pinned) rejections.push({ code: 'no-host', message: `node ${node.id} is pinned to host ${node.pin}, which has not joined`, details: { node: node.id, host: node.pin } });
    return [node.id, pinned?.id ?? (standing !== undefined && !leave.has(standing) ? standing : first.id)];
  }));
  return rejections.length > 0 ? { ok: false, rejections } : { ok: true, hosts };
}
