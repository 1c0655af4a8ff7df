// A Docker engine of the test's own, which it may freeze, kill and start again without harm to anybody.
import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { eventually } from '../../support/eventually.ts';

/** A command that waits and ends at SIGTERM; as first process others would sit out the engine's grace. */
export const endingShell = ['/bin/sh', '-c', 'trap "exit 0" TERM; while :; do /bin/sleep 1000 & wait $!; done'];

type Daemon = ReturnType<typeof startDaemon>;

// A shut-down takes as long as its containers need: no kill after it.
const startDaemon = (args: readonly string[], log: string) =>
  // In a network namespace of its own: an engine without a bridge removes docker0 where it starts, and that is another engine's.
  execa('unshare', ['--net', '--', 'dockerd', ...args], { reject: false, forceKillAfterDelay: false, stdin: 'ignore', stdout: { file: log }, stderr: { file: `${log}.err` } });

/** Path of our runtime as the host's engine knows it; empty where it knows none. */
async function ourRuntime(): Promise<string> {
  const { stdout } = await execa('docker', ['info', '-f', '{{json .Runtimes}}']);
  return /"labwright":\{"path":"([^"]+)"/.exec(stdout)?.[1] ?? '';
}

/**
 * Our runtime over a runc that takes these capabilities out of what the engine asks for, at create and at exec: so a machine
 * that lacks some itself runs privileged containers all the same, with all that it has.
 */
async function runtimeWithout(capabilities: readonly string[], { dir, ours }: { dir: string; ours: string }): Promise<string> {
  const { stdout: runc } = await execa('sh', ['-c', 'command -v runc']);
  const edits = capabilities.flatMap((name) => [`s/,"CAP_${name}"//g`, `s/"CAP_${name}",//g`, `s/"CAP_${name}"//g`]).join(';');
  const lines = ['#!/bin/sh', 'previous=""', 'for word in "$@"; do', '  case $previous in', `    --bundle) sed -i '${edits}' "$word/config.json" ;;`, `    --process) sed -i '${edits}' "$word" ;;`,
    '  esac', '  previous=$word', 'done', `exec ${runc} "$@"`];
  await mkdir(join(dir, 'bin'));
  await writeFile(join(dir, 'bin', 'runc'), `${lines.join('\n')}\n`, { mode: 0o755 });
  const runtime = join(dir, 'bin', 'labwright-runtime');
  await writeFile(runtime, `#!/bin/sh\nPATH=${join(dir, 'bin')}:$PATH exec ${ours} "$@"\n`, { mode: 0o755 });
  return runtime;
}

export class PrivateEngine {
  readonly socketPath: string;
  readonly #dir: string;
  readonly #runtimePath: string;
  #process: Daemon | undefined;

  private constructor(dir: string, runtimePath: string) {
    this.#dir = dir;
    this.#runtimePath = runtimePath;
    this.socketPath = join(dir, 'engine.sock');
  }

  /** Starts an engine with its own directories; it knows our runtime where the host's engine does, unless it is to be a bare one. */
  static async start(kind: 'like-the-host' | 'bare' | { without: readonly string[] } = 'like-the-host'): Promise<PrivateEngine> {
    const dir = await mkdtemp(join(tmpdir(), 'tprov-engine-'));
    const ours = kind === 'bare' ? '' : await ourRuntime();
    const engine = new PrivateEngine(dir, typeof kind === 'string' || ours === '' ? ours : await runtimeWithout(kind.without, { dir, ours }));
    await engine.boot();
    return engine;
  }

  /** Starts the daemon on its directories, as a host that boots does. */
  async boot(): Promise<void> {
    const at = (name: string) => join(this.#dir, name);
    // containerd ends with its killed parent; a pid file that names it, or its unreaped rest, keeps a new one from starting.
    for (const stale of ['engine.pid', 'engine.sock', 'exec/containerd/containerd.pid']) await rm(at(stale), { force: true });
    // Its own settings: those of the host's engine are none of its business.
    const runtimes = this.#runtimePath === '' ? {} : { labwright: { path: this.#runtimePath } };
    await writeFile(at('daemon.json'), JSON.stringify({ runtimes, bridge: 'none', iptables: false }));
    const directories = ['--data-root', at('data'), '--exec-root', at('exec'), '--pidfile', at('engine.pid'), '-H', `unix://${this.socketPath}`];
    this.#process = startDaemon([...directories, '--config-file', at('daemon.json')], at('engine.log'));
    await eventually(() => this.docker('version'), { timeoutMs: 30_000, what: 'an answer of the private engine', everyMs: 100 });
  }

  /** The command line of this engine. */
  async docker(...args: string[]): Promise<string> {
    return (await execa('docker', ['-H', `unix://${this.socketPath}`, ...args])).stdout;
  }

  /** A small image from the host's own shell: no registry needed. */
  async importShell(tag: string): Promise<void> {
    const programs = ['/bin/sh', '/bin/sleep', '/bin/cat'];
    const { stdout } = await execa('ldd', programs);
    const libraries = [...stdout.matchAll(/(\/\S+\.so\S*)/g)].flatMap((match) => match[1] ?? []);
    const files = [...new Set([...programs, ...libraries])].map((path) => path.slice(1));
    const archive = join(this.#dir, 'shell.tar');
    await execa('tar', ['-C', '/', '-chf', archive, ...files]);
    await this.docker('import', archive, tag);
  }

  signal(name: 'SIGSTOP' | 'SIGCONT' | 'SIGTERM' | 'SIGKILL'): void {
    this.#process?.kill(name);
  }

  /** Ends the daemon in order, as a shutdown of the host does. */
  async shutDown(): Promise<void> {
    this.signal('SIGCONT');
    this.signal('SIGTERM');
    await this.#process;
  }

  async remove(): Promise<void> {
    await this.shutDown();
    await this.#killLeftOver();
    // The engine leaves bind mounts of namespaces behind.
    const { stdout } = await execa('findmnt', ['-rno', 'TARGET'], { reject: false });
    for (const target of stdout.split('\n').filter((line) => line.startsWith(`${this.#dir}/`)).toReversed()) await execa('umount', ['-l', target], { reject: false });
    await eventually(async () => rm(this.#dir, { recursive: true, force: true }).then(() => true), { timeoutMs: 10_000, what: 'removal of the private engine' });
  }

  /** Shims of containers outlive a killed daemon. They are known by this engine's own directory in their arguments. */
  async #killLeftOver(): Promise<void> {
    for (const pid of (await readdir('/proc')).filter((entry) => /^\d+$/.test(entry))) {
      const line = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
      if (line.startsWith('/usr/bin/containerd-shim') && line.includes(`${this.#dir}/`)) process.kill(Number(pid), 'SIGKILL');
    }
  }
}
