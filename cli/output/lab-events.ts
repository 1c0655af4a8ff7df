// Changes of a lab as the events that the field's tools stream: containers and interfaces coming, changing and going.
import type { EndView, LabView, LinkView, NodeView } from '../../machines/vocabulary/lab-view.ts';

export type LabEvent = {
  readonly timestamp: string;
  readonly type: 'container' | 'interface';
  readonly action: string;
  readonly origin: 'engine' | 'netlink' | 'snapshot';
  readonly actor_id: string;
  readonly actor_name: string;
  readonly actor_full_id: string;
  readonly attributes: Readonly<Record<string, string>>;
};

type Stamp = { readonly lab: LabView; readonly at: number; readonly origin: LabEvent['origin'] };

/** What happened between two views of a lab, nodes before links; `before` undefined = there was no lab. */
export function eventsBetween(before: LabView | undefined, after: LabView, at: number): LabEvent[] {
  const oldNodes = new Map((before?.nodes ?? []).map((node) => [node.node, node]));
  const oldLinks = new Map((before?.links ?? []).map((link) => [link.link, link]));
  const engine: Stamp = { lab: after, at, origin: 'engine' };
  const kernel: Stamp = { lab: before === undefined ? after : { ...after, nodes: [...after.nodes, ...before.nodes] }, at, origin: 'netlink' };
  const nodes = new Set(after.nodes.map((node) => node.node));
  const links = new Set(after.links.map((link) => link.link));
  return [
    ...after.nodes.flatMap((node) => nodeActions(oldNodes.get(node.node), node).map((action) => containerEvent(action, node, engine))),
    ...[...oldNodes.values()].filter((node) => !nodes.has(node.node) && node.runtimeId !== undefined).flatMap((node) => goneActions(node).map((action) => containerEvent(action, node, engine))),
    ...after.links.flatMap((link) => linkAction(oldLinks.get(link.link), link).flatMap((action) => interfaceEvents(action, link, kernel))),
    ...[...oldLinks.values()].filter((link) => !links.has(link.link) && isMade(link)).flatMap((link) => interfaceEvents('delete', link, kernel)),
  ];
}

/** The lab as it is, for a stream that starts with the present state. */
export function snapshotEvents(view: LabView, at: number): LabEvent[] {
  const stamp: Stamp = { lab: view, at, origin: 'snapshot' };
  return [
    ...view.nodes.filter((node) => node.pid !== undefined).map((node) => containerEvent('running', node, stamp)),
    ...view.links.filter(isMade).flatMap((link) => interfaceEvents('snapshot', link, stamp)),
  ];
}

function nodeActions(old: NodeView | undefined, node: NodeView): string[] {
  const replaced = old?.runtimeId !== undefined && old.runtimeId !== node.runtimeId;
  const actions = replaced ? goneActions(old) : [];
  const known = replaced ? undefined : old;
  if (known?.runtimeId === undefined && node.runtimeId !== undefined) actions.push('create');
  if (known?.pid !== undefined && known.pid !== node.pid) actions.push('die');
  if (node.pid !== undefined && known?.pid !== node.pid) actions.push('start');
  if (node.health !== 'none' && node.health !== known?.health) actions.push(`health_status: ${node.health}`);
  return actions;
}

const goneActions = (node: NodeView): string[] => [...(node.pid === undefined ? [] : ['die']), 'destroy'];

const isMade = (link: LinkView): boolean => link.oper === 'up' || link.state === 'down' || link.state === 'repairing';

function linkAction(old: LinkView | undefined, link: LinkView): ('create' | 'update' | 'delete')[] {
  const before = old !== undefined && isMade(old);
  const now = isMade(link);
  if (!before) return now ? ['create'] : [];
  if (!now) return link.state === 'joining' ? [] : ['delete'];
  const same = old.a.carrier === link.a.carrier && old.b.carrier === link.b.carrier && old.mtu === link.mtu && old.admin === link.admin;
  return same ? [] : ['update'];
}

function containerEvent(action: string, node: NodeView, { lab, at, origin }: Stamp): LabEvent {
  return event({ type: 'container', action, origin, at }, node, {
    ...node.labels, image: node.image ?? '', containerlab: lab.lab, lab: lab.lab, 'clab-node-name': node.node, 'clab-node-kind': node.kind,
    ...(node.ipv4 === undefined ? {} : { mgmt_ipv4: node.ipv4 }), ...(node.ipv6 === undefined ? {} : { mgmt_ipv6: node.ipv6 }),
    ...(node.failure === undefined ? {} : { reason: node.failure.message }),
  });
}

function interfaceEvents(action: string, link: LinkView, stamp: Stamp): LabEvent[] {
  return [link.a, link.b].flatMap((end) => {
    const node = stamp.lab.nodes.find((one) => one.node === end.node);
    return node === undefined ? [] : [event({ type: 'interface', action, origin: stamp.origin, at: stamp.at }, node, interfaceAttributes(link, end, stamp.lab))];
  });
}

function interfaceAttributes(link: LinkView, end: EndView, lab: LabView): Record<string, string> {
  return {
    ifname: end.interface, mtu: String(link.mtu), state: end.carrier && link.admin === 'up' ? 'up' : 'down', type: link.type === 'macvlan' || link.type === 'dummy' ? link.type : 'veth',
    lab: lab.lab, link: link.link, ...(end.mac === undefined ? {} : { mac: end.mac }),
  };
}

/** One event about a node; empty attributes are left out. */
export function event(what: { type: LabEvent['type']; action: string; origin: LabEvent['origin']; at: number }, node: NodeView, attributes: Record<string, string>): LabEvent {
  const id = node.runtimeId ?? '';
  return {
    timestamp: new Date(what.at).toISOString(), type: what.type, action: what.action, origin: what.origin,
    actor_id: id.slice(0, 12), actor_name: node.containerName, actor_full_id: id,
    attributes: Object.fromEntries(Object.entries({ ...attributes, origin: what.origin, name: node.containerName, id }).filter(([, value]) => value !== '')),
  };
}

/** `TIME TYPE ACTION ACTOR (key=value, ...)`, keys sorted. */
export function renderEvent(one: LabEvent): string {
  const attributes = Object.entries(one.attributes).toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([key, value]) => `${key}=${value}`);
  const actor = one.actor_id || one.actor_name || '-';
  return `${one.timestamp} ${one.type} ${one.action} ${actor}${attributes.length > 0 ? ` (${attributes.join(', ')})` : ''}`;
}
