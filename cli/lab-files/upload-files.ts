// Brings pieces of files to the installation; those that it holds are not sent again.
import type { Sha256 } from '../../machines/vocabulary/carried-file.ts';
import type { OpsClient } from '../../nats/ops-client.ts';
import { newCommandId } from '../new-command-id.ts';

const ASKED_AT_ONCE = 1_000;

/** @throws {OpsRequestError} */
export async function uploadFiles(ops: OpsClient, pieces: ReadonlyMap<Sha256, Uint8Array>): Promise<void> {
  const digests = [...pieces.keys()];
  for (let first = 0; first < digests.length; first += ASKED_AT_ONCE) {
    const { missing } = await ops.request('files-missing', { commandId: newCommandId(), sha256: digests.slice(first, first + ASKED_AT_ONCE) });
    for (const sha256 of missing) {
      const bytes = pieces.get(sha256);
      if (bytes !== undefined) await ops.request('files-put', { commandId: newCommandId(), pieces: [{ sha256, base64: Buffer.from(bytes).toString('base64') }] });
    }
  }
}
