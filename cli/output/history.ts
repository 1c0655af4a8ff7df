// The log of a lab in sentences: when, why (who or what caused it), and what.
import { GIVEN_UP } from '../../machines/vocabulary/lab-view.ts';
import type { LabEvent } from '../../machines/vocabulary/event.ts';
import { orphanWords } from '../../machines/vocabulary/observation.ts';
import type { FarSeen, Observation } from '../../machines/vocabulary/observation.ts';
import { heldUpWords } from '../../machines/vocabulary/placement.ts';
import type { HistoryEntry } from '../../nats/ops-contract.ts';

export type Cause = 'command' | 'order' | 'repair' | 'external' | 'engine' | 'deadline' | 'supervisor';
export type HistoryLine = { readonly n: number; readonly at: string; readonly cause: Cause; readonly what: string };

/** One line for each event of each entry, in order, and for what was given up with it. */
export function historyLines(entries: readonly HistoryEntry[]): HistoryLine[] {
  return entries.flatMap(({ entry, news }) => [...entry.events.map((event) => describe(event, news)), ...news.filter((sentence) => sentence.startsWith(GIVEN_UP)).map((what): Said => ({ cause: 'supervisor', what }))]
    .map((said) => ({ n: entry.n, at: new Date(entry.at).toISOString(), ...said })));
}

export function renderHistory(lines: readonly HistoryLine[]): string {
  const width = Math.max(0, ...lines.map((line) => String(line.n).length));
  return lines.map((line) => `${line.at}  ${String(line.n).padStart(width)}  ${line.cause.padEnd(10)}  ${line.what}`).join('\n');
}

type Said = { readonly cause: Cause; readonly what: string };

function describe(event: LabEvent, news: readonly string[]): Said {
  const command = (what: string): Said => ({ cause: 'command', what });
  switch (event.type) {
    case 'LabDeployRequested':
      return command(`deploy: ${event.changes.length === 0 ? 'no changes' : event.changes.map((change) => `${change.action} ${change.object} ${change.id}`).join(', ')}`);
    case 'LabDestroyRequested':
      return command('destroy');
    case 'NodesStartRequested':
      return command(`start ${event.nodes.join(', ')}`);
    case 'NodesStopRequested':
      return command(`stop ${event.nodes.join(', ')}`);
    case 'NodesRestartRequested':
      return command(`restart ${event.nodes.join(', ')}`);
    case 'RetryRequested':
      return command(`retry ${[...event.nodes, ...event.links].join(', ')}`);
    case 'NodesSaveRequested':
      return { cause: 'supervisor', what: `save the configuration of ${event.nodes.join(', ')}, which are to be made anew` };
    case 'LinkSet':
      return command(`set link ${event.link}${event.admin === undefined ? '' : ` ${event.admin}`}${event.impairment === undefined ? '' : ` impairment ${JSON.stringify(event.impairment)}`}`);
    case 'TakenOver':
      return { cause: 'supervisor', what: `supervisor ${event.supervisor} owns the lab (term ${event.term})` };
    case 'HostLost':
      return { cause: 'external', what: `host ${event.host} is lost: ${event.reason}` };
    case 'HostReturned':
      return { cause: 'external', what: `host ${event.host} is back` };
    case 'HostForgotten':
      return command(`host ${event.host} was removed: what it holds is not waited for`);
    case 'NodesMoved':
      return { cause: 'supervisor', what: `nodes ${event.nodes.join(', ')} moved away from host ${event.from}` };
    case 'LeaveHeldUp':
      return { cause: 'supervisor', what: heldUpWords(event.host, event.stuck).join('; ') };
    case 'VtepChanged':
      return { cause: 'external', what: `host ${event.host} has the underlay address ${event.vtep}${event.mtu === undefined ? '' : `, with an MTU of ${event.mtu}`}` };
    case 'DeadlinePassed':
      return { cause: 'deadline', what: `${event.name} is over` };
    case 'Reported':
      return { cause: causeOf(event.observation), what: event.observation.type === 'network.echo' ? reachOf(event.host, event.observation.far, news) : whatOf(event.observation, news) };
  }
}

