// Looks at what is on the host and not ours, and runs the commands that a lab file wants run there.
import { access } from 'node:fs/promises';
import { execa } from 'execa';
import type { HostId } from '../machines/vocabulary/ids.ts';
import type { HostSight } from './hands.ts';
import { EngineClient } from './providers/docker/engine-client.ts';
import { inspectContainer } from './providers/docker/owned-containers.ts';
import { readLookups, removeLookup } from './providers/docker/stray-lookups.ts';

const MAX_OUTPUT_BYTES = 1024 * 1024;

/** Nothing is asked before the first call. */
export function makeHostSight({ host, engineSocket }: { host: HostId; engineSocket: string }): HostSight {
  const engine = new EngineClient({ socketPath: engineSocket });
  return {
    isBridge: (name) => access(`/sys/class/net/${encodeURIComponent(name)}/bridge`).then(() => true, () => false),
    readContainer: async (name) => {
      const info = await inspectContainer(engine, name);
      return info === undefined ? undefined : { runtimeId: info.Id, pid: info.State.Pid };
    },
    readLookups: async () => await readLookups(host),
    removeLookup: async (runtimeId) => await removeLookup(runtimeId),
    runCommand: async (command, { cwd, timeoutMs, signal }) => {
      const folder = await access(cwd).then(() => cwd, () => '/');
      // A group of its own, so that what the command started ends with it.
      const running = execa('/bin/sh', ['-c', command], { cwd: folder, detached: true, cleanup: false, reject: false, stdin: 'ignore', maxBuffer: MAX_OUTPUT_BYTES });
      const overstay = AbortSignal.timeout(timeoutMs);
      const end = AbortSignal.any([overstay, ...(signal === undefined ? [] : [signal])]);
      const kill = (): void => endGroup(running.pid);
      end.addEventListener('abort', kill, { once: true });
      const result = await running;
      end.removeEventListener('abort', kill);
      signal?.throwIfAborted();
      return {
        exitCode: result.exitCode ?? -1,
        stdout: result.stdout,
        stderr: overstay.aborted ? `${result.stderr}\nended after ${timeoutMs} ms` : result.stderr,
        engineError: undefined,
        truncated: result.isMaxBuffer,
      };
    },
  };
}

function endGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // It has ended by itself.
  }
}
