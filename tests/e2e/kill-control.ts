// kill -9 of the controller's processes, one or all at once, each exactly the one that its record names.
import { isAlive, signalProcess } from '../../controller/process-identity.ts';
import { readProcessRecord } from '../../controller/process-record.ts';
import { processRecordPath, stateDir } from '../../controller/state-dir.ts';

export const CONTROL = ['parent', 'nats-server', 'supervisor', 'host-actor'] as const;
export type ControlProcess = (typeof CONTROL)[number];

/** Sends SIGKILL to those that live, in one turn of the loop, and returns which they were. */
export async function killControl(home: string, names: readonly ControlProcess[]): Promise<ControlProcess[]> {
  const dir = stateDir(home);
  const found = await Promise.all(names.map(async (name) => ({ name, record: await readProcessRecord(name === 'parent' ? dir.parentRecord : processRecordPath(dir, name)) })));
  return found.flatMap(({ name, record }) => (record?.identity !== undefined && signalProcess(record.identity, 'SIGKILL') ? [name] : []));
}

/** Kills until none of them lives: one that was just being started has no record yet. The parent first, for it starts the others. */
export async function killAllControl(home: string): Promise<void> {
  const dir = stateDir(home);
  await killControl(home, CONTROL);
  for (;;) {
    const records = await Promise.all(CONTROL.map(async (name) => await readProcessRecord(name === 'parent' ? dir.parentRecord : processRecordPath(dir, name))));
    if (records.every((record) => record?.identity === undefined || !isAlive(record.identity))) return;
    await killControl(home, CONTROL);
  }
}
