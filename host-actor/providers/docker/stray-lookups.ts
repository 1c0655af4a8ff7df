// Look-ups of the OCI runtime as they lie on the disk, told apart by the mark in their second line.
import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { HostId, LabId, NodeId } from '../../../machines/vocabulary/ids.ts';
import { ownershipMark } from './container-labels.ts';
import { defaultSandboxDir } from './sandbox-lookups.ts';

export type StrayLookup = { readonly runtimeId: string; readonly lab: LabId; readonly node: NodeId };

const MARK = /^labwright:(\[.*\])$/;
const Identity = z.tuple([LabId, NodeId, HostId]);

/** All look-ups that bear the mark of a node of this host, whoever wrote them. */
export async function readLookups(host: HostId, dir: string = defaultSandboxDir): Promise<readonly StrayLookup[]> {
  const names = await readdir(dir).catch(() => []);
  const read = await Promise.all(names.map(async (runtimeId) => {
    const mark = (await readFile(join(dir, runtimeId), 'utf8').catch(() => '')).split('\n')[1] ?? '';
    const [lab, node] = identityOf(mark) ?? [];
    return lab !== undefined && node !== undefined && mark === ownershipMark({ labId: lab, nodeId: node, hostId: host }) ? [{ runtimeId, lab, node }] : [];
  }));
  return read.flat();
}

/** Absent is success. */
export async function removeLookup(runtimeId: string, dir: string = defaultSandboxDir): Promise<void> {
  await rm(join(dir, runtimeId), { force: true });
}

function identityOf(mark: string): readonly [LabId, NodeId, HostId] | undefined {
  try {
    return Identity.parse(JSON.parse(MARK.exec(mark)?.[1] ?? ''));
  } catch {
    return undefined;
  }
}
