// Which lab a command means: by --name, by its lab file, or by the one lab file in the working folder.
import { resolve } from 'node:path';
import { LabId } from '../machines/vocabulary/ids.ts';
import type { OpsClient } from '../nats/ops-client.ts';
import { withSession } from './context.ts';
import type { Context } from './context.ts';
import { CliError, EXIT } from './exit-code.ts';
import type { ExitCode } from './exit-code.ts';
import type { Session, StartWhen } from './open-client.ts';
import { readTopology } from './read-topology.ts';
import { findTopology } from './topology-source/find-topology.ts';

/** Opens a session and hands the lab that is meant to `work`. What is wrong with the options is said before a controller is started. */
export async function withLab(context: Context, options: { start: StartWhen }, work: (session: Session, lab: LabId) => Promise<ExitCode>): Promise<ExitCode> {
  const named = await labOfOptions(context);
  return await withSession(context, options, async (session) => {
    if (!(named instanceof CliError)) return await work(session, named);
    // A lab file with faults still names the lab that was deployed from it.
    const known = await deployedFrom(context.globals.topo, session.ops);
    if (known === undefined) throw named;
    return await work(session, known);
  });
}

/** The lab's name, or why its file names none. @throws {CliError} usage: there is no lab file. */
async function labOfOptions({ globals, terminal }: Context): Promise<LabId | CliError> {
  if (globals.name !== undefined) return parseLabName(globals.name);
  try {
    const { lab } = await readTopology({ topo: globals.topo, vars: globals.vars, warnings: 'hidden' }, terminal);
    return lab.id;
  } catch (error) {
    if (error instanceof CliError && error.code === 'lab-file-invalid') return error;
    throw error;
  }
}

/** @throws {CliError} usage when it can be no lab's name. */
export function parseLabName(name: string): LabId {
  const parsed = LabId.safeParse(name);
  if (parsed.success) return parsed.data;
  throw new CliError(EXIT.usage, 'bad-lab-name', `${JSON.stringify(name)} can be no lab's name: 1 to 200 characters`);
}

async function deployedFrom(topo: string | undefined, ops: OpsClient): Promise<LabId | undefined> {
  const { path } = await findTopology(topo);
  if (path === undefined) return undefined;
  const { labs } = await ops.request('list', { destroyed: false });
  return labs.find((lab) => lab.topologyPath === resolve(path))?.lab;
}
