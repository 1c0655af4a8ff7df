// A pending effect -> the complete order for its host, rendered from the folded state alone.
import { farAway, hostOfSide, otherSide, sideOfHost } from '../link/crossing.ts';
import type { HostId, LinkId, NodeId } from '../vocabulary/ids.ts';
import type { Attachment, HostsEntry, LabContext, LinkLeg, MgmtTunnel, Order, PendingEffect } from '../vocabulary/effect.ts';
import type { LinkEnd, NodeSpec } from '../vocabulary/lab-spec.ts';
import { fenceAfterMs, LINK_BUDGET, MGMT_WIRE_BUDGET, NODE_BUDGET, STOP_GRACE_MS } from '../policy/retry-policy.ts';
import { hostNames, interfacesIn } from '../vocabulary/node-environment.ts';
import type { LabState, LinkRecord, NodeRecord } from './lab-state.ts';
import { NO_NETWORK, overLogs, owedKeyOf } from './lab-state.ts';
import { mgmtOn, plannedHosts } from './lab-parts.ts';
import { hasSandbox, linksOf } from './waits.ts';

/** Null when the object of the effect is no more: then nobody needs the order. */
export function renderOrder(state: LabState, effect: PendingEffect): Order | null {
  if (effect.type === 'network.ensure' || effect.type === 'network.remove') return renderNetwork(state, { ...effect, type: effect.type });
  if (effect.owed) return renderOwed(state, effect);
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
  const { mgmt } = state.networks[effect.host] ?? NO_NETWORK;
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
    ...tunnelOf(state, effect.host),
    ...(spec.repairs === undefined ? {} : { repairs: spec.repairs }),
    nodes: records.filter((record) => record.spec.runtime === 'container' && standing(record).plan.host === effect.host).map((record) => {
      const { spec: node, plan } = standing(record);
      return { node: node.id, containerName: node.containerName, ports: plan.ports, ...addresses(plan.mgmt) };
    }),
    bridges: records.filter((record) => standing(record).plan.host === effect.host && record.spec.runtime === 'bridge' && !record.spec.id.includes('|')).map((record) => record.spec.containerName),
  };
}

/** The way to the other hosts of the network; none where the lab lives on one host. */
function tunnelOf(state: LabState, host: HostId): { tunnel?: MgmtTunnel } {
  const span = state.plan?.span;
  const own = span?.hosts[host];
  if (!span || !own || !state.plan) return {};
  const remotes = plannedHosts(state.plan).filter((other) => other !== host).flatMap((other) => span.hosts[other]?.vtep ?? []);
  return remotes.length === 0 ? {} : { tunnel: { vni: span.vni, udpPort: span.udpPort, local: own.vtep, remotes } };
}

/** The removal of what a host kept of an object that lives elsewhere now. */
function renderOwed(state: LabState, effect: PendingEffect): Order | null {
  const owed = state.owed[owedKeyOf(effect)];
  if (!owed) return null;
  switch (owed.kind) {
    case 'node':
      return renderNode(state, { ...effect, type: 'node.remove' }, owed);
    case 'link':
      return renderLink(state, { ...effect, type: 'link.remove' }, owed);
  }
}

const byId = (a: NodeRecord, b: NodeRecord): number => (a.spec.id < b.spec.id ? -1 : Number(a.spec.id > b.spec.id));
const standing = (record: NodeRecord) => record.next ?? record;
const bare = (address: string): string => address.slice(0, address.indexOf('/') < 0 ? undefined : address.indexOf('/'));

function addresses(mgmt: NodeRecord['plan']['mgmt']): { ipv4?: string; ipv6?: string } {
  return { ...(mgmt?.ipv4 ? { ipv4: bare(mgmt.ipv4) } : {}), ...(mgmt?.ipv6 ? { ipv6: bare(mgmt.ipv6) } : {}) };
}

function hostsEntry(record: NodeRecord): HostsEntry {
  const { spec, plan } = standing(record);
  return { names: hostNames(spec), addresses: Object.values(addresses(plan.mgmt)) };
}

