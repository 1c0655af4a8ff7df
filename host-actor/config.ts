// What the host-actor is told by its environment and its state directory.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { HostId } from '../machines/vocabulary/ids.ts';
import type { RepairSwitches } from '../machines/vocabulary/repair-switches.ts';
import { VlanRanges } from '../machines/vocabulary/vlan-ranges.ts';
import type { VlanRange } from '../machines/vocabulary/vlan-ranges.ts';
import { HostActorError } from './host-actor-error.ts';
import type { CapacityWish } from './host-capacity.ts';

/** Each variable that this process reads, with its meaning. */
export const HostActorSettings = z.object({
  LABWRIGHT_HOME: z.string().min(1).describe('state directory'),
  LABWRIGHT_NATS_URL: z.string().min(1).describe('the NATS server'),
  LABWRIGHT_NATS_CREDS: z.string().min(1).optional().describe('file with the credentials for it'),
  LABWRIGHT_HOST_ID: z.string().min(1).optional().describe('identity of this host; that of `host-identity.json` where unset'),
  LABWRIGHT_HOSTS_FILE: z.string().min(1).default('/etc/hosts').describe("the host's hosts file, which gets a block of names for each lab"),
  LABWRIGHT_UNDERLAY_ADDRESS: z.union([z.ipv4(), z.ipv6()]).optional().describe('address by which other hosts reach this one; found by the route to NATS where unset'),
  LABWRIGHT_CAPACITY_CPUS: z.coerce.number().positive().optional().describe('cores of this host that nodes may be given; all where unset'),
  LABWRIGHT_CPU_OVERCOMMIT: z.coerce.number().positive().optional().describe('how many times its cores may be given away; 4 where unset'),
  LABWRIGHT_CAPACITY_MEMORY_MIB: z.coerce.number().int().positive().optional().describe('memory in MiB that nodes may be given; all where unset'),
  LABWRIGHT_CAPACITY_DISK_MIB: z.coerce.number().int().positive().optional().describe('disk space in MiB that nodes may be given; all that is free where unset'),
  LABWRIGHT_DOCKER_SOCKET: z.string().startsWith('/').default('/var/run/docker.sock').describe("the engine's socket"),
  LABWRIGHT_PLANE: z.enum(['tc', 'ovs']).default('tc').describe('what joins links of labs that name no plane: `tc` or `ovs`'),
  LABWRIGHT_OVS_RUN_DIR: z.string().startsWith('/').default('/var/run/openvswitch').describe('folder of the sockets of Open vSwitch'),
  LABWRIGHT_OVS_SHARED_BRIDGE: z.string().regex(/^[A-Za-z0-9_.-]{1,15}$/).optional().describe('a bridge of Open vSwitch that others use too; links on it get a VLAN each. A bridge of our own where unset'),
  LABWRIGHT_OVS_VLANS: VlanRanges.optional().describe('VLANs of the shared bridge that links may take (`100-199,300`); all that nobody has where unset'),
  LABWRIGHT_REPAIRS: z.enum(['safe,invasive', 'safe', 'invasive', 'none']).default('safe,invasive').describe('repairs that are made by themselves in labs that say nothing: classes with a comma between, or `none`'),
  LABWRIGHT_SWEEP_SECONDS: z.coerce.number().positive().default(60).describe('how often all that is wanted is compared with all that is there, beside what events say'),
  LABWRIGHT_ECHO_EVERY_MS: z.coerce.number().int().min(100).default(5_000).describe('how often the far ends of links and management networks across hosts are probed'),
  LABWRIGHT_FINGERPRINT_AFTER_SECONDS: z.coerce.number().nonnegative().default(60).describe('how long after its start a host reads for the first time, in the background, what it can do; then every hour'),
  LABWRIGHT_LOG_LEVEL: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal']).default('info').describe('least level that its log holds'),
});

