// Sends probes from the namespace of the host ends: from this process where that is its own, else by a child in there.
import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { extname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { z } from 'zod';
import { LinkPlaneError } from './link-plane-error.ts';
import { commandIn, toolEnvironment } from './run-tool.ts';
import { sendProbes, type Probe, type SendFailures } from './send-probes.ts';

export type SendProbes = (probes: readonly Probe[]) => Promise<SendFailures>;

/** A child holds its namespace, so it does not stay long without work. */
const IDLE_MS = 3_000;
const Failures = z.array(z.tuple([z.number(), z.string()]));

type Child = { readonly process: ChildProcessWithoutNullStreams; readonly waiting: { readonly resolve: (failures: SendFailures) => void; readonly reject: (error: unknown) => void }[]; timer: NodeJS.Timeout | undefined };

/** @param netns - name or path; undefined = our own. */
export function createProbeSender(netns: string | undefined): SendProbes {
  if (netns === undefined) return sendProbes;
  let child: Child | undefined;
  const leave = (left: Child): void => {
    if (child === left) child = undefined;
    clearTimeout(left.timer);
    left.process.stdin.end();
  };
  return (probes) =>
    new Promise((resolve, reject) => {
      child ??= startChild(netns, leave);
      const own = child;
      clearTimeout(own.timer);
      own.timer = setTimeout(() => leave(own), IDLE_MS).unref();
      own.waiting.push({ resolve, reject });
      own.process.stdin.write(`${JSON.stringify(probes)}\n`);
    });
}

function startChild(netns: string, leave: (child: Child) => void): Child {
  const script = join(import.meta.dirname, `probe-child${extname(import.meta.filename)}`);
  const { program, args } = commandIn(netns, process.execPath, [script]);
  const child: Child = { process: spawn(program, args, { stdio: 'pipe', env: { ...toolEnvironment(), NODE_NO_WARNINGS: '1' } }), waiting: [], timer: undefined };
  let complaints = '';
  child.process.stderr.setEncoding('utf8').on('data', (text: string) => void (complaints = `${complaints}${text}`.slice(-500)));
  child.process.stdin.on('error', () => undefined);
  createInterface({ input: child.process.stdout }).on('line', (line) => child.waiting.shift()?.resolve(new Map(Failures.parse(JSON.parse(line)))));
  const gone = (): void => {
    leave(child);
    for (const { reject } of child.waiting.splice(0)) reject(new LinkPlaneError('tool-failed', `probes could not be sent from namespace ${netns}: ${complaints.trim() || 'the child ended'}`));
  };
  child.process.once('error', gone);
  child.process.once('close', gone);
  return child;
}
