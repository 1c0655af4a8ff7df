// Starts, stops and kills containers of ours by engine id, and reads back what came of it.
import { ProviderError } from '../provider-error.ts';
import type { InspectedNode, ObservedNode, Sandbox, StartedNode, VerbOptions } from '../provider.ts';
import { sandboxRuntime } from './container-config.ts';
import { ownershipMark } from './container-labels.ts';
import type { EngineClient } from './engine-client.ts';
import { defaultDeadlineMs, engineStatus, engineText } from './engine-client.ts';
import { inspectById } from './owned-containers.ts';
import type { SandboxLookups } from './sandbox-lookups.ts';
import { checkJoinedSandbox } from './sandbox-lookups.ts';

/** Starts the container in its namespace. A process that ended at once is no error here: the node read back says `exited`.
 *  @throws {ProviderError} `container-absent`, `sandbox-missing`, `sandbox-mismatch`, `command-not-found`, `privileged-not-possible`, `start-failed`, and those of the client. */
export async function ensureStarted(engine: EngineClient, lookups: SandboxLookups, runtimeId: string, sandbox: Sandbox, options: VerbOptions & { known?: ObservedNode } = {}): Promise<StartedNode> {
  const before = knownIdle(runtimeId, options.known) ?? (await requireOurs(engine, runtimeId, options));
  if (before.status === 'running') return { outcome: 'was-running', node: before };
  if (before.status === 'paused') {
    await unpause(engine, before, options);
    return { outcome: 'was-running', node: await requireOurs(engine, runtimeId, options) };
  }
  const netnsPath = before.wiring === 'before-start' && 'netnsPath' in sandbox ? sandbox.netnsPath : undefined;
  if (netnsPath !== undefined) await lookups.write(runtimeId, netnsPath, ownershipMark(before));
  await start(engine, before, options);
  const node = await requireOurs(engine, runtimeId, options);
  if (netnsPath !== undefined && node.pid !== 0) await rejectWrongSandbox(engine, node, netnsPath, options);
  return { outcome: 'started', node };
}

/** What was read back a moment ago will do for one that does not run: the engine refuses the start if it is wrong. */
function knownIdle(runtimeId: string, known: ObservedNode | undefined): ObservedNode | undefined {
  return known?.runtimeId === runtimeId && (known.status === 'created' || known.status === 'exited') ? known : undefined;
}

/** Stops with a grace; not running is success. */
export async function ensureStopped(engine: EngineClient, runtimeId: string, options: VerbOptions & { graceMs: number }): Promise<InspectedNode> {
  const graceSeconds = Math.ceil(options.graceMs / 1000);
  // The engine waits for the grace before it kills, so the deadline comes on top.
  const deadlineMs = options.graceMs + (options.deadlineMs ?? defaultDeadlineMs);
  await onOurs(engine, runtimeId, options, (node) =>
    engine.call({ what: `stopping container ${node.name}`, ...options, deadlineMs, lane: 'long' }, (docker, abortSignal) =>
      docker.getContainer(runtimeId).stop({ t: graceSeconds, abortSignal }),
    ),
  );
  return inspectById(engine, runtimeId, options);
}

/** Sends a signal; not running is success. */
export async function kill(engine: EngineClient, runtimeId: string, signal: string, options: VerbOptions = {}): Promise<InspectedNode> {
  await onOurs(engine, runtimeId, options, (node) =>
    engine.call({ what: `sending ${signal} to container ${node.name}`, ...options }, (docker, abortSignal) =>
      docker.getContainer(runtimeId).kill({ signal, abortSignal }),
    ),
  );
  return inspectById(engine, runtimeId, options);
}

/** Command lines of its processes, as the host's ps shows them. @throws {ProviderError} `not-running`, and those of the client. */
export async function readProcesses(engine: EngineClient, runtimeId: string, options: VerbOptions = {}): Promise<readonly string[]> {
  // The engine finds the container's by their ids.
  const { Processes } = await engine.call({ what: `listing processes of ${runtimeId}`, ...options, lane: 'read' }, (docker, abortSignal) => docker.getContainer(runtimeId).top({ ps_args: '-eo pid,args', abortSignal })).catch((cause: unknown) => {
    if (engineStatus(cause) !== 409) throw cause;
    throw new ProviderError('not-running', `cannot list processes of ${runtimeId}: ${engineText(cause)}`, { cause });
  });
  return (Processes as readonly (readonly string[])[]).map((columns) => columns.slice(1).join(' '));
}

