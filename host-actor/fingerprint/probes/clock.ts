// Is the clock of this host kept right by a time service?
import { access } from 'node:fs/promises';
import type { Finding, ProbeContext, ProbeSpec } from '../probe.ts';
import { ProgramMissingError, runCommand } from '../run-command.ts';

const costs = 'Times of several hosts cannot be compared; waits and deadlines are not concerned.';
const remedy = 'Install chrony or enable systemd-timesyncd.';

export const clockProbe: ProbeSpec = {
  id: 'clock',
  title: 'Clock',
  deadlineMs: 5_000,
  costs,
  remedy,
  run: async (context) => {
    for (const ask of [askChrony, askNtp, askSystemd]) {
      const finding = await ask(context);
      if (finding !== undefined) return finding;
    }
    return { status: 'missing', found: 'no time service answers: the offset is not known', costs, remedy };
  },
};

const unsynced = (who: string): Finding => ({ status: 'not-effective', found: `${who} runs, but the clock is not synchronised: the offset is not known`, costs, remedy: `See why ${who} reaches no server.` });

/** Source: chronyc(1), `-c tracking`: field 5 is the offset in seconds, the last one the leap status. */
const askChrony = async (context: ProbeContext): Promise<Finding | undefined> => {
  const answer = await tryCommand(context, 'chronyc', ['-n', '-c', 'tracking']);
  if (answer === undefined) return undefined;
  const fields = answer.trim().split(',');
  if (fields.at(-1) === 'Not synchronised' || fields.length < 5) return unsynced('chrony');
  return { status: 'ok', found: `chrony: offset ${(Number(fields[4]) * 1_000).toFixed(3)} ms` };
};

const askNtp = async (context: ProbeContext): Promise<Finding | undefined> => {
  const answer = await tryCommand(context, 'ntpq', ['-c', 'rv 0 leap,offset']);
  if (answer === undefined || !answer.includes('offset')) return undefined;
  if (/leap=(11|3)\b/.test(answer)) return unsynced('ntpd');
  return { status: 'ok', found: `ntpd: offset ${/offset=([-\d.]+)/.exec(answer)?.[1] ?? '?'} ms` };
};

const askSystemd = async (context: ProbeContext): Promise<Finding | undefined> => {
  const done = await access('/run/systemd/timesync/synchronized').then(() => true, () => false);
  if (done) return { status: 'ok', found: 'systemd-timesyncd has synchronised it: the offset is not told' };
  const answer = await tryCommand(context, 'timedatectl', ['show', '--property=NTP', '--property=NTPSynchronized']);
  if (answer === undefined) return undefined;
  if (answer.includes('NTPSynchronized=yes')) return { status: 'ok', found: 'systemd says that it is synchronised: the offset is not told' };
  return answer.includes('NTP=yes') ? unsynced('systemd-timesyncd') : undefined;
};

const tryCommand = async (context: ProbeContext, file: string, args: readonly string[]): Promise<string | undefined> => {
  try {
    const result = await runCommand(context, file, args);
    return result.exitCode === 0 ? result.stdout : undefined;
  } catch (error) {
    if (error instanceof ProgramMissingError) return undefined;
    throw error;
  }
};