const Environment = HostActorSettings.refine((env) => env.LABWRIGHT_OVS_VLANS === undefined || env.LABWRIGHT_OVS_SHARED_BRIDGE !== undefined, {
  path: ['LABWRIGHT_OVS_VLANS'], message: 'means the VLANs of a bridge that others use too: name it in LABWRIGHT_OVS_SHARED_BRIDGE, or unset this',
});

const Identity = z.object({ hostId: z.string().min(1) });

export type HostActorConfig = {
  readonly host: HostId;
  readonly natsUrl: string;
  readonly credentialsPath: string;
  readonly ledgerDir: string;
  readonly stateDir: string;
  readonly hostsFile: string;
  readonly underlayAddress: string | undefined;
  readonly capacity: CapacityWish;
  readonly engineSocket: string;
  readonly plane: 'tc' | 'ovs';
  readonly ovsRunDir: string;
  readonly ovsSharedBridge: { readonly name: string; readonly vlans: readonly VlanRange[] | undefined } | undefined;
  readonly repairs: Required<RepairSwitches>;
  readonly sweepEveryMs: number;
  readonly fingerprintAfterMs: number;
  readonly echoEveryMs: number;
  readonly logLevel: string;
};

/** Reads the configuration; the host's identity comes from the environment or from `host-identity.json`.
 *  @throws {HostActorError} `config-invalid`, naming every variable that is missing or wrong. */
export async function readConfig(env: NodeJS.ProcessEnv): Promise<HostActorConfig> {
  const parsed = Environment.safeParse(env);
  if (!parsed.success) {
    const faults = parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`).join('; ');
    throw new HostActorError('config-invalid', { message: `the host-actor cannot start: ${faults}. It is started by \`labwright up\`; by hand, set these variables`, retryable: false });
  }
  const { LABWRIGHT_HOME: home, ...rest } = parsed.data;
  return {
    host: HostId.parse(rest.LABWRIGHT_HOST_ID ?? (await readIdentity(join(home, 'host-identity.json')))),
    natsUrl: rest.LABWRIGHT_NATS_URL,
    credentialsPath: rest.LABWRIGHT_NATS_CREDS ?? join(home, 'credentials', 'host.json'),
    ledgerDir: join(home, 'host', 'ledger'),
    stateDir: join(home, 'host'),
    hostsFile: rest.LABWRIGHT_HOSTS_FILE,
    underlayAddress: rest.LABWRIGHT_UNDERLAY_ADDRESS,
    capacity: { cpus: rest.LABWRIGHT_CAPACITY_CPUS, cpuOvercommit: rest.LABWRIGHT_CPU_OVERCOMMIT, memoryMiB: rest.LABWRIGHT_CAPACITY_MEMORY_MIB, diskMiB: rest.LABWRIGHT_CAPACITY_DISK_MIB },
    engineSocket: rest.LABWRIGHT_DOCKER_SOCKET,
    plane: rest.LABWRIGHT_PLANE,
    ovsRunDir: rest.LABWRIGHT_OVS_RUN_DIR,
    ovsSharedBridge: rest.LABWRIGHT_OVS_SHARED_BRIDGE === undefined ? undefined : { name: rest.LABWRIGHT_OVS_SHARED_BRIDGE, vlans: rest.LABWRIGHT_OVS_VLANS },
    repairs: { safe: rest.LABWRIGHT_REPAIRS.includes('safe'), invasive: rest.LABWRIGHT_REPAIRS.includes('invasive') },
    fingerprintAfterMs: rest.LABWRIGHT_FINGERPRINT_AFTER_SECONDS * 1000,
    sweepEveryMs: rest.LABWRIGHT_SWEEP_SECONDS * 1000,
    echoEveryMs: rest.LABWRIGHT_ECHO_EVERY_MS,
    logLevel: rest.LABWRIGHT_LOG_LEVEL,
  };
}

async function readIdentity(path: string): Promise<string> {
  try {
    return Identity.parse(JSON.parse(await readFile(path, 'utf8'))).hostId;
  } catch (cause) {
    throw new HostActorError('config-invalid', { message: `${path} holds no host identity and LABWRIGHT_HOST_ID is not set; run \`labwright up\``, retryable: false, cause });
  }
}
