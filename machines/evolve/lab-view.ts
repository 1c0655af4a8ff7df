// The one projection that feeds every list, inspect, notice and dashboard.
import { crossingFault, linkHosts } from '../link/crossing.ts';
import type { HostId, LinkId, NodeId } from '../vocabulary/ids.ts';
import type { LinkEnd } from '../vocabulary/lab-spec.ts';
import type { EndView, LabView, LinkView, NodeView } from '../vocabulary/lab-view.ts';
import type { PortLease } from '../vocabulary/lab-plan.ts';
import { heldUpWords } from '../vocabulary/placement.ts';
import { savingOf } from './apply-save.ts';
import { mgmtMisfit } from './apply-underlay.ts';
import { isOverdue, overdueWait, silences } from './answers.ts';
import type { PendingEffect } from '../vocabulary/effect.ts';
import type { LabState, LinkRecord } from './lab-state.ts';
import { reachProblems } from './mgmt-reach.ts';
import { stuckOn } from './stuck-nodes.ts';
import { boundTo } from './untold.ts';
import { hasSandbox, linkWait, nodeWait } from './waits.ts';

export function labView(state: LabState): LabView {
  const nodes = sortedKeys(state.nodes).flatMap((id) => nodeView(state, id) ?? []);
  const links = sortedKeys(state.links).flatMap((id) => linkView(state, id) ?? []);
  return {
    lab: state.id,
    n: state.n,
    state: labStateOf(state),
    ...(state.spec?.topologyPath === undefined ? {} : { topologyPath: state.spec.topologyPath }),
    labDir: state.spec?.labDir ?? '',
    ...(state.spec?.owner === undefined ? {} : { owner: state.spec.owner }),
    mgmtNetwork: state.spec?.mgmt.network ?? '',
    ...(state.spec?.repairs === undefined ? {} : { repairs: state.spec.repairs }),
    ...(state.lab.context.deployedAt === null ? {} : { deployedAt: state.lab.context.deployedAt }),
    nodes, links,
    problems: problemsOf(state),
    deadlines: deadlinesOf(state),
  };
}

export function nodeView(state: LabState, id: NodeId): NodeView | null {
  const record = state.nodes[id];
  if (!record) return null;
  const { spec, plan, machine } = record;
  const { context } = machine;
  return {
    node: id, kind: spec.kind,
    ...optional({ type: spec.type, group: spec.group, image: spec.image }),
    containerName: spec.containerName,
    ...optional({ runtimeId: context.runtimeId ?? undefined, pid: context.pid ?? undefined, startedAt: context.startedAt ?? undefined }),
    host: plan.host,
    desired: context.desired,
    state: machine.value,
    health: context.health,
    waitingFor: nodeWait(state, record).wait || saveWait(state, id) || overdueWait(toldOrders(state), id, 'node'),
    ...optional({ ipv4: plan.mgmt?.ipv4, ipv6: plan.mgmt?.ipv6 }),
    ports: plan.ports,
    labels: spec.labels,
    repairs: context.repairs,
    restartPolicy: spec.restartPolicy,
    keepsLinks: hasSandbox(state, id) || spec.runtime !== 'container',
    execFailures: context.execFailures,
    ...optional({ failure: context.failure ?? undefined }),
  };
}

/** By the orders under way of a state, which is not changed any more. */
const told = new WeakMap<LabState['pending'], readonly PendingEffect[]>();

/** Those of the orders under way that a view speaks of: few of many, and each node and link asks. */
function toldOrders({ pending }: LabState): readonly PendingEffect[] {
  const known = told.get(pending) ?? Object.values(pending).filter((effect) => effect.type === 'node.save' || isOverdue(effect));
  told.set(pending, known);
  return known;
}

function saveWait(state: LabState, id: NodeId): string {
  const effect = savingOf(toldOrders(state), id);
  return effect ? `host ${effect.host} to save its configuration, before it is made anew` : '';
}

