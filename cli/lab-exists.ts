// Whether a lab is there: neither never deployed nor destroyed.
import type { LabId } from '../machines/vocabulary/ids.ts';
import type { LabView } from '../machines/vocabulary/lab-view.ts';
import { OpsRequestError } from '../nats/errors.ts';
import type { OpsClient } from '../nats/ops-client.ts';

export async function labExists(ops: OpsClient, lab: LabId): Promise<boolean> {
  return (await inspectIfThere(ops, lab)) !== undefined;
}

/** The lab as it is; undefined when there is none or it was destroyed. @throws {OpsRequestError} other than `lab-not-found`. */
export async function inspectIfThere(ops: OpsClient, lab: LabId): Promise<LabView | undefined> {
  try {
    const view = await ops.request('inspect', {}, { lab });
    return view.state === 'destroyed' || view.state === 'absent' ? undefined : view;
  } catch (error) {
    if (error instanceof OpsRequestError && error.code === 'lab-not-found') return undefined;
    throw error;
  }
}
