// Runs programs and sets kernel switches in the network namespace that is "the host": the real one, or one named.
import { readFile, writeFile } from 'node:fs/promises';
import { LinkPlaneError } from '../link-plane/link-plane-error.ts';
import { runTool } from '../link-plane/run-tool.ts';
import type { RunTool } from '../link-plane/run-tool.ts';
import { createToolShells } from '../link-plane/tool-shells.ts';
import { MgmtNetworkError } from './mgmt-network-error.ts';

export interface CommandOutput { readonly exitCode: number; readonly stdout: string; readonly stderr: string }
export interface RunOptions { readonly input?: string | undefined; readonly signal?: AbortSignal | undefined; readonly timeoutMs?: number | undefined }

const DEADLINE_MS = 20_000;

/** `netns` names the namespace (`ip netns`) that plays the host; absent = the one this process lives in. */
export class HostShell {
  readonly netns: string | undefined;
  /** A making of a network starts some fifteen programs; forking our own big process for each would take longer than they do. */
  readonly #run: RunTool;
  #iptables: Promise<'nftables' | 'legacy' | 'none'> | undefined;

  constructor(netns?: string) {
    this.netns = netns;
    this.#run = netns === undefined ? createToolShells(undefined) : (call) => runTool({ ...call, program: 'ip', args: ['netns', 'exec', netns, call.program, ...call.args] });
  }

  /** Program and arguments as they have to be started to run on that host. */
  line(file: string, args: readonly string[]): [string, ...string[]] {
    return this.netns === undefined ? [file, ...args] : ['ip', 'netns', 'exec', this.netns, file, ...args];
  }

  /** Runs a program to its end; an exit code other than 0 is a value, a program that is not installed has exit code 127. The
   *  programs are brief: one that nobody waits for any more runs to its end, and the caller learns that it was given up. */
  async try(file: string, args: readonly string[], { input, signal, timeoutMs = DEADLINE_MS }: RunOptions = {}): Promise<CommandOutput> {
    if (isAborted(signal)) throw givenUp(file, args);
    const output = await this.#run({ program: file, args, deadlineMs: timeoutMs, ...(input === undefined ? {} : { stdin: input }) }).catch((cause: unknown) => {
      const exitCode = cause instanceof LinkPlaneError ? cause.details['exitCode'] : undefined;
      const message = cause instanceof Error ? cause.message : String(cause);
      if (typeof exitCode === 'number') return { exitCode, stdout: '', stderr: message };
      throw new MgmtNetworkError({ code: 'command-failed', retryable: true, cause, message });
    });
    if (isAborted(signal)) throw givenUp(file, args);
    return { ...output, exitCode: output.exitCode ?? 127 };
  }

  /** Runs a program that has to succeed. @throws {MgmtNetworkError} `command-failed` with the last lines it printed. */
  async run(file: string, args: readonly string[], options: RunOptions = {}): Promise<string> {
    const output = await this.try(file, args, options);
    if (output.exitCode === 0) return output.stdout;
    throw new MgmtNetworkError({
      code: 'command-failed',
      retryable: output.exitCode !== 127,
      message: `${file} ${args.join(' ')} failed with exit code ${output.exitCode}: ${lastLines(output.stderr || output.stdout)}`,
      details: { file, args, exitCode: output.exitCode },
    });
  }

  /** Which iptables the host has by default; asked once. */
  iptablesKind(signal?: AbortSignal): Promise<'nftables' | 'legacy' | 'none'> {
    this.#iptables ??= this.try('iptables', ['--version'], { signal }).then(
      ({ exitCode, stdout }) => (exitCode !== 0 ? 'none' : stdout.includes('nf_tables') ? 'nftables' : 'legacy'),
      (error: unknown) => {
        this.#iptables = undefined;
        throw error;
      },
    );
    return this.#iptables;
  }

  /** Reads a file below /proc as that host sees it; undefined when this kernel has none of that name. */
  async readProc(path: string): Promise<string | undefined> {
    if (this.netns === undefined) return readFile(`/proc/${path}`, 'utf8').then((text) => text.trim(), () => undefined);
    const output = await this.try('cat', [`/proc/${path}`]);
    return output.exitCode === 0 ? output.stdout.trim() : undefined;
  }

  /** Reads a switch below /proc/sys (path with slashes). */
  readSysctl(path: string): Promise<string | undefined> {
    return this.readProc(`sys/${path}`);
  }

  /** Sets a switch below /proc/sys unless it has that value; a kernel without it is no fault. */
  async setSysctl(path: string, value: string): Promise<void> {
    const present = await this.readSysctl(path);
    if (present === undefined || present === value) return;
    if (this.netns === undefined) await writeFile(`/proc/sys/${path}`, value);
    else await this.run('tee', [`/proc/sys/${path}`], { input: value });
  }
}

function isAborted(signal: AbortSignal | undefined): boolean {
  return signal?.aborted === true;
}

function givenUp(file: string, args: readonly string[]): MgmtNetworkError {
  return new MgmtNetworkError({ code: 'aborted', retryable: true, message: `${file} ${args.join(' ')} was given up: the caller stopped waiting` });
}

function lastLines(text: string): string {
  return text.trim().split('\n').slice(-5).join(' | ') || '(nothing printed)';
}
