// version: what is installed, in the three lines that scripts look for.
import { execFile } from 'node:child_process';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { z } from 'zod';
import { readVersion } from '../../controller/read-version.ts';
import { command } from '../command-spec.ts';
import { EXIT } from '../exit-code.ts';

const ROOT = join(import.meta.dirname, '..', '..');

export const versionCommand = command({
  usage: 'version',
  aliases: ['ver'],
  summary: 'show the version',
  examples: ['labwright version', 'labwright version --json'],
  options: [{ flags: '-s, --short', text: 'the number alone' }],
  schema: z.object({ short: z.boolean().default(false) }),
  run: async ({ terminal, globals }, options) => {
    const version = await readVersion();
    if (options.short) {
      terminal.out(version);
      return EXIT.ok;
    }
    const { commit, date } = await readOrigin();
    if (globals.json) terminal.out(JSON.stringify({ version, commit, date }));
    else terminal.out([`version: ${version}`, ` commit: ${commit}`, `   date: ${date}`].join('\n'));
    return EXIT.ok;
  },
});

const BuildInfo = z.object({ commit: z.string(), date: z.string() });

/** Commit and its time: as a package was built, or as a clone stands; `none` and the time of package.json elsewhere. */
async function readOrigin(): Promise<{ commit: string; date: string }> {
  const built = await readFile(join(ROOT, 'build-info.json'), 'utf8').catch(() => undefined);
  if (built !== undefined) return BuildInfo.parse(JSON.parse(built));
  const ask = promisify(execFile);
  const isClone = await stat(join(ROOT, '.git')).then(() => true, () => false);
  const shown = isClone ? await ask('git', ['-C', ROOT, 'show', '-s', '--format=%h %cI', 'HEAD']).catch(() => undefined) : undefined;
  const [commit, date] = shown?.stdout.trim().split(' ') ?? [];
  if (commit !== undefined && date !== undefined) return { commit, date };
  const { mtime } = await stat(join(ROOT, 'package.json'));
  return { commit: 'none', date: mtime.toISOString() };
}
