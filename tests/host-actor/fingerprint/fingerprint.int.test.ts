// The probes on a real host, and in worlds where something is wrong.
import { mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { createServer as createNetServer } from 'node:net';
import type { Server } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { execa } from 'execa';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Probe } from '../../../host-actor/fingerprint/probe.ts';
import { PROBES, readFingerprint } from '../../../host-actor/fingerprint/read-fingerprint.ts';
import type { FingerprintOptions } from '../../../host-actor/fingerprint/read-fingerprint.ts';

const FIXTURE = join(import.meta.dirname, 'fixtures', 'print-fingerprint.ts');

let folder = '';
const servers: Server[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lw-fp-'));
});
afterEach(async () => {
  for (const server of servers.splice(0)) server.close();
  await rm(folder, { recursive: true, force: true });
});

const probe = async (id: string, options: Partial<FingerprintOptions> = {}): Promise<Probe> => {
  const [found] = await readFingerprint({ stateDir: folder, only: [id], ...options });
  if (found === undefined) throw new Error(`no probe is called ${id}`);
  return found;
};

/** A network namespace in which `prepare` ran first; what the named probe finds there. */
const probeInNetwork = async (id: string, prepare: string): Promise<Probe | undefined> => {
  const { stdout } = await execa('unshare', ['--net', 'sh', '-ec', `${prepare}\nexec "${process.execPath}" "${FIXTURE}" "${id}"`]);
  // The fixture prints exactly what readFingerprint gave.
  const probes: readonly Probe[] = JSON.parse(stdout);
  return probes[0];
};