function causeOf(seen: Observation): Cause {
  if ('cause' in seen) return seen.cause;
  if (seen.type === 'node.engine') return 'engine';
  if (seen.type === 'link.repaired' || seen.type === 'network.repaired' || seen.type === 'orphan.removed') return 'repair';
  return seen.effectId === undefined ? 'external' : 'order';
}

/** Only what has changed is in the news. */
function reachOf(host: string, far: readonly FarSeen[], news: readonly string[]): string {
  const changed = news.filter((sentence) => sentence.startsWith(`management network: host ${host} `));
  return changed.length > 0 ? changed.join('; ') : `management network: host ${host} hears ${far.map(({ remote, echo }) => `${remote} (${echo})`).join(', ')}`;
}

function whatOf(seen: Exclude<Observation, { type: 'network.echo' }>, news: readonly string[]): string {
  switch (seen.type) {
    case 'network.foreseen':
      return `management network will be on bridge ${seen.bridge}${seen.foreign ? ' (of somebody else)' : ''}`;
    case 'network.ready':
      return `management network ready on bridge ${seen.bridge}${seen.foreign ? ' (of somebody else)' : ''}`;
    case 'network.removed':
      return 'management network removed';
    case 'network.drifted':
      return `management network drifted: ${seen.what}; ${seen.why}`;
    case 'network.repaired':
      return `management network repaired: ${seen.what}`;
    case 'orphan.removed':
    case 'orphan.left':
      return orphanWords(seen);
    case 'node.prepared':
      return `node ${seen.node} created${idOf(seen.runtimeId)}`;
    case 'node.started':
      return `node ${seen.node} started${idOf(seen.runtimeId)}${seen.pid === undefined ? '' : `, pid ${seen.pid}`}`;
    case 'node.stopped':
      return `node ${seen.node} stopped${seen.exitCode === undefined ? '' : ` (exit code ${seen.exitCode})`}`;
    case 'node.died':
      return `node ${seen.node} died (exit code ${seen.exitCode}${seen.oomKilled ? ', out of memory' : ''}); ${NEXT[seen.next]}${seen.log.length === 0 ? '' : `; last line: ${seen.log.at(-1)}`}`;
    case 'node.removed':
      return `node ${seen.node} removed`;
    case 'node.unplugged':
      return `node ${seen.node} is no longer repaired: ${seen.message}`;
    case 'node.progress':
      return `node ${seen.node}: ${seen.text}`;
    case 'node.health':
      return `node ${seen.node} is ${seen.status}`;
    case 'node.exec-done':
      return `node ${seen.node} executed ${seen.results.map((result) => `"${result.command}" (exit code ${result.exitCode})`).join(', ')}`;
    case 'node.saved':
      return news.find((sentence) => sentence.startsWith(`node ${seen.node}: its configuration `)) ?? `node ${seen.node} saved`;
    case 'node.engine':
      return `engine: node ${seen.node} ${seen.action}${seen.exitCode === undefined ? '' : ` (exit code ${seen.exitCode})`}`;
    case 'link.joined':
      return `link ${seen.link} joined, ${seen.adminUp ? 'up' : 'set down'}${seen.held.length === 0 ? '' : `, held for ${seen.held.join(', ')}`}`;
    case 'link.lost':
      return `link ${seen.link} lost: ${seen.what}`;
    case 'link.repaired':
      return `link ${seen.link} repaired in ${Math.round(seen.workMs)} ms: ${seen.what}`;
    case 'link.carrier':
      return `link ${seen.link} carrier ${seen.carrier.a ? 'up' : 'down'} / ${seen.carrier.b ? 'up' : 'down'}`;
    case 'link.gave-up':
      return `link ${seen.link} given up: ${seen.message}`;
    case 'link.removed':
      return `link ${seen.link} removed`;
    case 'effect.failed':
      // The entry's own sentence names the order; the observation only has its number.
      return news.find((sentence) => sentence.endsWith(seen.message)) ?? `${seen.effectId} failed: ${seen.message}`;
  }
}

const NEXT = { restart: 'the host restarts it', leave: 'its restart policy leaves it', 'gave-up': 'the host gave up' } as const;
const idOf = (id: string | undefined): string => (id === undefined ? '' : ` (${id.slice(0, 12)})`);
