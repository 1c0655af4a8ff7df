// Runs programs and sets kernel switches in the network namespace that is "the host": the real one, or one named.
import { readFile, writeFile } from 'node:fs/promises';
import { execa } from 'execa';
import { MgmtNetworkError } from './mgmt-network-error.ts';

export interface CommandOutput { readonly exitCode: number; readonly stdout: string; readonly stderr: string }
export interface RunOptions { readonly input?: string | undefined; readonly signal?: AbortSignal | undefined; readonly timeoutMs?: number | undefined }

/** `netns` names the namespace (`ip netns`) that plays the host; absent = the one this process lives in. */
export class HostShell {
  readonly netns: string | undefined;
  #iptables: Promise<'nftables' | 'legacy' | 'none'> | undefined;

  constructor(netns?: string) {
    this.netns = netns;
  }

  /** Program and arguments as they have to be started to run on that host. */
  line(file: string, args: readonly string[]): [string, ...string[]] {
    return this.netns === undefined ? [file, ...args] : ['ip', 'netns', 'exec', this.netns, file, ...args];
  }

  /** Runs a program to its end; an exit code other than 0 is a value, a program that is not installed has exit code 127. */
  async try(file: string, args: readonly string[], options: RunOptions = {}): Promise<CommandOutput> {
    const [program, ...rest] = this.line(file, args);
    const result = await execa(program, rest, {
      reject: false,
      stripFinalNewline: false,
      maxBuffer: 256 * 1024 * 1024,
      timeout: options.timeoutMs ?? 20_000,
      env: { LC_ALL: 'C' },
      ...(options.input === undefined ? { stdin: 'ignore' as const } : { input: options.input }),
      ...(options.signal ? { cancelSignal: options.signal } : {}),
    });
    if (result.isCanceled) throw new MgmtNetworkError({ code: 'aborted', retryable: true, message: `${file} ${args.join(' ')} was given up: the caller stopped waiting` });
    if (result.timedOut) throw new MgmtNetworkError({ code: 'command-failed', retryable: true, message: `${file} ${args.join(' ')} did not end in ${options.timeoutMs ?? 20_000} ms` });
    if (result.exitCode === undefined && result.code !== 'ENOENT') {
      throw new MgmtNetworkError({ code: 'command-failed', retryable: true, message: `${file} could not be run: ${result.message}`, cause: result.cause });
    }
    return { exitCode: result.exitCode ?? 127, stdout: result.stdout, stderr: result.stderr };
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

function lastLines(text: string): string {
  return text.trim().split('\n').slice(-5).join(' | ') || '(nothing printed)';
}
