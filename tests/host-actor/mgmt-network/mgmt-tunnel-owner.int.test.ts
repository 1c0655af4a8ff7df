// The tunnel of a management network in a namespace of the test's own: made, kept, and never taken from somebody else.
import { execa } from 'execa';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { HostShell } from '../../../host-actor/mgmt-network/host-shell.ts';
import { readTunnels, syncTunnels, tunnelDevice } from '../../../host-actor/mgmt-network/mgmt-tunnel.ts';
import { MgmtState } from '../../../host-actor/mgmt-network/mgmt-network-state.ts';

const NETNS = 'tmt-host';
const VNI = 4096;
const DEVICE = tunnelDevice(VNI);
const shell = new HostShell(NETNS);
const state = MgmtState.parse({
  v: 1,
  networks: [{ network: 'clab', bridge: 'br0', bridgeMadeBy: 'us', mtu: 1400, driverOpts: {}, addedAddresses: [], keep: false }],
  labs: [{ lab: 'l', network: 'clab', externalAccess: true, isolated: false, nodes: [], bridges: [], tunnel: { vni: VNI, udpPort: 4789, local: '10.0.0.1', remotes: ['10.0.0.2'] } }],
});
const ip = async (...args: string[]): Promise<string> => (await execa('ip', ['-n', NETNS, ...args])).stdout;
const faults = async (): Promise<unknown> => (await readTunnels(shell, state, 'h1')).faults;
const shown = async (): Promise<string> => await ip('-d', 'link', 'show', 'dev', DEVICE);

beforeEach(async () => {
  await execa('ip', ['netns', 'del', NETNS], { reject: false });
  await execa('ip', ['netns', 'add', NETNS]);
  await ip('link', 'add', 'br0', 'type', 'bridge');
});
afterEach(async () => {
  await execa('ip', ['netns', 'del', NETNS], { reject: false });
});

describe('the tunnel of a management network', () => {
  it('gets its MTU back, also from one at which the kernel takes IPv6 from a device; and has a small one where that is wanted', async () => {
    await syncTunnels(shell, state, 'h1');
    await ip('link', 'set', DEVICE, 'mtu', '1223');
    await syncTunnels(shell, state, 'h1');
    expect(await faults()).toEqual([]);
    expect(await shown()).toMatch(/mtu 1400[\s\S]*addrgenmode none/);
    await ip('link', 'del', DEVICE);
    const small = { ...state, networks: state.networks.map((net) => ({ ...net, mtu: 1200 })) };
    await syncTunnels(shell, small, 'h1');
    expect(await shown()).toContain('mtu 1200');
  });

  it('is made once, marked, and made anew when its number is another one', async () => {
    await syncTunnels(shell, state, 'h1');
    expect(await faults()).toEqual([]);
    expect(await shown()).toMatch(/master br0[\s\S]*vxlan id 4096 [\s\S]*alias labwright:h1:mgmt-tunnel:clab/);
    await ip('link', 'del', DEVICE);
    await ip('link', 'add', DEVICE, 'type', 'vxlan', 'id', '7', 'dstport', '4789', 'local', '10.0.0.1');
    await ip('link', 'set', DEVICE, 'alias', 'labwright:h1:mgmt-tunnel:clab');
    await syncTunnels(shell, state, 'h1');
    expect([await shown(), await faults()]).toEqual([expect.stringContaining('vxlan id 4096 '), []]);
  });

  it.each([['with other parameters', '7', []], ['with the very same', String(VNI), []], ['of another installation', '7', ['alias', 'labwright:h9:mgmt-tunnel:clab']]])('X06: leaves a device of its name alone that somebody else made %s, and says so', async (_name, id, alias) => {
    await ip('link', 'add', DEVICE, 'type', 'vxlan', 'id', id, 'dstport', '4789', 'local', '10.0.0.1');
    await ip('link', 'set', DEVICE, 'up', ...alias);
    const before = await shown();
    await expect(syncTunnels(shell, state, 'h1')).rejects.toMatchObject({ code: 'device-taken', message: expect.stringContaining(DEVICE) });
    expect([await shown(), await faults()]).toEqual([before, []]);
  });

  it('goes on with one that was made and not yet marked when its making was killed', async () => {
    await ip('link', 'add', DEVICE, 'type', 'vxlan', 'id', String(VNI), 'dstport', '4789', 'local', '10.0.0.1');
    await syncTunnels(shell, state, 'h1');
    expect(await shown()).toContain('alias labwright:h1:mgmt-tunnel:clab');
  });
});
