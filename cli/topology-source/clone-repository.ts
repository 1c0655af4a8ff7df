// Brings a git repository into the working folder, or up to date where it lies there already.
// The system's own client: it knows the user's keys, proxies and credentials.
import { execFile } from 'node:child_process';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { CliError, EXIT } from '../exit-code.ts';
import type { GitSource } from './git-source.ts';

const TIMEOUT_MS = 300_000;

/** The folder of the repository. What was changed in it by hand stays. @throws {CliError} failed: git says why; `folder-taken`. */
export async function cloneRepository(source: GitSource, options: { into: string; onProgress: (text: string) => void }): Promise<string> {
  const folder = join(options.into, source.name);
  const branch = source.ref === undefined ? [] : ['--branch', source.ref];
  if (!(await stat(folder).catch(() => null))) {
    options.onProgress(`Cloning ${withoutSecrets(source.url)} into ${folder}`);
    await git(source, ['clone', '--quiet', '--depth', '1', ...branch, '--', source.url, folder]);
    return folder;
  }
  const origin = await git(source, ['-C', folder, 'remote', 'get-url', 'origin']).catch(() => '');
  if (bare(origin) !== bare(source.url)) throw new CliError(EXIT.usage, 'folder-taken', `${folder} is there and is no clone of ${withoutSecrets(source.url)}: work from another folder, or move it away`);
  options.onProgress(`Updating ${folder}`);
  await git(source, ['-C', folder, 'fetch', '--quiet', '--depth', '1', 'origin', source.ref ?? 'HEAD']);
  // Refused by git where it would overwrite what was changed by hand.
  await git(source, ['-C', folder, 'checkout', '--quiet', '--detach', 'FETCH_HEAD']);
  return folder;
}

const bare = (url: string): string => url.trim().replace(/\/+$/, '').replace(/\.git$/, '');
const withoutSecrets = (url: string): string => url.replace(/\/\/[^/@]*@/, '//');

async function git(source: GitSource, args: readonly string[]): Promise<string> {
  try {
    // Never asks: a command in a script would wait for ever.
    const { stdout } = await promisify(execFile)('git', [...args], { timeout: TIMEOUT_MS, env: { ...process.env, GIT_TERMINAL_PROMPT: '0', LC_ALL: 'C' } });
    return stdout.trim();
  } catch (cause) {
    const told = cause instanceof Error && 'stderr' in cause && typeof cause.stderr === 'string' && cause.stderr.trim() !== '' ? cause.stderr.trim() : String(cause);
    const missing = cause instanceof Error && 'code' in cause && cause.code === 'ENOENT';
    throw new CliError(EXIT.failed, 'git-failed', missing ? 'git is not installed: it is needed for labs in repositories' : `${withoutSecrets(source.url)}: git failed: ${withoutSecrets(told)}`, { cause });
  }
}
