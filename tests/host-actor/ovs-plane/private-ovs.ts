// An Open vSwitch of a test's own: database and daemon in a namespace, with their files in a temporary folder; the machine's is not touched.
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { eventually } from '../../support/eventually.ts';

const exec = promisify(execFile);
const SCHEMA = '/usr/share/openvswitch/vswitch.ovsschema';

export type PrivateOvs = {
  readonly runDir: string;
  /** Runs ovs-vsctl on the database; waits for the daemon unless told otherwise. */
  readonly vsctl: (...args: string[]) => Promise<string>;
  /** Runs ovs-ofctl; BRIDGE stands for the socket of the bridge. */
  readonly ofctl: (bridge: string, verb: string, ...args: string[]) => Promise<string>;
  readonly startSwitch: () => Promise<void>;
  readonly startDatabase: () => Promise<void>;
  /** Ends the daemon at once, as a crash does. */
  readonly killSwitch: () => Promise<void>;
  readonly killDatabase: () => Promise<void>;
  readonly signalSwitch: (signal: NodeJS.Signals) => Promise<void>;
  readonly close: () => Promise<void>;
};

/** Makes a database and starts both daemons, in the namespace or in our own. */
export async function openPrivateOvs(netns?: string): Promise<PrivateOvs> {
  const runDir = await mkdtemp(join(tmpdir(), 'lw-ovs-'));
  const env = { ...process.env, OVS_RUNDIR: runDir, OVS_LOGDIR: runDir, OVS_DBDIR: runDir };
  const place = netns === undefined ? '/proc/self/ns/net' : `/run/netns/${netns}`;
  const run = async (program: string, ...args: string[]): Promise<string> => (await exec('nsenter', [`--net=${place}`, program, ...args], { env, maxBuffer: 64 << 20 })).stdout;
  const socket = `${runDir}/db.sock`;
  const pidOf = async (daemon: string): Promise<number> => Number(await readFile(`${runDir}/${daemon}.pid`, 'utf8'));
  const quiet = (daemon: string): string[] => [`--pidfile=${runDir}/${daemon}.pid`, `--log-file=${runDir}/${daemon}.log`, '-vconsole:off', '--detach', '--no-chdir'];
  const startDatabase = async (): Promise<void> => void (await run('ovsdb-server', `${runDir}/conf.db`, `--remote=punix:${socket}`, `--unixctl=${runDir}/db.ctl`, ...quiet('ovsdb-server')));
  const startSwitch = async (): Promise<void> => void (await run('ovs-vswitchd', `unix:${socket}`, ...quiet('ovs-vswitchd')));
  const kill = async (daemon: string): Promise<void> => {
    const pid = await pidOf(daemon).catch(() => undefined);
    if (pid === undefined || !(await isAlive(pid))) return;
    process.kill(pid, 'SIGCONT');
    process.kill(pid, 'SIGKILL');
    await eventually(async () => !(await isAlive(pid)), { what: `${daemon} ended` });
  };
  await run('ovsdb-tool', 'create', `${runDir}/conf.db`, SCHEMA);
  await startDatabase();
  await run('ovs-vsctl', `--db=unix:${socket}`, '--no-wait', 'init');
  await startSwitch();
  return {
    runDir,
    vsctl: (...args) => run('ovs-vsctl', `--db=unix:${socket}`, '--timeout=20', ...args),
    ofctl: (bridge, verb, ...args) => run('ovs-ofctl', '-O', 'OpenFlow14', verb, `unix:${runDir}/${bridge}.mgmt`, ...args),
    startSwitch,
    startDatabase,
    killSwitch: () => kill('ovs-vswitchd'),
    killDatabase: () => kill('ovsdb-server'),
    signalSwitch: async (signal) => void process.kill(await pidOf('ovs-vswitchd'), signal),
    close: async () => {
      await kill('ovs-vswitchd');
      await kill('ovsdb-server');
      await rm(runDir, { recursive: true, force: true });
    },
  };
}

/** One that has ended and waits for whoever adopted it is gone for our purposes. */
async function isAlive(pid: number): Promise<boolean> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  return stat !== undefined && !/\) [ZX] /.test(stat);
}
