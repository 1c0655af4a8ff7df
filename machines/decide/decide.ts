// A command on a lab -> the events it causes, or why it is refused. Nothing to do is neither.
import type { Command, Rejection } from '../vocabulary/command.ts';
import type { LabEvent } from '../vocabulary/event.ts';
import type { HostId, LinkId, NodeId } from '../vocabulary/ids.ts';
import type { Change } from '../vocabulary/lab-plan.ts';
import type { PlacementView, StuckNodes } from '../vocabulary/placement.ts';
import type { LabState } from '../evolve/lab-state.ts';
import { leaversOf, stuckOn } from '../evolve/stuck-nodes.ts';
import { unplacedText } from '../plan/choose-places.ts';
import { deepEqual } from '../plan/deep-equal.ts';
import { planLab } from '../plan/plan-lab.ts';
import { hasNewPlaceWishes } from '../plan/plan-changes.ts';
import type { Facts } from '../plan/plan-lab.ts';
import { saveFirst } from '../plan/saved-configuration.ts';

export type Decision =
  | { readonly kind: 'events'; readonly events: readonly LabEvent[]; readonly changes: readonly Change[]; readonly placement?: PlacementView }
  /** Nodes that are made anew as they are are saved first: the events ask for it, and the command is to be decided anew once it is done. */
  | { readonly kind: 'saving'; readonly events: readonly LabEvent[]; readonly changes: readonly Change[]; readonly placement: PlacementView }
  | { readonly kind: 'rejected'; readonly rejections: readonly Rejection[] }
  | { readonly kind: 'nothing'; readonly placement?: PlacementView };

const NOTHING: Decision = { kind: 'nothing' };
const events = (...list: LabEvent[]): Decision => ({ kind: 'events', events: list, changes: [] });
const asEvents = (list: LabEvent[]): Decision => (list.length === 0 ? NOTHING : events(...list));
const reject = (code: Rejection['code'], message: string, details: Record<string, unknown> = {}): Decision => ({ kind: 'rejected', rejections: [{ code, message, details }] });

/** Decides one command against the present state. Pure: all that is not in the log comes in `facts`. */
export function decide(command: Command, state: LabState, facts: Facts): Decision {
  if (command.type === 'lab.deploy') return decideDeploy(command, state, facts);
  if (state.lab.value === 'absent' || state.lab.value === 'destroyed') return reject('lab-not-found', `lab ${state.id} does not exist: see \`labwright ls\``);
  switch (command.type) {
    case 'lab.destroy':
      return state.lab.value === 'destroying' ? NOTHING : events({ type: 'LabDestroyRequested', cleanup: command.cleanup, keepMgmtNet: command.keepMgmtNet, networks: 'beside' });
    case 'node.start':
    case 'node.stop':
    case 'node.restart':
      return decideNodes(command, state);
    case 'lab.retry':
      return decideRetry(command, state);
    case 'lab.leave':
      return decideLeave(command, state, facts);
    case 'link.set':
      return decideLink(command, state);
  }
}

type Of<T extends Command['type']> = Extract<Command, { type: T }>;

function decideDeploy(command: Of<'lab.deploy'>, state: LabState, facts: Facts): Decision {
  const exists = state.lab.value !== 'absent' && state.lab.value !== 'destroyed';
  if (state.lab.value === 'destroying') return reject('destroying', `lab ${state.id} is being destroyed: wait until it is gone`);
  const standing = state.spec?.topologyPath;
  if (exists && !command.takeOver && standing !== undefined && command.spec.topologyPath !== standing) {
    return reject('other-topology', `lab ${state.id} runs from ${standing}: use another --name, or --take-over to let this file replace it`, { topologyPath: standing });
  }
  const planned = planLab({ state, spec: command.spec, facts, reconfigure: command.reconfigure });
  if ('rejections' in planned) return { kind: 'rejected', rejections: planned.rejections };
  // Another file that says the same is still another file: from now on the lab runs from that one. And what it says of places holds from now on.
  if (exists && planned.changes.length === 0 && command.spec.topologyPath === standing && !hasNewPlaceWishes(state.spec, command.spec)) return { kind: 'nothing', placement: planned.placement };
  const saving = saveFirst(state, planned.kept, facts.now);
  if (saving) return { kind: 'saving', events: saving, changes: planned.changes, placement: planned.placement };
  return {
    kind: 'events',
    events: [{ type: 'LabDeployRequested', spec: command.spec, plan: planned.plan, changes: [...planned.changes] }],
    changes: planned.changes,
    placement: planned.placement,
  };
}

