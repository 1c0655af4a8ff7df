// Tells our OCI runtime which network namespace a container joins: one small file a container, named by its id.
import { mkdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ProviderError } from '../provider-error.ts';

/** Where the runtime looks; it belongs to this boot of the host, as the namespaces do. */
export const defaultSandboxDir = '/run/labwright/sandboxes';

/** Writes the look-up before a start. The namespace must exist: the runtime refuses anything else.
 *  @throws {ProviderError} `sandbox-missing`. */
export async function writeSandboxLookup(dir: string, runtimeId: string, netnsPath: string): Promise<void> {
  if ((await namespaceInode(netnsPath)) === undefined) {
    throw new ProviderError('sandbox-missing', `container ${runtimeId} cannot start: its network namespace ${netnsPath} does not exist`, { retryable: true, details: { netnsPath } });
  }
  await mkdir(dir, { recursive: true });
  const path = join(dir, runtimeId);
  // Renamed into place, so that the runtime never reads half a path.
  await writeFile(`${path}.new`, `${netnsPath}\n`);
  await rename(`${path}.new`, path);
}

/** Absent is success. */
export async function removeSandboxLookup(dir: string, runtimeId: string): Promise<void> {
  await rm(join(dir, runtimeId), { force: true });
}

/** Throws unless the process lives in the namespace; a process that has ended already proves nothing and passes.
 *  @throws {ProviderError} `sandbox-mismatch`. */
export async function checkJoinedSandbox(pid: number, netnsPath: string): Promise<void> {
  const [joined, wanted] = [await namespaceInode(`/proc/${pid}/ns/net`), await namespaceInode(netnsPath)];
  if (joined === undefined || joined === wanted) return;
  throw new ProviderError('sandbox-mismatch', `process ${pid} runs in another network namespace than ${netnsPath}; the engine did not carry out the runtime's change`, { details: { pid, netnsPath } });
}

async function namespaceInode(path: string): Promise<string | undefined> {
  try {
    const found = await stat(path);
    return `${found.dev}:${found.ino}`;
  } catch {
    return undefined;
  }
}
