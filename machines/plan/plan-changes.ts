// The smallest change that leads from the lab there is to the lab that is wanted, each step with its reason.
import type { HostId, NodeId } from '../vocabulary/ids.ts';
import type { LabSpec, LinkSpec, NodeSpec } from '../vocabulary/lab-spec.ts';
import type { PlacementSettings } from '../vocabulary/placement.ts';
import type { Change, MgmtPlan } from '../vocabulary/lab-plan.ts';
import type { LabState, NodeRecord } from '../evolve/lab-state.ts';
import { linkHosts } from '../link/crossing.ts';
import { placeWishes, withoutPlaceWishes } from '../place/placement-of-spec.ts';
import { changedFiles, usesCopies } from './changed-files.ts';
import { deepEqual } from './deep-equal.ts';
import { linkPlaces } from './link-places.ts';
import type { LinkPlanes } from './plan-planes.ts';
import { isToFit } from './plan-tunnels.ts';
import { savedWords } from './saved-configuration.ts';

type Options = { now: number; reconfigure: boolean; mgmt: MgmtPlan; placeOf: (node: NodeId) => HostId; planesOf: (link: LinkSpec) => LinkPlanes; reasonOf: (node: NodeId) => string };

/** Removals first, then nodes, then links; within a group in id order. Empty = the lab is as wanted already. */
export function planChanges(state: LabState, spec: LabSpec, options: Options): Change[] {
  const nodes = new Map(spec.nodes.map((node) => [node.id as string, node]));
  const links = new Map(spec.links.map((link) => [link.id as string, link]));
  const gone = [
    ...Object.keys(state.links).filter((id) => !links.has(id)).map((id) => change('link', id, 'remove', 'not in the lab file any more')),
    ...Object.keys(state.nodes).filter((id) => !nodes.has(id)).map((id) => change('node', id, 'remove', 'not in the lab file any more')),
  ];
  const network = Object.values(state.networks).filter((one) => one.state === 'failed').slice(0, 1).map((one) => change('mgmt', options.mgmt.network, 'update', `it has failed: ${one.failure?.message ?? 'unknown'}`));
  return [...gone, ...network, ...inPlaceChanges(state, spec, options.mgmt), ...nodeChanges(state, spec, options), ...spec.links.flatMap((link) => linkChange(state, link, options) ?? [])];
}

/** Whether the file wants a node elsewhere, or no more anywhere in particular: to be kept also where nothing moves for it. */
export function hasNewPlaceWishes(before: LabSpec | null, after: LabSpec): boolean {
  const known = new Map(before?.nodes.map((node) => [node.id, placeWishes(node)]));
  return after.nodes.some((node) => !deepEqual(known.get(node.id), placeWishes(node)));
}

const change = (object: Change['object'], id: string, action: Change['action'], reason: string): Change => ({ object, id, action, reason });

/** What changes for the lab as a whole while its nodes go on as they are: their hosts are told. */
function inPlaceChanges(state: LabState, spec: LabSpec, mgmt: MgmtPlan): Change[] {
  if (!state.spec || !state.plan || state.lab.value === 'destroyed') return [];
  const settings = differingKeys(placementWords(state.spec.placement), placementWords(spec.placement));
  const mtu = state.plan.mgmt.mtu === mgmt.mtu ? [] : [change('mgmt', mgmt.network, 'update', `MTU becomes ${mgmt.mtu} (was ${state.plan.mgmt.mtu}), in place`)];
  const repairs = deepEqual(state.spec.repairs, spec.repairs) ? [] : [change('lab', spec.id, 'update', 'which repairs are made by themselves')];
  return [...repairs, ...(settings.length === 0 ? [] : [change('lab', spec.id, 'update', `placement changed: ${settings.join(', ')}`)]), ...mtu];
}

const placementWords = (settings: PlacementSettings | undefined) => ({ policy: settings?.policy ?? 'pack', plane: settings?.plane, 'on-lost-host': settings?.onLostHost ?? 'wait' });

const withoutMtu = ({ mtu: _inPlace, ...rest }: MgmtPlan) => rest;

/** A node may share the namespace of one that comes after it, so the list is made until no further node is drawn in. */
function nodeChanges(state: LabState, spec: LabSpec, options: Options): Change[] {
  const recreated = new Set<string>();
  for (;;) {
    const before = recreated.size;
    const steps = spec.nodes.flatMap((node) => nodeChange(state, node, { ...options, recreated, spec }) ?? []);
    for (const step of steps) if (step.action === 'recreate') recreated.add(step.id);
    if (recreated.size === before) return steps;
  }
}

