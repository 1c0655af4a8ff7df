// Waits until a lab is as wanted, with progress on the screen, and says how it ended as an exit code.
import type { LabId } from '../machines/vocabulary/ids.ts';
import type { LabView, NodeView } from '../machines/vocabulary/lab-view.ts';
import type { OpsClient } from '../nats/ops-client.ts';
import { EXIT } from './exit-code.ts';
import type { ExitCode } from './exit-code.ts';
import { openProgress } from './follow-progress.ts';
import { followLab } from './follow-lab.ts';
import type { Followed } from './follow-lab.ts';
import type { Terminal } from './terminal.ts';

/** What a shell makes of a command that Ctrl-C ended. */
const INTERRUPTED = 130;
/** A process that ends at once does so within this time: what has just started is looked at again. */
const STEADY_MS = 120;

export type AwaitLab = {
  /** The lab's log entry that holds the wish. */
  readonly n: number;
  readonly until: (view: LabView) => boolean;
  readonly timeoutMs: number;
  readonly terminal: Terminal;
  /** The lab before the wish. */
  readonly before?: LabView | undefined;
};

/** Waits with progress until the lab's log has entry `n` and `until` holds, also shortly after the last start of a node. */
export async function awaitLab(ops: OpsClient, lab: LabId, options: AwaitLab): Promise<Followed> {
  const progress = openProgress(options.terminal, options.before);
  const leave = () => {
    progress.end();
    options.terminal.log('INFO', 'Not waiting any longer; the wish stands and is being worked on', { lab });
    process.exit(INTERRUPTED);
  };
  process.once('SIGINT', leave);
  const starts = createStartWatch(options.before);
  const endAt = performance.now() + options.timeoutMs;
  const onChange = (view: LabView) => {
    starts.see(view);
    progress.show(view);
  };
  const holds = (view: LabView) => view.n >= options.n && options.until(view);
  try {
    for (;;) {
      const followed = await followLab(ops, lab, { until: holds, timeoutMs: Math.max(0, endAt - performance.now()), onChange });
      const waitMs = followed.reached ? starts.steadyInMs() : 0;
      if (waitMs <= 0) return followed;
      const changed = await followLab(ops, lab, { until: (view) => !holds(view), timeoutMs: waitMs, onChange });
      if (!changed.reached) return { view: changed.view, reached: true };
    }
  } finally {
    process.off('SIGINT', leave);
    progress.end();
  }
}

/** Knows when a node was last seen to have started. */
function createStartWatch(before: LabView | undefined): { see(view: LabView): void; steadyInMs(): number } {
  let known = startsOf(before);
  let lastAt = Number.NEGATIVE_INFINITY;
  return {
    see(view) {
      const now = startsOf(view);
      if ([...now].some(([node, at]) => known.get(node) !== at)) lastAt = performance.now();
      known = now;
    },
    steadyInMs: () => lastAt + STEADY_MS - performance.now(),
  };
}

const startsOf = (view: LabView | undefined): Map<string, number> =>
  new Map((view?.nodes ?? []).flatMap((node) => (node.startedAt === undefined ? [] : [[node.node, node.startedAt] as const])));

const BUSY_NODE = new Set(['preparing', 'waiting', 'starting', 'configuring', 'stopping', 'removing', 'recovering']);

/** Whether something is still being done to the node. */
export const isBusyNode = (node: NodeView): boolean => BUSY_NODE.has(node.state);

/** All that is wanted is there, or will not come without help. */
export const isSettled = (view: LabView): boolean =>
  (view.state === 'degraded' && !view.nodes.some(isRestarting)) || (view.state === 'running' && !view.nodes.some(isBusyNode));

/** Its process died: it is being started again, or has yet to show that it stays. */
const isRestarting = (node: NodeView): boolean =>
  node.state === 'recovering' || node.state === 'starting' || (node.state === 'configuring' && node.waitingFor.startsWith('proof'));

export const isGone = (view: LabView): boolean => view.state === 'destroyed' || view.state === 'absent';

/** 0, 3 when a node or link failed, 4 when the time was over; the reasons go to the log. */
export function verdict({ view, reached }: Followed, terminal: Terminal, waitedFor: string): ExitCode {
  if (!reached) {
    const waiting = [...view.nodes.filter((node) => node.waitingFor !== '').map((node) => `node ${node.node} waits for ${node.waitingFor}`), ...view.problems];
    terminal.log('ERRO', `lab ${view.lab} is not ${waitedFor} yet (state ${view.state}); the wish stands and is being worked on: see \`labwright inspect --name ${view.lab}\`${waiting.map((line) => `\n  ${line}`).join('')}`);
    return EXIT.timeout;
  }
  const failed = [...view.nodes.filter((node) => node.state === 'failed'), ...view.links.filter((link) => link.state === 'failed')];
  if (view.state !== 'degraded' && failed.length === 0) return EXIT.ok;
  for (const item of failed) {
    const name = 'node' in item ? `node ${item.node}` : `link ${item.link}`;
    const log = item.failure?.log ?? [];
    terminal.log('ERRO', `${name} failed: ${item.failure?.message ?? 'unknown'}${log.length > 0 ? `\n  last lines it printed:\n${log.slice(-10).map((line) => `  │ ${line}`).join('\n')}` : ''}`);
  }
  for (const problem of view.problems.filter((text) => !failed.some((item) => text.startsWith('node' in item ? `node ${item.node}:` : `link ${item.link}:`)))) terminal.log('WARN', problem);
  return EXIT.degraded;
}
