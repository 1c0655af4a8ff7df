// Looks at what is on the host and not ours, and runs the commands that a lab file wants run there.
import { access } from 'node:fs/promises';
import { execa } from 'execa';
import type { HostSight } from './hands.ts';
import { EngineClient } from './providers/docker/engine-client.ts';
import { inspectContainer } from './providers/docker/owned-containers.ts';

const MAX_OUTPUT_BYTES = 1024 * 1024;

/** Nothing is asked before the first call. */
export function makeHostSight(): HostSight {
  const engine = new EngineClient();
  return {
    isBridge: (name) => access(`/sys/class/net/${encodeURIComponent(name)}/bridge`).then(() => true, () => false),
    readContainer: async (name) => {
      const info = await inspectContainer(engine, name);
      return info === undefined ? undefined : { runtimeId: info.Id, pid: info.State.Pid };
    },
    runCommand: async (command, { cwd, timeoutMs }) => {
      const folder = await access(cwd).then(() => cwd, () => '/');
      const result = await execa('/bin/sh', ['-c', command], { cwd: folder, timeout: timeoutMs, reject: false, stdin: 'ignore', maxBuffer: MAX_OUTPUT_BYTES });
      return {
        exitCode: result.exitCode ?? -1,
        stdout: result.stdout,
        stderr: result.timedOut ? `${result.stderr}\nended after ${timeoutMs} ms` : result.stderr,
        engineError: undefined,
        truncated: result.isMaxBuffer,
      };
    },
  };
}
