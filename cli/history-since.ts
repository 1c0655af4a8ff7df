// All entries of a lab's log since a number, however many there are.
import type { LabId } from '../machines/vocabulary/ids.ts';
import type { OpsClient } from '../nats/ops-client.ts';
import type { OpsResponse } from '../nats/ops-contract.ts';

const MOST_A_PAGE = 1_000;

type Entries = OpsResponse<'history'>['entries'];

/** Entries after number `after`, oldest first; asked for page by page, from the newest. */
export async function historySince(ops: OpsClient, lab: LabId, { after, pageSize = MOST_A_PAGE }: { after: number; pageSize?: number }): Promise<Entries> {
  const pages: Entries[] = [];
  for (let before: number | undefined; ;) {
    const { entries } = await ops.request('history', { after, before, limit: pageSize }, { lab });
    pages.unshift(entries);
    if (entries.length < pageSize) return pages.flat();
    before = entries[0]?.entry.n;
  }
}
