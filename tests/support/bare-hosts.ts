// Machines that are no hosts yet, for tests of how they become some: namespaces with an engine on an underlay, without anything of ours running.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { execa } from 'execa';
import { ensureImageStore } from './hosts/image-store.ts';
import { removeCgroups, testHost } from './hosts/test-host.ts';
import type { TestHost } from './hosts/test-host.ts';
import { openUnderlay } from './hosts/underlay.ts';
import { removeLeftovers } from './test-hosts.ts';

const LABWRIGHT = join(import.meta.dirname, '..', '..', 'labwright');

export type Ran = { readonly exitCode: number | undefined; readonly stdout: string; readonly stderr: string };
export type CliOptions = { readonly input?: string; readonly env?: Record<string, string> };

export type BareHosts = {
  /** From 1. */
  host(number: number): TestHost;
  /** Runs the command line inside a machine, with the state directory of that machine. */
  cli(on: TestHost, args: readonly string[], options?: CliOptions): Promise<Ran>;
  close(): Promise<void>;
};

/** Boots so many machines, named h1, h2, ... Nothing is left behind when it fails, or when this process is killed. */
export async function openBareHosts(options: { hosts: number; images: readonly string[] }): Promise<BareHosts> {
  await removeLeftovers();
  const images = await ensureImageStore(options.images);
  const dir = await mkdtemp(join(tmpdir(), `lw-hosts-${process.pid}-`));
  const undo: (() => Promise<unknown>)[] = [async () => await rm(dir, { recursive: true, force: true }), async () => await removeCgroups(basename(dir))];
  const close = async (): Promise<void> => {
    for (const step of undo.splice(0).toReversed()) await step();
  };
  try {
    const underlay = await openUnderlay({ hosts: options.hosts, mtu: 1500 });
    undo.push(async () => await underlay.close());
    const hosts = Array.from({ length: options.hosts }, (_unused, index) =>
      testHost({ number: index + 1, dir: join(dir, `h${index + 1}`), images, underlay, cgroupParent: `/${basename(dir)}/h${index + 1}`, withOvs: false, actorEnv: {} }));
    undo.push(async () => await Promise.all(hosts.map(async (host) => await host.remove())));
    await Promise.all(hosts.map(async (host) => await host.comeBack({ actor: 'stays-down' })));
    return {
      close,
      host(number) {
        const found = hosts[number - 1];
        if (found === undefined) throw new Error(`there is no host ${number}`);
        return found;
      },
      async cli(on, args, { input, env = {} } = {}) {
        const [program, entered] = on.enter([LABWRIGHT, ...args]);
        const { exitCode, stdout, stderr } = await execa(program, entered, { env: { LABWRIGHT_HOME: on.home, NO_COLOR: '1', ...env }, reject: false, cwd: '/', ...(input === undefined ? { stdin: 'ignore' } : { input }) });
        return { exitCode, stdout, stderr };
      },
    };
  } catch (error) {
    await close();
    throw error;
  }
}