export function linkView(state: LabState, id: LinkId): LinkView | null {
  const record = state.links[id];
  if (!record) return null;
  const { spec, plan, machine } = record;
  const { context } = machine;
  return {
    link: id,
    type: linkType(record),
    a: endView(spec.a, plan.a, context.carrierA),
    b: endView(spec.b, plan.b, context.carrierB),
    mtu: plan.mtu,
    ...(plan.far ? { tunnel: tunnelView(plan.host, plan.far) } : {}),
    ...planesView(plan),
    admin: context.admin,
    oper: operOf(state, record),
    state: machine.value,
    desired: context.desired,
    impairment: context.impairment,
    repairs: context.repairs,
    ...optional({ failure: context.failure ?? undefined }),
    reason: linkReason(state, record),
  };
}

/** A link that lies whole on a lost host does who knows what; one that leads there carries nothing. */
function operOf(state: LabState, { machine, plan }: LinkRecord): LinkView['oper'] {
  if (machine.value === 'up') return 'up';
  if (machine.value === 'joining' || machine.value === 'repairing') return 'unknown';
  return !plan.far && linkHosts(plan).some((host) => state.lost[host] !== undefined) ? 'unknown' : 'down';
}

function planesView({ plane, far }: LinkRecord['plan']): Pick<LinkView, 'planes'> {
  const [a, b] = [plane?.kind, (far ? far.plane : plane)?.kind];
  return a === undefined && b === undefined ? {} : { planes: { ...(a === undefined ? {} : { a }), ...(b === undefined ? {} : { b }) } };
}

function tunnelView(host: HostId, { host: farHost, tunnel }: NonNullable<LinkRecord['plan']['far']>): NonNullable<LinkView['tunnel']> {
  return { vni: tunnel.vni, udpPort: tunnel.udpPort, a: { host, vtep: tunnel.a.vtep }, b: { host: farHost, vtep: tunnel.b.vtep }, fragmented: tunnel.fragmented, ...optional({ whole: tunnel.whole }) };
}

/** The node's name and interface, or what stands at a special end: `host:eth5`, `mgmt-net:x`. */
export function endLabel(end: LinkEnd): string {
  switch (end.at) {
    case 'node':
    case 'bridge':
    case 'node-bridge':
      return `${end.node}:${end.interface}`;
    case 'host':
    case 'mgmt-net':
      return `${end.at}:${end.interface}`;
    case 'macvlan':
      return `macvlan:${end.parent}`;
    case 'dummy':
      return 'dummy';
    case 'vxlan':
      return `vxlan:${end.remote}/${end.vni}`;
  }
}

function endView(end: LinkEnd, lease: PortLease, carrier: boolean): EndView {
  const iface = 'interface' in end ? end.interface : end.at === 'macvlan' ? end.parent : '';
  return { label: endLabel(end), ...('node' in end ? { node: end.node } : {}), interface: iface, device: lease.device, mac: lease.mac, carrier };
}

function linkType(record: LinkRecord): string {
  const special = [record.spec.a, record.spec.b].find((end) => end.at !== 'node');
  if (!special) return 'veth';
  if (special.at === 'vxlan') return special.stitch ? 'vxlan-stitch' : 'vxlan';
  return special.at === 'bridge' || special.at === 'node-bridge' ? 'veth' : special.at;
}

function linkReason(state: LabState, record: LinkRecord): string {
  const { machine, spec } = record;
  if (machine.value === 'up') return '';
  if (machine.context.failure) return machine.context.failure.message;
  if (machine.value === 'waiting') return `waits for ${linkWait(state, spec.id).wait || 'its turn'}`;
  const fault = crossingFault(record, state.lost);
  if (fault !== '') return fault;
  if (machine.value !== 'down') return joinWait(state, record);
  if (machine.context.admin === 'down') return 'set down';
  if (machine.context.held.length > 0) return `node ${machine.context.held.join(' and ')} does not run`;
  const without = [machine.context.carrierA ? '' : endLabel(spec.a), machine.context.carrierB ? '' : endLabel(spec.b)].filter(Boolean);
  return `no carrier at ${without.join(' and ')}`;
}

function joinWait(state: LabState, { spec, machine }: LinkRecord): string {
  const wait = overdueWait(toldOrders(state), spec.id, 'link');
  return wait ? `${machine.value}: waits for ${wait}` : machine.value;
}

