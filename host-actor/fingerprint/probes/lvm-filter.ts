// Does LVM of this host keep its hands off the disks of guests? Judged by the value in force, never by the text of a file.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Finding, ProbeContext, ProbeSpec } from '../probe.ts';
import { reasonOf, runCommand, ProgramMissingError } from '../run-command.ts';

const SETTING = 'devices/global_filter';
const costs = 'Volume groups inside the disks of guests are found and activated by this host, which can damage them and blocks their removal: disks of guests are not attached here.';
const remedy = 'In section devices of /etc/lvm/lvm.conf set global_filter = [ "r|^/dev/nbd|", "r|^/dev/loop|", "a|.*|" ], then look at the value in force: lvmconfig --typeconfig full devices/global_filter';

export const lvmFilterProbe: ProbeSpec = {
  id: 'lvm-filter',
  title: 'LVM filter',
  deadlineMs: 5_000,
  costs,
  remedy,
  run: async (context) => {
    try {
      return await judge(context);
    } catch (error) {
      if (error instanceof ProgramMissingError) return { status: 'ok', found: 'LVM is not installed: nobody scans the disks of guests' };
      throw error;
    }
  },
};

const judge = async (context: ProbeContext): Promise<Finding> => {
  const inForce = await runCommand(context, 'lvmconfig', ['--typeconfig', 'full', SETTING]);
  if (inForce.exitCode !== 0) return { status: 'not-effective', found: `lvmconfig refuses the configuration: ${reasonOf(inForce)}`, costs, remedy };
  const value = /^global_filter=(.*)$/m.exec(inForce.stdout)?.[1] ?? '';
  const rejects = rejectPatterns(value);
  const lost = (await writtenRejects(context)).filter((pattern) => !rejects.includes(pattern));
  if (lost.length > 0) {
    const found = `the file rejects ${lost.join(', ')}, but the value in force is ${value || 'empty'}`;
    return { status: 'not-effective', found, costs, remedy };
  }
  if (rejects.some((pattern) => /nbd|loop|\.\*|^\^?\/dev\/?$/.test(pattern))) return { status: 'ok', found: `in force: ${value}` };
  return { status: 'missing', found: `in force: ${value || 'nothing'}: all devices are scanned`, costs, remedy };
};

/** Reject patterns that somebody wrote into the files, in whatever line and by whatever name: what was meant. */
const writtenRejects = async ({ env }: ProbeContext): Promise<string[]> => {
  const folder = env['LVM_SYSTEM_DIR'] ?? '/etc/lvm';
  const texts = await Promise.all(['lvm.conf', 'lvmlocal.conf'].map((name) => readFile(join(folder, name), 'utf8').catch(() => '')));
  const lines = texts.join('\n').split('\n').filter((line) => !line.trimStart().startsWith('#') && /global_filter/.test(line));
  return [...new Set(lines.flatMap(rejectPatterns))];
};

/** Source: lvm.conf(5), filters: `r` or `a`, a delimiter, a pattern, the delimiter. */
const rejectPatterns = (text: string): string[] => [...text.matchAll(/"r([^\w\s])(.*?)\1"/g)].map((match) => match[2] ?? '');
