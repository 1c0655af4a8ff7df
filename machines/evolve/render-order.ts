// A pending effect -> the complete order for its host, rendered from the folded state alone.
import type { LinkId, NodeId } from '../vocabulary/ids.ts';
import type { Attachment, HostsEntry, LabContext, Order, PendingEffect } from '../vocabulary/effect.ts';
import type { LinkEnd, NodeSpec } from '../vocabulary/lab-spec.ts';
import { LINK_BUDGET, MGMT_WIRE_BUDGET, NODE_BUDGET, STOP_GRACE_MS } from '../policy/retry-policy.ts';
import type { LabState, LinkRecord, NodeRecord } from './lab-state.ts';
import { overLogs } from './lab-state.ts';
import { hasSandbox } from './waits.ts';

/** Null when the object of the effect is no more: then nobody needs the order. */
export function renderOrder(state: LabState, effect: PendingEffect): Order | null {
  if (effect.type === 'network.ensure' || effect.type === 'network.remove') return renderNetwork(state, { ...effect, type: effect.type });
  if (effect.type === 'link.ensure' || effect.type === 'link.remove') {
    const link = state.links[effect.target as LinkId];
    return link ? renderLink(state, { ...effect, type: effect.type }, link) : null;
  }
  const node = state.nodes[effect.target as NodeId];
  return node ? renderNode(state, { ...effect, type: effect.type }, node) : null;
}

type EffectOf<T extends PendingEffect['type']> = PendingEffect & { type: T };
const head = (state: LabState, effect: PendingEffect) => ({ id: effect.id, lab: state.id, host: effect.host, term: overLogs(state.born, state.term) });

function renderNetwork(state: LabState, effect: EffectOf<'network.ensure' | 'network.remove'>): Order | null {
  const { mgmt } = state.network;
  const { spec } = state;
  if (!mgmt || !spec) return null;
  if (effect.type === 'network.remove') {
    const { cleanup, keepMgmtNet } = state.lab.context;
    return { type: effect.type, ...head(state, effect), mgmt, keep: keepMgmtNet, cleanup, labDir: spec.labDir };
  }
  const records = Object.values(state.nodes).filter((record) => record.machine.context.desired !== 'absent').toSorted(byId);
  return {
    type: effect.type, ...head(state, effect), mgmt, labDir: spec.labDir,
    hosts: records.filter((record) => standing(record).plan.mgmt).map(hostsEntry),
    nodes: records.filter((record) => record.spec.runtime === 'container').map((record) => {
      const { spec: node, plan } = standing(record);
      return { node: node.id, containerName: node.containerName, ports: plan.ports, ...addresses(plan.mgmt) };
    }),
    bridges: records.filter((record) => record.spec.runtime === 'bridge' && !record.spec.id.includes('|')).map((record) => record.spec.containerName),
  };
}

const byId = (a: NodeRecord, b: NodeRecord): number => (a.spec.id < b.spec.id ? -1 : Number(a.spec.id > b.spec.id));
const standing = (record: NodeRecord) => record.next ?? record;
const bare = (address: string): string => address.slice(0, address.indexOf('/') < 0 ? undefined : address.indexOf('/'));

function addresses(mgmt: NodeRecord['plan']['mgmt']): { ipv4?: string; ipv6?: string } {
  return { ...(mgmt?.ipv4 ? { ipv4: bare(mgmt.ipv4) } : {}), ...(mgmt?.ipv6 ? { ipv6: bare(mgmt.ipv6) } : {}) };
}

function hostsEntry(record: NodeRecord): HostsEntry {
  const { spec, plan } = standing(record);
  return { names: [...new Set([spec.containerName, spec.id, ...spec.aliases])], addresses: Object.values(addresses(plan.mgmt)) };
}

function renderNode(state: LabState, effect: EffectOf<'node.prepare' | 'node.start' | 'node.stop' | 'node.remove' | 'node.exec'>, record: NodeRecord): Order | null {
  const context = labContext(state);
  if (!context) return null;
  const netns = netnsOf(state, record.spec);
  const order = { ...head(state, effect), node: record.spec, plan: record.plan, context, interfaces: interfacesOf(state, record.spec.id), budget: NODE_BUDGET, mgmtBudget: MGMT_WIRE_BUDGET, ...(netns === undefined ? {} : { netns }) };
  switch (effect.type) {
    case 'node.stop':
      return { type: effect.type, ...order, graceMs: STOP_GRACE_MS };
    case 'node.exec':
      return { type: effect.type, ...order, commands: effect.commands ?? [] };
    case 'node.prepare':
    case 'node.start':
    case 'node.remove':
      return { type: effect.type, ...order };
  }
}

function labContext(state: LabState): LabContext | null {
  const { mgmt } = state.network;
  if (!mgmt || !state.spec) return null;
  const { labDir, topologyPath, owner } = state.spec;
  return { labDir, mgmt, ...(topologyPath === undefined ? {} : { topologyPath }), ...(owner === undefined ? {} : { owner }) };
}

/** Counted from the wish: the node is made before its links are. */
function interfacesOf(state: LabState, node: NodeId): number {
  const links = Object.values(state.links).filter(({ machine }) => machine.context.desired === 'present');
  return links.flatMap(({ spec }) => [spec.a, spec.b]).filter((end) => (end.at === 'node' && end.node === node) || (end.at === 'node-bridge' && end.inside === node)).length;
}

/** Namespaces bear the container's name, as people's scripts expect of `ip netns exec`. */
function netnsOf(state: LabState, node: NodeSpec): string | undefined {
  if (!hasSandbox(state, node.id)) return undefined;
  if (node.network.mode !== 'node') return node.containerName;
  const owner = state.nodes[node.network.node];
  return owner ? netnsOf(state, owner.spec) : undefined;
}

function renderLink(state: LabState, effect: EffectOf<'link.ensure' | 'link.remove'>, record: LinkRecord): Order {
  const order = {
    ...head(state, effect), link: record.spec.id, plan: record.plan,
    a: attachment(state, record.spec.a), b: attachment(state, record.spec.b),
  };
  if (effect.type === 'link.remove') return { type: effect.type, ...order };
  const { admin, impairment } = record.machine.context;
  return { type: effect.type, ...order, admin, impairment, mgmtBridge: state.network.mgmt?.bridge ?? '', budget: LINK_BUDGET };
}

function attachment(state: LabState, end: LinkEnd): Attachment {
  const inside = end.at === 'node' ? end.node : end.at === 'node-bridge' ? end.inside : undefined;
  const node = inside === undefined ? undefined : state.nodes[inside];
  if (!node || inside === undefined) return { end };
  const netns = netnsOf(state, node.spec);
  if (netns !== undefined) return { end, netns, node: inside };
  return node.spec.runtime === 'host' ? { end } : { end, container: node.spec.containerName, node: inside };
}
