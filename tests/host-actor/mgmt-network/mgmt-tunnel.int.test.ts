// The management network's tunnel device on the real kernel, in a namespace that plays a host.
import { spawn } from 'node:child_process';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { HostShell } from '../../../host-actor/mgmt-network/host-shell.ts';
import { syncTunnels, tunnelDevice } from '../../../host-actor/mgmt-network/mgmt-tunnel.ts';
import type { MgmtState } from '../../../host-actor/mgmt-network/mgmt-network-state.ts';
import { eventually } from '../../support/eventually.ts';
import { HOST_IPV4, PrivateHost } from './private-host.ts';

let host: PrivateHost;

const device = tunnelDevice(70_001);
const tunnel = { vni: 70_001, local: HOST_IPV4, udpPort: 4789, remotes: ['198.51.100.9'] };
const state: MgmtState = {
  v: 1,
  networks: [{ network: 'tmtun-net', bridge: 'tmtun0', bridgeMadeBy: 'us', mtu: 1450, driverOpts: {}, addedAddresses: [], keep: false }],
  labs: [{ lab: 'a', network: 'tmtun-net', externalAccess: true, isolated: false, nodes: [], bridges: [], tunnel }],
};

beforeEach(async () => {
  host = await PrivateHost.make('tmtun');
  await host.ip(host.host, 'link add name tmtun0 type bridge\nlink set dev tmtun0 addrgenmode none up');
});

afterEach(async () => await host.remove());

/** All that the kernel told about addresses while `work` ran; complete, for it ends with news of a device that we made ourselves. */
async function addressNews(work: () => Promise<void>): Promise<string> {
  const child = spawn('ip', ['-n', host.host, '-o', 'monitor', 'address', 'link', 'label'], { stdio: ['ignore', 'pipe', 'inherit'] });
  let told = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => { told += text; });
  const tells = (name: string) => eventually(async () => {
    await host.ip(host.host, `link add ${name} type bridge\nlink del ${name}`);
    return told.includes(name);
  }, { what: `news of ${name}` });
  try {
    await tells('tmt-begin');
    await work();
    await tells('tmt-end');
  } finally {
    child.kill();
  }
  return told.split('\n').filter((line) => line.includes('[ADDR]')).join('\n');
}

describe('management tunnel', () => {
  it('never has an IPv6 address, not when it is made and not when it is raised again', async () => {
    const shell = new HostShell(host.host);
    const news = await addressNews(async () => {
      await syncTunnels(shell, state, 'tmtun');
      await host.ip(host.host, `link set dev ${device} down`);
      await syncTunnels(shell, state, 'tmtun');
    });
    expect(await host.run(host.host, 'ip', '-d', 'link', 'show', 'dev', device)).toMatch(/<[^>]*\bUP\b.*addrgenmode none/s);
    expect(news).not.toContain(device);
    expect(await host.run(host.host, 'ip', '-6', 'address', 'show', 'dev', device)).toBe('');
  });
});
