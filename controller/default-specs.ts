// The processes of an ordinary installation, in their order of start.
import { hostname } from 'node:os';
import { HostId } from '../machines/vocabulary/ids.ts';
import { readEndpoint, readExternalNats, writeEndpoint } from './endpoint.ts';
import { ensureHostIdentity, readMachineId } from './host-identity.ts';
import { natsServerSpec } from './nats-server-spec.ts';
import type { ProcessSpec } from './process-spec.ts';
import { roomSpec } from './room-spec.ts';
import type { StateDir } from './state-dir.ts';

export type DefaultSpecsOptions = {
  readonly dir: StateDir;
  readonly version: string;
  readonly env: NodeJS.ProcessEnv;
  readonly onNatsMoved: () => void;
  /** Other programs in place of ours, by room. */
  readonly mains?: Readonly<Partial<Record<'supervisor' | 'host-actor', string>>>;
};

/** nats-server (unless the environment names an external one), supervisor, host-actor; on a host of a controller elsewhere the last alone. The caller holds the parent's lock.
 *  @throws {ControllerError} `external-nats-incomplete`, `empty-secret`, `bad-state-file`. */
export const makeDefaultSpecs = async (options: DefaultSpecsOptions): Promise<ProcessSpec[]> => {
  const { dir, env, version, mains = {} } = options;
  const { hostId } = await ensureHostIdentity(dir, { hostname: hostname(), machineId: await readMachineId() });
  const room = (name: 'supervisor' | 'host-actor'): ProcessSpec =>
    roomSpec({
      dir,
      version,
      room: name,
      role: name === 'supervisor' ? { role: 'supervisor' } : { role: 'host', hostId: HostId.parse(hostId) },
      ...(mains[name] === undefined ? {} : { main: mains[name] }),
    });
  if ((await readEndpoint(dir))?.kind === 'host') return [room('host-actor')];
  const external = await readExternalNats(env);
  if (external !== undefined) await writeEndpoint(dir, { kind: 'external', ...external, hostId });
  const nats = external === undefined ? [natsServerSpec({ dir, hostId, env, onMoved: options.onNatsMoved })] : [];
  return [...nats, room('supervisor'), room('host-actor')];
};
