// The description that a lab runs from, as its log holds it; it may differ from what the lab file says by now.
import type { LabId } from '../machines/vocabulary/ids.ts';
import type { LabSpec } from '../machines/vocabulary/lab-spec.ts';
import type { OpsClient } from '../nats/ops-client.ts';
import { CliError, EXIT } from './exit-code.ts';

const MOST_ENTRIES = 1_000;

/** @throws {CliError} `description-too-old`: it is further back in the log than can be read at once. */
export async function readRunningSpec(ops: OpsClient, lab: LabId): Promise<LabSpec> {
  const { entries } = await ops.request('history', { after: 0, limit: MOST_ENTRIES }, { lab });
  for (const { entry } of entries.toReversed()) {
    for (const event of entry.events.toReversed()) if (event.type === 'LabDeployRequested') return event.spec;
  }
  throw new CliError(EXIT.failed, 'description-too-old', `lab ${lab} has changed much since it was deployed: deploy it from its file again, then repeat this`);
}