/** A directory with nothing but these programs. */
const pathWith = async (...programs: readonly string[]): Promise<string> => {
  const path = join(folder, 'bin');
  await mkdir(path);
  for (const program of programs) await symlink((await execa('which', [program], { env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' } })).stdout, join(path, program));
  return path;
};

/** Path of the unix socket on which the server listens now. */
const listen = async (server: Server): Promise<string> => {
  const path = join(folder, 'engine.sock');
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(path, resolve));
  return path;
};

const traces = async (): Promise<string[]> => {
  const links = (await execa('ip', ['-o', 'link'])).stdout.split('\n').map((line) => line.split(':')[1]?.trim() ?? '');
  const rules = (await execa('nft', ['list', 'tables'])).stdout.split('\n');
  const files = (await readdir(tmpdir())).filter((name) => name.startsWith('labwright-guest-'));
  return [...links.filter((name) => /^(probe|[abvx][01]$|t0|m0|d0)/.test(name)), ...rules.filter((line) => line.includes('probe')), ...files];
};

describe('readFingerprint', () => {
  it('gives each probe one of four states, with cost and remedy for all but ok, and leaves no trace', async () => {
    const before = await traces();
    const probes = await readFingerprint({ stateDir: folder });
    expect(probes.map((one) => one.id).toSorted()).toEqual(PROBES.map((one) => one.id).toSorted());
    for (const one of probes) {
      expect(['ok', 'missing', 'too-old', 'not-effective']).toContain(one.status);
      expect(one.found).not.toBe('');
    }
    const lacking = probes.flatMap((one) => (one.status === 'ok' ? [] : [one]));
    expect(lacking.filter((one) => one.costs.length < 10 || one.remedy.length < 10)).toEqual([]);
    expect(await traces()).toEqual(before);
  });

  it('finds what this machine really has', async () => {
    const probes = await readFingerprint({ stateDir: folder, only: ['engine', 'tc-redirect', 'nftables-nat', 'vxlan', 'veth', 'nats-server'] });
    expect(probes.map((one) => [one.id, one.status])).toEqual([
      ['engine', 'ok'],
      ['nats-server', 'ok'],
      ['tc-redirect', 'ok'],
      ['nftables-nat', 'ok'],
      ['veth', 'ok'],
      ['vxlan', 'ok'],
    ]);
  });

  it('D15: two hosts with different kernels or tools get different reports, item by item', async () => {
    const ids = ['tc-redirect', 'nftables-nat'];
    const here = await readFingerprint({ stateDir: folder, only: ids });
    const poor = await readFingerprint({ stateDir: folder, only: ids, env: { PATH: await pathWith('sh', 'unshare', 'nft') } });
    expect(here.map((one) => one.status)).toEqual(['ok', 'ok']);
    expect(poor.map((one) => one.status)).toEqual(['missing', 'ok']);
    expect(poor[0]).toMatchObject({ found: 'program ip is not there', remedy: 'Install iproute2, which brings ip.' });
  });

  it('the guest that hangs is ended with its process', async () => {
    const found = await probe('kvm');
    expect(['ok', 'missing', 'not-effective']).toContain(found.status);
    const processes = await execa('ps', ['-eo', 'args']);
    expect(processes.stdout.split('\n').filter((line) => line.startsWith('qemu-system') && line.includes(`/proc/${process.pid}/fd/`))).toEqual([]);
  });
});

describe('a host without tools', () => {
  it.each([
    ['kvm', /Install qemu-system-x86|bare metal/],
    ['qemu', /Install qemu-system-x86, which/],
    ['open-vswitch', /Install openvswitch-switch/],
    ['ovs-datapath', /Install openvswitch-switch/],
    ['vxlan', /Install util-linux/],
    ['clock', /Install chrony/],
  ])('%s: is missing, and the remedy names what brings it', async (id, remedy) => {
    expect(await probe(id, { env: { PATH: folder } })).toMatchObject({ status: 'missing', remedy: expect.stringMatching(remedy) });
  });

  it('without LVM nothing is to be filtered', async () => {
    expect(await probe('lvm-filter', { env: { PATH: folder } })).toMatchObject({ status: 'ok' });
  });
});

describe('a bridge that is shared', () => {
  const withSwitch = async (env: Record<string, string>) => {
    for (const name of ['ovs-vsctl', 'ovs-appctl']) await writeFile(join(folder, name), '#!/bin/sh\necho "ovs (Open vSwitch) 3.1.0"\n', { mode: 0o755 });
    return await probe('open-vswitch', { env: { PATH: `${folder}:/bin`, ...env } });
  };

  it('is shown with the VLANs that links may take', async () => {
    expect(await withSwitch({})).toMatchObject({ status: 'ok', found: '3.1.0, ovs-vswitchd answers' });
    expect(await withSwitch({ LABWRIGHT_OVS_SHARED_BRIDGE: 'br0', LABWRIGHT_OVS_VLANS: '100-399' })).toMatchObject({ status: 'ok', found: expect.stringContaining('share bridge br0 and take VLANs of 100-399') });
  });

  it('a setting that means nothing is said', async () => {
    expect(await withSwitch({ LABWRIGHT_OVS_SHARED_BRIDGE: 'br0', LABWRIGHT_OVS_VLANS: 'many' })).toMatchObject({ status: 'not-effective', found: expect.stringContaining('"many" names no VLANs') });
    expect(await withSwitch({ LABWRIGHT_OVS_VLANS: '5' })).toMatchObject({ status: 'not-effective', found: expect.stringContaining('names no bridge') });
  });
});

describe('engine', () => {
  it('P07: a socket that is not there is a missing engine, not an error', async () => {
    const found = await probe('engine', { engineSocket: join(folder, 'none.sock') });
    expect(found).toMatchObject({ status: 'missing', remedy: expect.stringContaining('dockerd') });
  });

  it('T04: an engine that takes the call and never answers costs a deadline, not the doctor', async () => {
    const server = await listen(createNetServer());
    expect(await probe('engine', { engineSocket: server })).toMatchObject({ status: 'missing', found: expect.stringContaining('no answer within') });
  });

  it('an engine of an old API is too old, one without our runtime says so', async () => {
    const answers: Readonly<Record<string, unknown>> = {
      version: { Version: '18.06.3', ApiVersion: '1.38' },
      info: { Runtimes: { runc: {} }, Driver: 'overlay2', CgroupVersion: '2', CgroupDriver: 'systemd' },
    };
    const server = await listen(
      createServer((request, response) => {
        response.setHeader('content-type', 'application/json');
        response.end(JSON.stringify(answers[request.url?.split('/').at(-1) ?? ''] ?? {}));
      }),
    );
    expect(await probe('engine', { engineSocket: server })).toMatchObject({ status: 'too-old', found: 'engine 18.06.3, API 1.38, storage overlay2' });
    expect(await probe('runtime', { engineSocket: server })).toMatchObject({ status: 'missing', found: 'the engine knows only runc' });
    expect(await probe('cgroup', { engineSocket: server })).toMatchObject({ status: 'ok', found: 'version 2, driver systemd' });
  });
});

describe('rules that drop bridged frames', () => {
  const bridged = 'echo 1 > /proc/sys/net/bridge/bridge-nf-call-iptables';

  it('a drop policy in a table of somebody else is not effective against: said with the chain', async () => {
    const found = await probeInNetwork('bridge-netfilter', `${bridged}; nft 'add table inet fw; add chain inet fw forwarded { type filter hook forward priority 0; policy drop; }'`);
    expect(found).toMatchObject({ status: 'not-effective', found: expect.stringContaining('dropped by inet fw forwarded, and') });
  });

  it('a rule that rejects all that is left, as firewalld has it, counts like a policy', async () => {
    const rules = "add table inet fw; add chain inet fw forwarded { type filter hook forward priority 0; policy accept; }; add rule inet fw forwarded ct state established accept; add rule inet fw forwarded counter reject with icmpx admin-prohibited";
    expect(await probeInNetwork('bridge-netfilter', `${bridged}; nft '${rules}'`)).toMatchObject({ status: 'not-effective' });
    expect(await probeInNetwork('bridge-netfilter', `${bridged}; nft '${rules.replace('counter reject', 'iifname "x" reject')}'`)).toMatchObject({ status: 'ok' });
  });

  it('a drop policy of iptables is fine, for each lab puts its accepts there', async () => {
    const found = await probeInNetwork('bridge-netfilter', `${bridged}; iptables -P FORWARD DROP`);
    expect(found).toMatchObject({ status: 'ok', found: 'dropped by ip filter FORWARD; each lab puts its accepts there' });
  });

  it('a drop policy that bridged frames do not meet is fine', async () => {
    const off = 'for f in /proc/sys/net/bridge/bridge-nf-call-*; do echo 0 > $f; done';
    const found = await probeInNetwork('bridge-netfilter', `${off}; nft 'add table inet fw; add chain inet fw forwarded { type filter hook forward priority 0; policy drop; }'`);
    expect(found).toMatchObject({ status: 'ok' });
  });
});

describe('underlay', () => {
  it('without a default route is missing', async () => {
    expect(await probeInNetwork('underlay', ':')).toMatchObject({ status: 'missing', found: 'there is no default route' });
  });

  it('tells device and MTU, and that a narrow one costs', async () => {
    const route = (mtu: number) => `ip link add u0 mtu ${mtu} type veth peer name u1; ip address add 192.0.2.1/30 dev u0; ip link set u0 up; ip link set u1 up; ip route add default via 192.0.2.2`;
    expect(await probeInNetwork('underlay', route(9000))).toMatchObject({ status: 'ok', found: expect.stringContaining('u0 has MTU 9000: links to other hosts carry 8950') });
    expect(await probeInNetwork('underlay', route(1400))).toMatchObject({ status: 'not-effective', found: expect.stringContaining('u0 has MTU 1400') });
  });
});

const hasLvm = (await execa('which', ['lvmconfig'], { reject: false, env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' } })).exitCode === 0;
if (!hasLvm) console.warn('skipped: tests of the LVM filter, for lvmconfig is not installed (package lvm2)');

describe.skipIf(!hasLvm)('LVM filter', () => {
  const withConfig = async (lines: string): Promise<Probe> => {
    await writeFile(join(folder, 'lvm.conf'), lines);
    return probe('lvm-filter', { env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LVM_SYSTEM_DIR: folder } });
  };

  it('D02: a tab written as a letter makes the filter not effective, whatever the file says', async () => {
    const found = await withConfig('devices {\ntglobal_filter = [ "r|^/dev/nbd|", "a|.*|" ]\n}\n');
    expect(found).toMatchObject({ status: 'not-effective', found: expect.stringContaining('the file rejects ^/dev/nbd') });
  });

  it('D02: a filter in the wrong section is not effective', async () => {
    expect(await withConfig('global {\n\tglobal_filter = [ "r|^/dev/nbd|", "a|.*|" ]\n}\n')).toMatchObject({ status: 'not-effective' });
  });

  it('D02: a file that LVM refuses is not effective', async () => {
    expect(await withConfig('devices {\n\tglobal_filter = [ "r|^/dev/nbd|\n')).toMatchObject({ status: 'not-effective', found: expect.stringContaining('lvmconfig refuses') });
  });

  it('is ok when the value in force rejects, missing when nobody set one', async () => {
    expect(await withConfig('devices {\n\tglobal_filter = [ "r|^/dev/nbd|", "a|.*|" ]\n}\n')).toMatchObject({ status: 'ok', found: expect.stringContaining('r|^/dev/nbd|') });
    expect(await withConfig('devices {\n}\n')).toMatchObject({ status: 'missing' });
  });
});

describe('NATS server', () => {
  it('one that loses what it acknowledged is too old', async () => {
    const file = join(folder, 'nats-server');
    await writeFile(file, '#!/bin/sh\necho nats-server: v2.9.10\n', { mode: 0o755 });
    const env = { PATH: '/usr/bin:/bin', LABWRIGHT_NATS_SERVER: file };
    expect(await probe('nats-server', { env })).toMatchObject({ status: 'too-old', found: expect.stringContaining('2.9.10') });
  });

  it('none is missing', async () => {
    expect(await probe('nats-server', { env: { PATH: folder, LABWRIGHT_NATS_SERVER: join(folder, 'none') } })).toMatchObject({ status: 'missing' });
  });
});

describe('capabilities', () => {
  it('a world without SYS_ADMIN cannot run routers', async () => {
    const args = ['--pid', '--fork', '--mount-proc', 'setpriv', '--bounding-set=-sys_admin', process.execPath, FIXTURE, 'capabilities'];
    const { stdout } = await execa('unshare', args);
    expect(JSON.parse(stdout)).toMatchObject([{ status: 'missing', costs: expect.stringContaining('CAP_SYS_ADMIN') }]);
  });

  it('an ordinary user gets a finding for each kernel probe, with the remedy', async () => {
    const { stdout } = await execa('setpriv', ['--reuid=65534', '--regid=65534', '--clear-groups', process.execPath, FIXTURE, 'tc-redirect', 'vxlan', 'nftables-nat']);
    expect(JSON.parse(stdout)).toMatchObject(['tc-redirect', 'nftables-nat', 'vxlan'].map((id) => ({ id, status: 'missing', remedy: expect.stringContaining('root') })));
  });
});

describe('values of the kernel', () => {
  const withFiles = async (files: Readonly<Record<string, string>>): Promise<string> => {
    for (const [name, text] of Object.entries(files)) {
      await mkdir(join(folder, dirname(name)), { recursive: true });
      await writeFile(join(folder, name), text);
    }
    return folder;
  };

  it('D16: an out-of-memory policy of panic is not effective', async () => {
    const procDir = await withFiles({ 'sys/vm/panic_on_oom': '1\n' });
    expect(await probe('out-of-memory', { procDir })).toMatchObject({ status: 'not-effective', remedy: expect.stringContaining('vm.panic_on_oom=0') });
    expect((await probe('out-of-memory')).found).toContain('vm.panic_on_oom');
  });

  it('low limits of inotify and of open files are not effective', async () => {
    const procDir = await withFiles({
      'sys/fs/inotify/max_user_instances': '128\n',
      'sys/fs/inotify/max_user_watches': '8192\n',
      'sys/fs/file-max': '1000000\n',
      'self/limits': 'Limit                     Soft Limit           Hard Limit           Units\nMax open files            1024                 4096                 files\n',
    });
    expect(await probe('inotify', { procDir })).toMatchObject({ status: 'not-effective', found: expect.stringContaining('128 instances and 8192 watches') });
    expect(await probe('file-limit', { procDir })).toMatchObject({ status: 'not-effective', found: expect.stringContaining('4096 a process') });
  });

  it('disk is read where our state lies and where images lie; a file system that both are on once', async () => {
    const dataDir = (await execa('docker', ['info', '--format', '{{.DockerRootDir}}'])).stdout;
    expect((await probe('disk', { stateDir: '/dev/shm/none/yet' })).found).toMatch(new RegExp(`^[\\d.]+ of [\\d.]+ GiB are free below /dev/shm, [\\d.]+ of [\\d.]+ GiB are free below ${dataDir}$`));
    expect((await probe('disk', { stateDir: dataDir })).found).toMatch(new RegExp(`^[\\d.]+ of [\\d.]+ GiB are free below ${dataDir}$`));
    expect((await probe('disk', { stateDir: dataDir, engineSocket: join(folder, 'none.sock') })).found).toContain(dataDir);
  });

  it('little memory is missing', async () => {
    const procDir = await withFiles({ meminfo: 'MemTotal: 2097152 kB\nMemAvailable: 524288 kB\nSwapFree: 0 kB\n' });
    expect(await probe('memory', { procDir })).toMatchObject({ status: 'missing', found: '0.5 of 2.0 GiB are free, swap 0.0 GiB' });
  });
});
