// The systemd unit that starts the controller at boot: its text, and putting it in place where systemd runs.
import { access, rm } from 'node:fs/promises';
import { execa } from 'execa';
import { ControllerError } from './controller-error.ts';
import { writeAtomically } from './write-atomically.ts';

export const UNIT_NAME = 'labwright.service';
export const UNIT_PATH = `/etc/systemd/system/${UNIT_NAME}`;

export type UnitOptions = {
  readonly home: string;
  /** Command of the parent, absolute. */
  readonly command: readonly string[];
  /** Set for the parent, for example an external NATS; values are no secrets. */
  readonly env: Readonly<Record<string, string>>;
};

/** Text of the unit. Only the parent is signalled: it ends its processes in order, and when it dies by itself they go on. */
export const renderUnit = (options: UnitOptions): string =>
  [
    '# Written by `labwright up`; changes are lost.',
    '[Unit]',
    'Description=Labwright controller',
    'After=network-online.target docker.service openvswitch-switch.service libvirtd.service',
    'Wants=network-online.target',
    '',
    '[Service]',
    'Type=exec',
    `ExecStart=${options.command.map((word) => quote(word).replaceAll('$', '$$$$')).join(' ')}`,
    'ExecReload=/bin/kill -HUP $MAINPID',
    ...Object.entries({ LABWRIGHT_HOME: options.home, ...options.env })
      .toSorted(([a], [b]) => a.localeCompare(b))
      .map(([name, value]) => `Environment=${quote(`${name}=${value}`)}`),
    'KillMode=process',
    'TimeoutStopSec=60',
    'Restart=always',
    'RestartSec=1',
    'LimitNOFILE=1048576',
    'TasksMax=infinity',
    'OOMScoreAdjust=-500',
    '',
    '[Install]',
    'WantedBy=multi-user.target',
    '',
  ].join('\n');

/** True where systemd is pid 1. Source: sd_booted(3). */
export const hasSystemd = async (): Promise<boolean> => access('/run/systemd/system').then(() => true, () => false);

/** Writes, enables and starts the unit; idempotent. @throws {ControllerError} `systemd-failed` (retryable). */
export const installUnit = async (options: UnitOptions, path: string = UNIT_PATH): Promise<void> => {
  await writeAtomically(path, renderUnit(options), 0o644);
  await systemctl(['daemon-reload']);
  await systemctl(['enable', '--now', UNIT_NAME]);
};

/** Stops the unit and waits for it; it starts again at the next boot. @throws {ControllerError} `systemd-failed`. */
export const stopUnit = async (): Promise<void> => systemctl(['stop', UNIT_NAME]);

/** Takes the unit away, so that nothing starts at the next boot; absent is success. @throws {ControllerError} `systemd-failed`. */
export const removeUnit = async (): Promise<void> => {
  if (!(await hasSystemd()) || !(await access(UNIT_PATH).then(() => true, () => false))) return;
  await systemctl(['disable', '--now', UNIT_NAME]);
  await rm(UNIT_PATH, { force: true });
  await systemctl(['daemon-reload']);
};

/** True when systemd runs our unit now. */
export const isUnitActive = async (): Promise<boolean> => {
  if (!(await hasSystemd())) return false;
  return (await execa('systemctl', ['is-active', '--quiet', UNIT_NAME], { reject: false, timeout: 10_000 })).exitCode === 0;
};

const systemctl = async (args: readonly string[]): Promise<void> => {
  const result = await execa('systemctl', args, { reject: false, timeout: 90_000, all: true });
  if (result.exitCode === 0) return;
  throw new ControllerError('systemd-failed', `systemctl ${args.join(' ')} failed with ${result.exitCode ?? 'no exit code'}: ${result.all}. See: journalctl -u ${UNIT_NAME}`, {
    retryable: true,
  });
};

// Source: systemd.service(5): quotes, `%` begins a specifier; in commands, not in Environment=, `$` begins a variable.
const quote = (word: string): string => `"${word.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('%', '%%')}"`;
