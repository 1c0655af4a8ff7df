// The engine of one test host: own data, own socket, our runtime, no network of its own.
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Docker from 'dockerode';
import type { HostNamespaces } from './host-namespaces.ts';
import type { HostProcess } from './host-process.ts';
import { hostProcess } from './host-process.ts';

const SOCKET = '/run/docker.sock';
const RUNTIME = join(import.meta.dirname, '..', '..', '..', 'setup', 'labwright-runtime.sh');

/** The process; its directories below `dir` outlive the host's boots. */
export function engineOf(host: { dir: string; namespaces: () => HostNamespaces; cgroupParent: string }): HostProcess {
  const config = join(host.dir, 'dockerd.json');
  return hostProcess({
    name: 'dockerd',
    logFile: join(host.dir, 'dockerd.log'),
    namespaces: host.namespaces,
    argv: () => {
      writeFileSync(config, JSON.stringify({
        'data-root': join(host.dir, 'docker'), 'storage-driver': 'overlay2', bridge: 'none', iptables: false, ip6tables: false,
        'cgroup-parent': host.cgroupParent, runtimes: { labwright: { path: RUNTIME } },
      }));
      // Whoever has the number of a killed one by now makes the engine refuse to start.
      rmSync(host.namespaces().path('/run/docker.pid'), { force: true });
      return ['dockerd', '--config-file', config];
    },
    isServing: async () => await engineClient(host.namespaces()).ping(),
  });
}

/** A client of the engine in a host; good until the host is booted anew. */
export function engineClient(namespaces: HostNamespaces): Docker {
  return new Docker({ socketPath: namespaces.path(SOCKET), host: undefined });
}
