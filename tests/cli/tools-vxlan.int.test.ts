// tools vxlan create and delete on the real kernel, run as people run them, each in the namespace of a host made here.
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openHosts, type HostsWorld } from '../host-actor/link-plane/hosts-world.ts';
import { innerEnd, type NetnsWorld } from '../host-actor/link-plane/netns-world.ts';

const exec = promisify(execFile);
const MAIN = join(import.meta.dirname, '..', '..', 'cli', 'main.ts');
let world: HostsWorld;
let host: NetnsWorld;
let far: NetnsWorld;

beforeEach(async () => {
  world = await openHosts(2, { mtu: 9100 });
  const [first, second] = world.hosts;
  if (!first || !second) throw new Error('two hosts');
  [host, far] = [first, second];
  await host.withNodes('r');
  const wires = ['r_eth1', 'some_very_long_node_eth2'].map((name, n) => ({
    kind: 'host' as const, id: `w${n}`, mtu: 9500, inner: { ...innerEnd(host, 'r', `eth${n + 1}`), addresses: [`192.168.1${n}.1/24`] }, host: { device: `dev-eth${n + 1}`, mark: `lw.test.${n}`, alias: name },
  }));
  await host.plane.ensureWires(wires);
});
afterEach(() => world.close());

async function labwright(...args: string[]): Promise<{ readonly exitCode: number; readonly stdout: string; readonly stderr: string }> {
  const run = exec('nsenter', [`--net=/run/netns/${host.hostNetns}`, process.execPath, MAIN, 'tools', 'vxlan', ...args], { env: { ...process.env, NO_COLOR: '1' } });
  return await run.then(({ stdout, stderr }) => ({ exitCode: 0, stdout, stderr }), (error: { code: number; stdout: string; stderr: string }) => ({ exitCode: error.code, stdout: error.stdout, stderr: error.stderr }));
}

const farDevice = (n: number, vni: number, port: number): Promise<string> =>
  far.host(`ip link add vx${n} mtu 1400 type vxlan id ${vni} remote 10.200.0.1 dstport ${port} && ip address add 192.168.1${n}.2/24 dev vx${n} && ip link set dev vx${n} up`);

describe('tools vxlan', () => {
  it('stitches an interface to a foreign tunnel end, as the peer shows it, and takes it away with all that joined it', async () => {
    await farDevice(0, 101, 14_788);
    const made = await labwright('create', '--remote', '10.200.0.2', '--link', 'r_eth1', '--id', '101', '--port', '14788');
    expect(made).toMatchObject({ exitCode: 0, stderr: 'INFO configuring ingress mirroring with tc in the direction of vx-r_eth1 -> r_eth1\nINFO configuring ingress mirroring with tc in the direction of r_eth1 -> vx-r_eth1\n' });
    const shown = await host.host('ip -d link show vx-r_eth1');
    expect(shown).toContain('mtu 9050 qdisc noqueue state UNKNOWN');
    expect(shown).toContain('vxlan id 101 remote 10.200.0.2 dev under srcport 0 0 dstport 14788');
    expect(shown).not.toContain('nolearning');
    expect(await host.host('ip -6 address show dev vx-r_eth1')).toBe('');
    expect(await host.pings('r', '192.168.10.2')).toBe(true);
    expect(await labwright('delete', '--prefix', 'vx-')).toMatchObject({ exitCode: 0, stderr: 'INFO Deleting VxLAN link vx-r_eth1\n' });
    expect(await host.host('ip -o link')).not.toContain('vx-');
    expect(await host.host('tc filter show dev dev-eth1 ingress')).toBe('');
    expect(await labwright('delete')).toMatchObject({ exitCode: 0, stderr: '' });
  });

  it('finds an interface by a name of more than 15 characters, and names the tunnel after it; defaults are the peer\'s', async () => {
    await farDevice(1, 10, 14_789);
    expect(await labwright('create', '--remote', '10.200.0.2', '-l', 'some_very_long_node_eth2')).toMatchObject({ exitCode: 0 });
    const shown = await host.host('ip -d link show dev vx-some_very_long_node_eth2');
    expect(shown).toContain('vxlan id 10 remote 10.200.0.2 dev under srcport 0 0 dstport 14789');
    expect(shown).toContain('alias vx-some_very_long_node_eth2');
    expect(await host.pings('r', '192.168.11.2')).toBe(true);
    expect(await labwright('delete', '-n', 'vx-some_very_long_node_eth2')).toMatchObject({ exitCode: 0, stderr: 'INFO Deleting VxLAN link vx-some_very_long_node_eth2\n' });
  });

  it('D06: deletes only what it made: a foreign tunnel whose name fits is named and stays', async () => {
    await host.host('ip link add vx-foreign type vxlan id 9 remote 10.200.0.2 dstport 4789 && ip link add vx-dummy type veth peer name p');
    await labwright('create', '--remote', '10.200.0.2', '-l', 'r_eth1', '-i', '7', '-m', '1400', '--dev', 'under', '-s', '5000', '-p', '4789');
    expect(await host.host('ip -d link show vx-r_eth1')).toMatch(/mtu 1400[^]*vxlan id 7 remote 10.200.0.2 dev under srcport 5000 5001 dstport 4789/);
    const { stderr, exitCode } = await labwright('delete', '-p', 'vx-');
    expect([exitCode, stderr]).toEqual([0, 'INFO Deleting VxLAN link vx-r_eth1\nWARN Left alone: labwright tools vxlan create did not make it link=vx-foreign\n']);
    expect(await labwright('delete', '--name', 'vx-foreign')).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('left alone') });
    expect(await labwright('delete', '--name', 'vx-dummy')).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('interface "vx-dummy" is not a vxlan interface (type: veth)') });
    expect(await labwright('delete', '--name', 'vx-none')).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('vxlan interface "vx-none" not found') });
    expect(await labwright('delete', '--name', 'a', '--prefix', 'b')).toMatchObject({ exitCode: 2 });
    expect(await host.host('ip -o link')).toMatch(/vx-foreign/);
  });

  it('refuses with the reason and leaves nothing half made', async () => {
    await host.host('ip link add other type vxlan id 55 remote 10.200.0.9 dstport 14789 dev under');
    const before = await host.host('ip -o link');
    expect(await labwright('create', '--remote', '10.200.0.2', '-l', 'nosuch')).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('failed to lookup link "nosuch"') });
    expect(await labwright('create', '--remote', '192.0.2.1', '-l', 'r_eth1')).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('failed to find a route to VxLAN remote address 192.0.2.1') });
    expect(await labwright('create', '--remote', '10.200.0.2', '-l', 'r_eth1', '-i', '55')).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('VNI already exists') });
    expect(await labwright('create', '--remote', '10.200.0.2', '-l', 'r_eth1', '-i', '0')).toMatchObject({ exitCode: 2 });
    expect(await labwright('create', '-l', 'r_eth1')).toMatchObject({ exitCode: 2 });
    expect(await host.host('ip -o link')).toBe(before);
    await labwright('create', '--remote', '10.200.0.2', '-l', 'r_eth1', '-i', '56');
    expect(await labwright('create', '--remote', '10.200.0.2', '-l', 'r_eth1', '-i', '57')).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('is joined to something else already') });
  });
});
