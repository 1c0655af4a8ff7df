// Decides whether a lab's files have to travel at all, and collects them if so.
import { readFile } from 'node:fs/promises';
import { parseHostIdentity } from '../../controller/host-identity.ts';
import { stateDir } from '../../controller/state-dir.ts';
import { HostId } from '../../machines/vocabulary/ids.ts';
import type { LabSpec } from '../../machines/vocabulary/lab-spec.ts';
import { homeDir } from '../open-client.ts';
import type { Session } from '../open-client.ts';
import type { Terminal } from '../terminal.ts';
import { collectFiles } from './collect-files.ts';
import type { CollectedFiles } from './collect-files.ts';

/** The lab with what its binds name, where it may live on another host than this machine; as it is, where it cannot. Warns of what does not travel. */
export async function collectForHosts({ ops }: Session, lab: LabSpec, terminal: Terminal): Promise<CollectedFiles> {
  const here = await hostOfThisMachine();
  const { hosts } = await ops.request('hosts', {});
  if (hosts.every(({ host }) => host === here)) return { lab: here === undefined ? lab : { ...lab, filesHost: here }, pieces: new Map(), left: [] };
  const collected = await collectFiles(lab, here);
  for (const left of collected.left) terminal.log('WARN', `does not travel to other hosts, nodes there do without: ${left}`);
  return collected;
}

/** The host that the host-actor of this machine and user is. */
async function hostOfThisMachine(): Promise<HostId | undefined> {
  const path = stateDir(homeDir()).hostIdentity;
  const text = await readFile(path, 'utf8').catch(() => undefined);
  return text === undefined ? undefined : HostId.parse(parseHostIdentity(text, path).hostId);
}
