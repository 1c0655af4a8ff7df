// The NATS server program for the embedded controller: is it there, and does it keep what it acknowledged?
import { join } from 'node:path';
import { isAtLeast, MINIMUM_SERVER_VERSION } from '../../../nats/connect.ts';
import type { ProbeSpec } from '../probe.ts';
import { ProgramMissingError, runCommand } from '../run-command.ts';

const SET_UP_PATH = '/usr/local/lib/labwright/bin/nats-server';
const remedy = 'Run labwright-setup as root (in a clone: setup/setup.sh), which brings a current one; or use an external NATS (LABWRIGHT_NATS_URL, LABWRIGHT_NATS_CREDS).';

export const natsServerProbe: ProbeSpec = {
  id: 'nats-server',
  title: 'NATS server',
  deadlineMs: 5_000,
  costs: 'The embedded controller cannot start.',
  remedy,
  run: async (context) => {
    const folders = (context.env['PATH'] ?? '').split(':').filter((folder) => folder !== '');
    const wanted = context.env['LABWRIGHT_NATS_SERVER'];
    const files = wanted ? [wanted] : [SET_UP_PATH, ...folders.map((folder) => join(folder, 'nats-server'))];
    let old: string | undefined;
    for (const file of files) {
      const version = await readVersion(() => runCommand(context, file, ['--version']));
      if (version === undefined) continue;
      if (isAtLeast(version, MINIMUM_SERVER_VERSION)) return { status: 'ok', found: `${version} (${file}): keeps all that was acknowledged over a power loss` };
      old ??= `${version} (${file})`;
    }
    if (old === undefined) return { status: 'missing', found: 'no nats-server program', costs: 'The embedded controller cannot start.', remedy };
    return { status: 'too-old', found: `${old}; ${MINIMUM_SERVER_VERSION} is needed`, costs: 'It is not used: a power loss would cost minutes of what it acknowledged.', remedy };
  },
};

const readVersion = async (run: () => Promise<{ readonly stdout: string }>): Promise<string | undefined> => {
  try {
    return /v(\d+\.\d+\.\d+\S*)/.exec((await run()).stdout)?.[1];
  } catch (error) {
    if (error instanceof ProgramMissingError) return undefined;
    throw error;
  }
};