function renderNode(state: LabState, effect: EffectOf<'node.prepare' | 'node.start' | 'node.stop' | 'node.remove' | 'node.exec' | 'node.save'>, record: Pick<NodeRecord, 'spec' | 'plan'>): Order | null {
  const context = labContext(state, effect.host);
  if (!context) return null;
  const netns = netnsOf(state, record.spec);
  const order = { ...head(state, effect), node: record.spec, plan: record.plan, context, interfaces: interfacesOf(state, record.spec.id), budget: NODE_BUDGET, ...fenceOf(state), mgmtBudget: MGMT_WIRE_BUDGET, ...(netns === undefined ? {} : { netns }) };
  switch (effect.type) {
    case 'node.stop':
      return { type: effect.type, ...order, graceMs: STOP_GRACE_MS };
    case 'node.exec':
      return { type: effect.type, ...order, commands: effect.commands ?? [] };
    case 'node.prepare':
    case 'node.start':
    case 'node.remove':
    case 'node.save':
      return { type: effect.type, ...order };
  }
}

function fenceOf({ spec }: LabState): { fenceAfterMs?: number } {
  const ms = fenceAfterMs(spec?.placement);
  return ms === undefined ? {} : { fenceAfterMs: ms };
}

function labContext(state: LabState, host: HostId): LabContext | null {
  const mgmt = state.networks[host]?.mgmt ?? (state.plan && mgmtOn(state.plan, host));
  if (!mgmt || !state.spec) return null;
  const { labDir, topologyPath, owner, filesHost } = state.spec;
  return { labDir, mgmt, ...(topologyPath === undefined ? {} : { topologyPath }), ...(owner === undefined ? {} : { owner }), ...(filesHost === undefined ? {} : { filesHost }) };
}

/** Counted from the wish: the node is made before its links are. */
function interfacesOf(state: LabState, node: NodeId): number {
  return interfacesIn(linksOf(state, node).filter(({ machine }) => machine.context.desired === 'present').map(({ spec }) => spec), node);
}

/** Namespaces bear the container's name, as people's scripts expect of `ip netns exec`. */
function netnsOf(state: LabState, node: NodeSpec): string | undefined {
  if (!hasSandbox(state, node.id)) return undefined;
  if (node.network.mode !== 'node') return node.containerName;
  const owner = state.nodes[node.network.node];
  return owner ? netnsOf(state, owner.spec) : undefined;
}

function renderLink(state: LabState, effect: EffectOf<'link.ensure' | 'link.remove'>, record: Pick<LinkRecord, 'spec' | 'plan' | 'crossing'>): Order {
  const order = {
    ...head(state, effect), link: record.spec.id, plan: record.plan,
    a: attachment(state, record.spec.a), b: attachment(state, record.spec.b), ...legOf(state, effect, record),
  };
  if (effect.type === 'link.remove') return { type: effect.type, ...order };
  const { admin, impairment } = state.links[record.spec.id]?.machine.context ?? { admin: 'up' as const, impairment: {} };
  return { type: effect.type, ...order, admin, impairment, mgmtBridge: state.networks[effect.host]?.mgmt?.bridge ?? '', budget: LINK_BUDGET };
}

function legOf(state: LabState, effect: PendingEffect, record: Pick<LinkRecord, 'spec' | 'plan' | 'crossing'>): { leg?: LinkLeg } {
  const { plan } = record;
  if (!plan.far) return {};
  const side = sideOfHost(plan, effect.host);
  return { leg: { side, farHost: hostOfSide(plan, otherSide(side)), farAway: farAway(record, side, state.lost), ...(effect.type === 'link.ensure' && record.crossing?.undone === side ? { undone: true as const } : {}) } };
}

function attachment(state: LabState, end: LinkEnd): Attachment {
  const inside = end.at === 'node' ? end.node : end.at === 'node-bridge' ? end.inside : undefined;
  const node = inside === undefined ? undefined : state.nodes[inside];
  if (!node || inside === undefined) return { end };
  const netns = netnsOf(state, node.spec);
  if (netns !== undefined) return { end, netns, node: inside };
  return node.spec.runtime === 'host' ? { end } : { end, container: node.spec.containerName, node: inside };
}
