// What of the controller lives, since when, and what its NATS server keeps at power loss: for status and for waiting.
import { access } from 'node:fs/promises';
import { readDurability } from '../nats/durability.ts';
import { askSupervisor } from './ask-supervisor.ts';
import type { ControlAnswer } from './ask-supervisor.ts';
import { readEndpoint } from './endpoint.ts';
import type { Endpoint } from './endpoint.ts';
import { PARENT_NAME } from './parent-record.ts';
import { isAlive, readProcessUse } from './process-identity.ts';
import { readProcessRecord } from './process-record.ts';
import type { ProcessFailure, ProcessState } from './process-record.ts';
import { helloOf } from './host-hello.ts';
import { NATS_SERVER } from './nats-server-spec.ts';
import { processRecordPath } from './state-dir.ts';
import type { StateDir } from './state-dir.ts';
import { hasSystemd, UNIT_PATH } from './systemd-unit.ts';

export type ProcessStatus = {
  readonly name: string;
  /** `dead`: it died and no parent is there to see to it. */
  readonly state: ProcessState | 'dead';
  readonly pid?: number;
  readonly sinceMs?: number;
  readonly restarts: number;
  readonly version?: string;
  readonly cpuSeconds?: number;
  readonly rssMiB?: number;
  readonly retryAtMs?: number;
  readonly failure?: ProcessFailure;
};

export type NatsStatus = {
  /** `host`: that of the controller which this host has joined. */
  readonly kind: 'embedded' | 'external' | 'host' | 'none';
  readonly url?: string;
  readonly version?: string;
  readonly fault?: string;
  /** One plain sentence: what a power loss costs. */
  readonly durability: string;
};

export type ControllerStatus = {
  readonly home: string;
  readonly hostId?: string;
  readonly parent: ProcessStatus;
  readonly processes: readonly ProcessStatus[];
  readonly nats: NatsStatus;
  readonly supervisorAnswers: boolean;
  /** What the supervisor itself says about its status, undecoded by this room. */
  readonly supervisor?: unknown;
  readonly startsAtBoot: 'systemd' | 'no';
  /** How to have it start at boot, where it does not. */
  readonly bootHint?: string;
};

/** Reads it all; never starts or changes anything, and answers also when nothing runs. */
export const controllerStatus = async (dir: StateDir, timeoutMs = 2_000): Promise<ControllerStatus> => {
  const endpoint = await readEndpoint(dir);
  const names = endpoint?.kind === 'host' ? ['host-actor'] : [...(endpoint?.kind === 'external' ? [] : [NATS_SERVER]), 'supervisor', 'host-actor'];
  const parent = await readProcessStatus(PARENT_NAME, dir.parentRecord);
  const processes = await Promise.all(names.map((name) => readProcessStatus(name, processRecordPath(dir, name))));
  const answer: ControlAnswer = endpoint === undefined ? { supervisorAnswers: false } : await (endpoint.kind === 'host' ? askAsHost : askSupervisor)(endpoint, timeoutMs);
  const unit = await access(UNIT_PATH).then(() => true, () => false);
  return {
    home: dir.home,
    ...(endpoint === undefined ? {} : { hostId: endpoint.hostId }),
    parent,
    processes,
    nats: {
      kind: endpoint?.kind ?? 'none',
      durability: endpoint === undefined ? 'no server has been started yet' : endpoint.kind === 'host' ? 'decided by the controller that this host has joined' : await readDurability({ configPath: endpoint.kind === 'embedded' ? dir.natsConfig : undefined, version: answer.natsVersion }),
      ...(endpoint === undefined ? {} : { url: endpoint.url }),
      ...(answer.natsVersion === undefined ? {} : { version: answer.natsVersion }),
      ...(answer.natsFault === undefined ? {} : { fault: answer.natsFault }),
    },
    supervisorAnswers: answer.supervisorAnswers,
    ...(answer.supervisor === undefined ? {} : { supervisor: answer.supervisor }),
    ...(unit ? { startsAtBoot: 'systemd' } : { startsAtBoot: 'no', bootHint: bootHint(dir, await hasSystemd()) }),
  };
};

const askAsHost = async (endpoint: Endpoint, timeoutMs: number): Promise<ControlAnswer> =>
  await helloOf(endpoint, timeoutMs).then(
    (hello) => ({ supervisorAnswers: hello !== undefined, ...(hello === undefined ? {} : { supervisor: { hello } }) }),
    (error: unknown) => ({ supervisorAnswers: false, natsFault: error instanceof Error ? error.message : String(error) }),
  );

const bootHint = (dir: StateDir, systemd: boolean): string =>
  systemd
    ? 'run `labwright up` as root, which installs a systemd unit'
    : `there is no systemd here: have your init run \`LABWRIGHT_HOME=${dir.home} labwright up\` at boot (for example by an @reboot line of cron)`;

/** Status of one process from its record, corrected by what the kernel shows. */
export const readProcessStatus = async (name: string, recordPath: string): Promise<ProcessStatus> => {
  const record = await readProcessRecord(recordPath);
  if (record === undefined) return { name, state: 'stopped', restarts: 0 };
  const { identity, sinceMs, version, failure, retryAtMs, restarts } = record;
  const about = { name, restarts, ...(version === undefined ? {} : { version }), ...(failure === undefined ? {} : { failure }) };
  const recorded = record.state;
  if (identity === undefined) {
    return { ...about, state: recorded === 'running' ? 'dead' : recorded, ...(retryAtMs === undefined ? {} : { retryAtMs }) };
  }
  if (!isAlive(identity)) return { ...about, state: recorded === 'stopped' ? 'stopped' : 'dead' };
  return { ...about, state: recorded, pid: identity.pid, ...(sinceMs === undefined ? {} : { sinceMs }), ...readProcessUse(identity) };
};
