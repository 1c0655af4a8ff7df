// What the running parent writes down about itself, so that commands find it, and how they tell whether it lives.
import { isAlive } from './process-identity.ts';
import type { ProcessIdentity } from './process-identity.ts';
import { readProcessRecord } from './process-record.ts';
import type { ProcessRecord } from './process-record.ts';
import type { StateDir } from './state-dir.ts';

export const PARENT_NAME = 'parent';

/** The parent that keeps this state directory now; undefined when none lives. */
export const readLivingParent = async (dir: StateDir): Promise<(ProcessRecord & { readonly identity: ProcessIdentity }) | undefined> => {
  const record = await readProcessRecord(dir.parentRecord);
  if (record?.identity === undefined || !isAlive(record.identity)) return undefined;
  return { ...record, identity: record.identity };
};