function nodeChange(state: LabState, node: NodeSpec, options: Options & { recreated: Set<string>; spec: LabSpec }): Change | null {
  const present = state.nodes[node.id];
  if (!present || present.machine.context.desired === 'absent') return change('node', node.id, 'add', 'not there yet');
  const says = newInFile(state, present, node, options);
  if (says !== null) return change('node', node.id, 'recreate', says);
  const [place, standsOn] = [options.placeOf(node.id), standing(present).plan.host];
  const again = (why: string): Change => change('node', node.id, 'recreate', `${why}${keepsConfiguration(state, node, options) ? savedWords(state, present, options.now) : ''}`);
  if (place !== standsOn) return again(`moves from host ${standsOn} to ${place} (${options.reasonOf(node.id)})`);
  const { copiedNow, copiedThen } = copying(state, present, node, options);
  if (copiedNow !== copiedThen) return again(`binds ${copiedNow ? 'copies of files' : 'files in place'} now`);
  if (state.plan && !deepEqual(withoutMtu(state.plan.mgmt), withoutMtu(options.mgmt))) return again('management network changed');
  if (node.network.mode === 'node' && options.recreated.has(node.network.node)) return again(`shares the namespace of ${node.network.node}, which is recreated`);
  if (present.machine.value === 'failed') return change('node', node.id, 'start', `it has failed: ${present.machine.context.failure?.message ?? 'unknown'}`);
  if (present.machine.context.desired === 'stopped' || present.machine.value === 'exited') return change('node', node.id, 'start', 'it is stopped');
  return null;
}

type Wanted = { readonly spec: LabSpec; readonly reconfigure: boolean; readonly placeOf: (node: NodeId) => HostId };

const standing = (record: NodeRecord) => record.next ?? record;

/** Whether the node, if it is made anew, is so though the file says nothing new of it: because it moves, or because of what follows from moves. */
export function keepsConfiguration(state: LabState, node: NodeSpec, wanted: Wanted): boolean {
  const present = state.nodes[node.id];
  if (!present || present.machine.context.desired === 'absent' || newInFile(state, present, node, wanted) !== null) return false;
  const { plan } = standing(present);
  return wanted.placeOf(node.id) !== plan.host || plan.saved !== undefined || deepEqual(state.spec?.mgmt, wanted.spec.mgmt);
}

/** What the file says of the node that it did not say before, but for where it is to be; null = nothing. */
function newInFile(state: LabState, present: NodeRecord, node: NodeSpec, options: Wanted): string | null {
  if (options.reconfigure) return 'reconfigure was asked for';
  const { spec, plan } = standing(present);
  const differing = differingKeys({ ...withoutPlaceWishes(spec), files: undefined }, { ...withoutPlaceWishes(node), files: undefined });
  if (differing.length > 0) return `changed: ${differing.join(', ')}`;
  const { copiedNow, copiedThen } = copying(state, present, node, options);
  // A file in place is the person's own to change; one over which a saved copy lies is read no more.
  const files = (copiedNow && copiedThen) || plan.saved !== undefined ? changedFiles(spec, node) : [];
  return files.length > 0 ? `files changed: ${files.join(', ')}` : null;
}

/** Whether the node binds copies of files at its place, by the file and by what it was made from. */
function copying(state: LabState, present: NodeRecord, node: NodeSpec, { placeOf, spec }: Wanted): { copiedNow: boolean; copiedThen: boolean } {
  const host = placeOf(node.id);
  return { copiedNow: usesCopies(node, { host, filesHost: spec.filesHost }), copiedThen: usesCopies(standing(present).spec, { host, filesHost: state.spec?.filesHost }) };
}

function linkChange(state: LabState, link: LinkSpec, { placeOf, planesOf }: Options): Change | null {
  const present = state.links[link.id];
  if (!present || present.machine.context.desired === 'absent') return change('link', link.id, 'add', 'not there yet');
  const differing = differingKeys(present.spec, link);
  if (differing.length > 0) return change('link', link.id, 'update', `changed: ${differing.join(', ')}`);
  const places = [...new Set(linkPlaces(link, placeOf))].join(' and ');
  if (places !== linkHosts(present.plan).join(' and ')) return change('link', link.id, 'update', `its nodes are on ${places}`);
  const planes = planesOf(link);
  if (!deepEqual([present.plan.plane, present.plan.far?.plane], [planes.plane, planes.far])) return change('link', link.id, 'update', `its link plane becomes ${planesText(planes)}`);
  if (isToFit(present.plan, link)) return change('link', link.id, 'update', `packets of its MTU, ${present.plan.mtu}, do not arrive over the underlay any more`);
  if (present.machine.value === 'failed') return change('link', link.id, 'update', `it has failed: ${present.machine.context.failure?.message ?? 'unknown'}`);
  return null;
}

const planesText = ({ plane, far }: LinkPlanes): string => [...new Set([plane, far].flatMap((one) => one?.kind ?? []))].join(' and ') || 'that of its host';

function differingKeys(a: object, b: object): string[] {
  const left: Record<string, unknown> = { ...a };
  const right: Record<string, unknown> = { ...b };
  return [...new Set([...Object.keys(left), ...Object.keys(right)])].filter((key) => !deepEqual(left[key], right[key])).toSorted();
}