/** Who fits elsewhere goes; a pinned node stays, and so does, with the reason, one that nothing else can take now. */
function decideLeave({ host }: Of<'lab.leave'>, state: LabState, facts: Facts): Decision {
  const { spec } = state;
  if (!spec || state.lab.value === 'destroying') return NOTHING;
  const planned = planLab({ state, spec, facts, reconfigure: false, leave: { host, oneByOne: state.lost[host] === undefined } });
  if ('rejections' in planned) return asEvents(heldUp(state, host, [{ nodes: leaversOf(state, host), reason: planned.rejections.map(({ message }) => message).join('\n') }]));
  const stuck = heldUp(state, host, planned.placement.unplaced.map((one) => ({ nodes: one.nodes, reason: unplacedText(one) })));
  const nodes = Object.values(state.nodes).filter((node) => node.plan.host === host && planned.plan.nodes[node.spec.id]?.host !== host && node.machine.context.desired !== 'absent').map((node) => node.spec.id).toSorted();
  if (nodes.length === 0) return asEvents(stuck);
  if (state.lost[host] !== undefined) return asEvents([{ type: 'NodesMoved', from: host, nodes, plan: planned.plan, changes: planned.changes.filter(({ object }) => object === 'mgmt') }, ...stuck]);
  const saving = saveFirst(state, planned.kept, facts.now);
  if (saving) return { kind: 'saving', events: saving, changes: planned.changes, placement: planned.placement };
  return { kind: 'events', events: [{ type: 'LabDeployRequested', spec, plan: planned.plan, changes: [...planned.changes] }, ...stuck], changes: planned.changes };
}

/** Said when it is not what is known already. */
const heldUp = (state: LabState, host: HostId, stuck: StuckNodes[]): LabEvent[] => (deepEqual(stuckOn(state, host), stuck) ? [] : [{ type: 'LeaveHeldUp', host, stuck }]);

const NODE_EVENTS = { 'node.start': 'NodesStartRequested', 'node.stop': 'NodesStopRequested', 'node.restart': 'NodesRestartRequested' } as const;

/** The wish is stored for exactly the nodes named, whatever they are doing now (a bulk wish loses none of them). */
function decideNodes(command: Of<'node.start' | 'node.stop' | 'node.restart'>, state: LabState): Decision {
  if (state.lab.value === 'destroying') return reject('destroying', `lab ${state.id} is being destroyed`);
  const unknown = command.nodes.filter((node) => !state.nodes[node]);
  if (unknown.length > 0) {
    return reject('node-not-found', `lab ${state.id} has no node ${unknown.join(', ')}: it has ${Object.keys(state.nodes).toSorted().join(', ')}`, { nodes: unknown });
  }
  const nodes = [...new Set(command.nodes)].toSorted().filter((node) => needs(command.type, state, node));
  return nodes.length === 0 ? NOTHING : events({ type: NODE_EVENTS[command.type], nodes });
}

function needs(type: keyof typeof NODE_EVENTS, state: LabState, id: NodeId): boolean {
  const machine = state.nodes[id]?.machine;
  // A node on its way out is in no file any more: only a deploy brings it back.
  if (!machine || machine.context.desired === 'absent') return false;
  if (type === 'node.restart') return true;
  if (type === 'node.stop') return machine.context.desired !== 'stopped';
  return machine.context.desired !== 'running' || machine.value === 'failed' || machine.value === 'exited';
}

function decideRetry(command: Of<'lab.retry'>, state: LabState): Decision {
  const all = command.nodes.length === 0 && command.links.length === 0;
  const nodes = (all ? (Object.keys(state.nodes) as NodeId[]) : command.nodes).filter((id) => state.nodes[id]?.machine.value === 'failed');
  const links = (all ? (Object.keys(state.links) as LinkId[]) : command.links).filter((id) => state.links[id]?.machine.value === 'failed');
  const network = all && Object.values(state.networks).some((one) => one.state === 'failed');
  return nodes.length + links.length === 0 && !network ? NOTHING : events({ type: 'RetryRequested', nodes: nodes.toSorted(), links: links.toSorted() });
}

function decideLink(command: Of<'link.set'>, state: LabState): Decision {
  const link = state.links[command.link];
  if (!link) return reject('link-not-found', `lab ${state.id} has no link ${command.link}: it has ${Object.keys(state.links).toSorted().join(', ')}`, { link: command.link });
  if (link.machine.context.desired === 'absent') return reject('not-applicable', `link ${command.link} is being removed`);
  const admin = command.admin !== undefined && command.admin !== link.machine.context.admin ? command.admin : undefined;
  if (admin === undefined && command.impairment === undefined) return NOTHING;
  return events({
    type: 'LinkSet', link: command.link,
    ...(admin === undefined ? {} : { admin }),
    ...(command.impairment === undefined ? {} : { impairment: command.impairment }),
  });
}
