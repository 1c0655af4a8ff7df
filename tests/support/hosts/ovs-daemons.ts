// Open vSwitch of one test host: its two daemons, with a database that outlives the host's boots.
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { HostNamespaces } from './host-namespaces.ts';
import type { HostProcess } from './host-process.ts';
import { hostProcess } from './host-process.ts';

const run = promisify(execFile);
const SOCKET = 'unix:/run/openvswitch/db.sock';
const SCHEMA = '/usr/share/openvswitch/vswitch.ovsschema';

export type OvsDaemons = { readonly database: HostProcess; readonly switch: HostProcess; start(): Promise<void> };

/** The daemons; datapaths are of type netdev where the kernel has none of its own. */
export function ovsDaemons(host: { dir: string; namespaces: () => HostNamespaces }): OvsDaemons {
  const folder = join(host.dir, 'openvswitch');
  const conf = join(folder, 'conf.db');
  const inside = async (argv: readonly string[]): Promise<boolean> => (await run(...host.namespaces().enter(argv))).stdout !== '';
  const database = hostProcess({
    name: 'ovsdb-server', logFile: join(host.dir, 'ovsdb-server.log'), namespaces: host.namespaces,
    argv: () => ['ovsdb-server', conf, '--remote=punix:/run/openvswitch/db.sock', '--pidfile=/run/openvswitch/ovsdb-server.pid', '--unixctl=/run/openvswitch/ovsdb-server.ctl'],
    isServing: async () => await inside(['ovsdb-client', '--timeout=5', 'list-dbs', SOCKET]),
  });
  const vswitchd = hostProcess({
    name: 'ovs-vswitchd', logFile: join(host.dir, 'ovs-vswitchd.log'), namespaces: host.namespaces,
    argv: () => ['ovs-vswitchd', SOCKET, '--pidfile=/run/openvswitch/ovs-vswitchd.pid', '--unixctl=/run/openvswitch/ovs-vswitchd.ctl'],
    isServing: async () => await inside(['ovs-appctl', '--timeout=5', '-t', '/run/openvswitch/ovs-vswitchd.ctl', 'version']),
  });
  return {
    database, switch: vswitchd,
    async start() {
      await mkdir(folder, { recursive: true });
      if (!existsSync(conf)) await run('ovsdb-tool', ['create', conf, SCHEMA]);
      if (!database.isRunning()) await database.start();
      await inside(['ovs-vsctl', '--no-wait', '--timeout=5', 'init']);
      if (!vswitchd.isRunning()) await vswitchd.start();
    },
  };
}
