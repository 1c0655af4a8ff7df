// Prints what the exec lines of a lab file did, as the log of the lab holds it.
import type { LabSpec } from '../machines/vocabulary/lab-spec.ts';
import type { OpsClient } from '../nats/ops-client.ts';
import { historySince } from './history-since.ts';
import { execRecord } from './output/exec-records.ts';
import type { Terminal } from './terminal.ts';

/** One record for each command that ran since log entry `after`; lines that failed are records too, and fail nothing. */
export async function printExecResults(ops: OpsClient, lab: LabSpec, options: { after: number; terminal: Terminal }): Promise<void> {
  if (!lab.nodes.some((node) => node.exec.length > 0 || Object.values(node.stages).some((stage) => (stage?.exec.length ?? 0) > 0))) return;
  for (const { entry } of await historySince(ops, lab.id, { after: Math.max(0, options.after) })) {
    for (const event of entry.events) {
      if (event.type !== 'Reported' || event.observation.type !== 'node.exec-done') continue;
      for (const result of event.observation.results) {
        const record = execRecord(event.observation.node, result);
        options.terminal.log(record.level, record.message, record.fields);
      }
    }
  }
}
