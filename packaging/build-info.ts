// What a package says about its origin: version, commit and the commit's time, so that equal sources make equal packages.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';

export type BuildInfo = {
  readonly version: string;
  /** Short hash; `+changes` behind it when the sources differ from that commit; `none` outside of a clone. */
  readonly commit: string;
  /** ISO 8601. */
  readonly date: string;
};

/** Reads package.json and git. Outside of a clone the date is SOURCE_DATE_EPOCH (seconds), else now. */
export async function readBuildInfo(root: string, env: { readonly SOURCE_DATE_EPOCH?: string | undefined }): Promise<BuildInfo> {
  const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'));
  if (typeof version !== 'string') throw new Error(`${join(root, 'package.json')} names no version`);
  const shown = await execa('git', ['-C', root, 'show', '-s', '--format=%h %cI', 'HEAD'], { reject: false });
  const [hash, date] = shown.exitCode === 0 ? shown.stdout.trim().split(' ') : [];
  if (hash === undefined || date === undefined) return { version, commit: 'none', date: dateFrom(env.SOURCE_DATE_EPOCH) };
  const status = await execa('git', ['-C', root, 'status', '--porcelain', '--untracked-files=no'], { reject: false });
  return { version, commit: status.stdout === '' ? hash : `${hash}+changes`, date };
}

function dateFrom(epochSeconds: string | undefined): string {
  return (epochSeconds === undefined || epochSeconds === '' ? new Date() : new Date(Number(epochSeconds) * 1000)).toISOString();
}