/** Every problem there is, in words; derived from all fields, the same in every view. */
export function problemsOf(state: LabState): string[] {
  return [
    ...silences(state),
    ...sortedKeys(state.lost).map((host) => lostProblem(state, host)),
    ...sortedKeys(state.stuck ?? {}).flatMap((host) => heldUpWords(host, stuckOn(state, host))),
    ...sortedKeys(state.givenUp).map((host) => `host ${host} was removed by hand: what it held is given up, and removed only if it comes back: ${Object.values(state.givenUp[host] ?? {}).map(({ spec }) => spec.id).toSorted().join(', ')}`),
    ...owingHosts(state).map((host) => `host ${host} has still to remove what left it: ${owedTo(state, host).join(', ')}`),
    ...sortedKeys(state.networks).flatMap((host) => networkProblem(state, host)),
    ...[mgmtMisfit(state)].filter(Boolean).map((problem) => `management network: ${problem}`),
    ...reachProblems(state),
    ...sortedKeys(state.nodes).flatMap((id) => nodeProblem(state, id)),
    ...sortedKeys(state.links).flatMap((id) => {
      const failure = state.links[id]?.machine.context.failure;
      return failure ? [about(`link ${id}`, failure.message)] : [];
    }),
  ];
}

/** Many a message names its object itself. */
const about = (object: string, message: string): string => (message.startsWith(`${object}:`) || message.startsWith(`${object} `) ? message : `${object}: ${message}`);

function networkProblem(state: LabState, host: HostId): string[] {
  const failure = state.networks[host]?.failure;
  return failure ? [`management network${Object.keys(state.networks).length > 1 ? ` on host ${host}` : ''}: ${failure.message}`] : [];
}

const owedTo = (state: LabState, host: HostId): string[] => Object.values(state.owed).filter((one) => one.host === host).map(({ spec }) => spec.id).toSorted();
const owingHosts = (state: LabState): HostId[] => [...new Set(Object.values(state.owed).map((one) => one.host))].filter((host) => state.lost[host] === undefined).toSorted();

/** What is still to be removed on the host is said, so that nobody takes the lab for gone there. */
function lostProblem(state: LabState, host: HostId): string {
  const owed = owedTo(state, host);
  if (state.forgotten[host]) return `host ${host} is lost: ${state.lost[host] ?? ''}; its nodes stay unknown until they move, or the lab is deployed again or destroyed`;
  const leaving = state.lab.value === 'destroying' ? Object.values(state.nodes).filter((node) => node.plan.host === host).map(({ spec }) => spec.id) : [];
  const todo = [...owed, ...leaving].toSorted();
  const bound = typeof state.spec?.placement?.onLostHost === 'object' ? boundTo(state, host) : [];
  return [
    `host ${host} is lost: ${state.lost[host] ?? ''}`,
    ...(todo.length === 0 ? [] : [`when it is back, these are removed there: ${todo.join(', ')}`]),
    ...(bound.length === 0 ? [] : [`these wait for it, since it was lost before it learned that it has to end them: ${bound.join(', ')}`]),
  ].join('; ');
}

function nodeProblem(state: LabState, id: NodeId): string[] {
  const context = state.nodes[id]?.machine.context;
  if (!context) return [];
  if (context.failure) return [about(`node ${id}`, context.failure.message)];
  if (context.health === 'unhealthy') return [`node ${id}: health check fails`];
  return context.execFailures > 0 ? [`node ${id}: ${context.execFailures} exec command(s) failed`] : [];
}

export const deadlinesOf = (state: LabState): LabView['deadlines'] => Object.entries(state.deadlines).map(([name, at]) => ({ name, at }));

export function labStateOf(state: LabState): LabView['state'] {
  // The machine's states are this union; a stranger would be a snapshot of other code, which is refolded before use.
  return state.lab.value as LabView['state'];
}

function optional<T extends object>(value: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(value).filter(([, entry]) => entry !== undefined)) as { [K in keyof T]?: Exclude<T[K], undefined> };
}

const sortedKeys = <K extends string>(record: Readonly<Record<K, unknown>>): K[] => (Object.keys(record) as K[]).toSorted();