/** The container, which must be there and ours.
 *  @throws {ProviderError} `container-absent`. */
export async function requireOurs(engine: EngineClient, runtimeId: string, options: VerbOptions): Promise<ObservedNode> {
  const seen = await inspectById(engine, runtimeId, options);
  if (seen.found === 'ours') return seen.node;
  throw containerAbsent(runtimeId, seen.found === 'foreign' ? 'not ours' : 'gone');
}

/** Name of a container that may be somebody else's and that must run, if it is ours.
 *  @throws {ProviderError} `container-absent`, `not-running`. */
export async function requireAny(engine: EngineClient, runtimeId: string, options: VerbOptions): Promise<{ name: string; status: string }> {
  const seen = await inspectById(engine, runtimeId, options);
  if (seen.found === 'absent') throw containerAbsent(runtimeId, 'gone');
  // Whether somebody else's runs, the engine says at the next call.
  return seen.found === 'ours' ? seen.node : { name: seen.holder.name, status: 'running' };
}

function containerAbsent(runtimeId: string, why: string): ProviderError {
  return new ProviderError('container-absent', `container ${runtimeId} is ${why}`, { details: { runtimeId } });
}

async function onOurs(engine: EngineClient, runtimeId: string, options: VerbOptions, act: (node: ObservedNode) => Promise<unknown>): Promise<void> {
  const seen = await inspectById(engine, runtimeId, options);
  if (seen.found !== 'ours' || !['running', 'paused', 'restarting'].includes(seen.node.status)) return;
  try {
    await act(seen.node);
  } catch (error) {
    // 304 and 409: it ended by itself meanwhile; 404: it was removed.
    if (![304, 404, 409].includes(engineStatus(error) ?? 0)) throw error;
  }
}

async function unpause(engine: EngineClient, node: ObservedNode, options: VerbOptions): Promise<void> {
  await engine.call({ what: `unpausing container ${node.name}`, ...options }, (docker, abortSignal) => docker.getContainer(node.runtimeId).unpause({ abortSignal }));
}

async function start(engine: EngineClient, node: ObservedNode, options: VerbOptions): Promise<void> {
  try {
    await engine.call({ what: `starting container ${node.name}`, ...options }, (docker, abortSignal) => docker.getContainer(node.runtimeId).start({ abortSignal }));
  } catch (error) {
    if (engineStatus(error) === 304) return;
    // An engine network that is gone answers 404 too.
    if (engineStatus(error) === 404 && /no such container/i.test(engineText(error))) throw containerAbsent(node.runtimeId, 'gone');
    throw engineStatus(error) === undefined ? error : explainStartError(node, engineText(error), error);
  }
}

function explainStartError(node: ObservedNode, text: string, cause: unknown): ProviderError {
  const details = { runtimeId: node.runtimeId, engine: text };
  const message = `starting container ${node.name} failed: ${text}`;
  if (/executable file not found|exec format error|: no such file or directory: unknown$/.test(text) && /exec:|exec user process|executable/.test(text)) {
    return new ProviderError('command-not-found', `${message}; correct "cmd" or "entrypoint" of the node, or its image`, { cause, details });
  }
  if (/unable to apply caps|capset|operation not permitted/i.test(text) && /caps?\b|capab/i.test(text)) {
    return new ProviderError('privileged-not-possible', `${message}; this host cannot give the capabilities that the node asks for`, { cause, details });
  }
  if (text.includes(`${sandboxRuntime} runtime:`) || /unknown or invalid runtime name|unknown runtime/i.test(text)) {
    return new ProviderError('sandbox-missing', message, { cause, details, retryable: true });
  }
  return new ProviderError('start-failed', message, { cause, details, retryable: true });
}

/** Never let it run in a network that is not the one ordered. */
async function rejectWrongSandbox(engine: EngineClient, node: ObservedNode, netnsPath: string, options: VerbOptions): Promise<void> {
  try {
    checkJoinedSandbox(node.pid, netnsPath);
  } catch (error) {
    await kill(engine, node.runtimeId, 'SIGKILL', options);
    throw error;
  }
}
