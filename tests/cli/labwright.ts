// Runs the command line as a user would, with a controller of its own.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';

const ROOT = join(import.meta.dirname, '..', '..');

export type Ran = { readonly exitCode: number | undefined; readonly stdout: string; readonly stderr: string };

export type World = {
  /** Working folder of all runs; lab files lie here. */
  readonly folder: string;
  run(args: readonly string[], options?: { input?: string; env?: Record<string, string>; cwd?: string }): Promise<Ran>;
  /** Writes a lab file and returns its path. */
  file(name: string, text: string): string;
  /** Destroys all labs, stops the controller and removes every file. */
  end(): Promise<void>;
};

export function openWorld(): World {
  const folder = mkdtempSync(join(tmpdir(), 'labwright-cli-'));
  const run: World['run'] = async (args, options = {}) => {
    const env = { LABWRIGHT_HOME: join(folder, 'home'), TMPDIR: folder, NO_COLOR: '1', ...options.env };
    const { exitCode, stdout, stderr } = await execa(join(ROOT, 'labwright'), args, { cwd: options.cwd ?? folder, env, reject: false, ...(options.input === undefined ? { stdin: 'ignore' } : { input: options.input }) });
    return { exitCode, stdout, stderr };
  };
  return {
    folder,
    run,
    file(name, text) {
      const path = join(folder, name);
      writeFileSync(path, text);
      return path;
    },
    async end() {
      await run(['destroy', '--all', '--yes', '--cleanup']);
      await run(['down']);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
