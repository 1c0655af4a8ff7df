// Waits until a lab is as wanted, with progress on the screen, and says how it ended as an exit code.
import type { LabId } from '../machines/vocabulary/ids.ts';
import type { LabView } from '../machines/vocabulary/lab-view.ts';
import type { OpsClient } from '../nats/ops-client.ts';
import { EXIT } from './exit-code.ts';
import type { ExitCode } from './exit-code.ts';
import { openProgress } from './follow-progress.ts';
import { followLab } from './follow-lab.ts';
import type { Followed } from './follow-lab.ts';
import type { Terminal } from './terminal.ts';

/** Waits with progress until the lab's log has entry `n` and `until` holds. */
export async function awaitLab(
  ops: OpsClient,
  lab: LabId,
  options: { n: number; until: (view: LabView) => boolean; timeoutMs: number; terminal: Terminal; before?: LabView | undefined },
): Promise<Followed> {
  const progress = openProgress(options.terminal, options.before);
  try {
    return await followLab(ops, lab, {
      until: (view) => view.n >= options.n && options.until(view),
      timeoutMs: options.timeoutMs,
      onChange: (view) => progress.show(view),
    });
  } finally {
    progress.end();
  }
}

/** All that is wanted is there, or will not come without help. */
export const isSettled = (view: LabView): boolean => view.state === 'running' || view.state === 'degraded';

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
