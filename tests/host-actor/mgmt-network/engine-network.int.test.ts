// Management networks as a real engine knows them: registered, shared with other people's containers, and left alone when foreign.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Docker from 'dockerode';
import { execa } from 'execa';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { OWNER_LABEL } from '../../../host-actor/mgmt-network/engine-network.ts';
import { MgmtNetworks } from '../../../host-actor/mgmt-network/mgmt-networks.ts';
import { order } from './order.ts';

const docker = new Docker();
const IMAGE = 'labwright/linux:local';
let stateDir: string;
let networks: MgmtNetworks;

const wanted = (lab: string, changes: Parameters<typeof order>[1] = {}) => order(lab, { ...changes, mgmt: { bridge: '', ipv4Subnet: '10.213.240.0/24', ipv6Subnet: 'fd00:213:240::/64', ...changes.mgmt } });
const exists = async (name: string) => (await docker.listNetworks({ filters: { name: [name] } })).some((network) => network.Name === name);
const removeContainer = (name: string) => docker.getContainer(name).remove({ force: true }).catch(() => undefined);
const ruleLines = async () => {
  const [ipv4, ipv6, nft] = await Promise.all([execa('iptables-save'), execa('ip6tables-save'), execa('nft', ['list', 'ruleset'])]);
  return `${ipv4.stdout}\n${ipv6.stdout}\n${nft.stdout}`.split('\n').filter((line) => /tmgmt|10\.213\.24|fd00:213:24/.test(line));
};
const links = async () => (await execa('ip', ['-br', 'link'])).stdout.split('\n').map((line) => line.split(/\s/)[0] ?? '');

beforeEach(async () => {
  stateDir = await mkdtemp(join(tmpdir(), 'tmgmt-'));
  networks = new MgmtNetworks({ statePath: join(stateDir, 'mgmt.json'), owner: 'tmgmt-owner', table: 'tmgmt', engine: docker });
});

afterEach(async () => {
  await removeContainer('tmgmt-foreign');
  for (const lab of (await networks.state()).labs) await networks.remove(lab.lab, { keep: false });
  await networks.repair();
  await networks.close();
  for (const name of ['tmgmt-net', 'tmgmt-other']) {
    if (await exists(name)) await docker.getNetwork(name).remove();
  }
  await rm(stateDir, { recursive: true, force: true });
});

describe('engine network', () => {
  it('bears the usual options and our mark, on a bridge whose name is known before', async () => {
    const made = await networks.ensure(wanted('a'));
    const again = await networks.ensure(wanted('a'));
    const detail = await docker.getNetwork('tmgmt-net').inspect();
    expect(again).toEqual(made);
    expect(made).toMatchObject({ foreign: false, engineId: detail.Id, bridge: detail.Options?.['com.docker.network.bridge.name'] });
    expect(await networks.foresee(order('a').mgmt)).toEqual({ foreign: false, bridge: made.bridge });
    expect(detail).toMatchObject({
      Driver: 'bridge',
      EnableIPv6: true,
      Labels: { containerlab: '', [OWNER_LABEL]: 'tmgmt-owner' },
      Options: { 'com.docker.network.driver.mtu': '1500' },
      IPAM: { Config: [
        { Subnet: '10.213.240.0/24', Gateway: '10.213.240.1', IPRange: '10.213.240.128/25' },
        { Subnet: 'fd00:213:240::/64', Gateway: 'fd00:213:240::1', IPRange: 'fd00:213:240::1:0/112' },
      ] },
    });
    expect(await networks.check()).toEqual([]);
  });

  it('D05: leaves the name that we would choose to somebody else who has it', async () => {
    const { bridge } = await networks.foresee(wanted('a').mgmt);
    await execa('ip', ['link', 'add', 'name', bridge, 'type', 'bridge']);
    try {
      const made = await networks.ensure(wanted('a'));
      expect(made.bridge).toBe(`br-${made.engineId?.slice(0, 12)}`);
      await networks.remove('a', { keep: false });
      expect((await execa('ip', ['-d', 'link', 'show', 'dev', bridge])).stdout).not.toContain('labwright');
    } finally {
      await execa('ip', ['link', 'del', 'dev', bridge]);
    }
  });

  it('takes the bridge name of the file', async () => {
    const made = await networks.ensure(wanted('a', { mgmt: { bridge: 'tmgmt0' } }));
    const detail = await docker.getNetwork('tmgmt-net').inspect();
    expect(made.bridge).toBe('tmgmt0');
    expect(detail.Options?.['com.docker.network.bridge.name']).toBe('tmgmt0');
  });

  it('lets other containers join, with addresses of their own half, and stays while they are there', async () => {
    await networks.ensure(wanted('a', { nodes: [{ node: 'n1', ipv4: '10.213.240.2/24', ports: [] }] }));
    const container = await docker.createContainer({ name: 'tmgmt-foreign', Image: IMAGE, Cmd: ['sleep', 'infinity'], HostConfig: { NetworkMode: 'tmgmt-net' } });
    await container.start();
    expect(await networks.foreignAddresses('tmgmt-net')).toEqual(['10.213.240.128', 'fd00:213:240::1:0']);
    const removed = await networks.remove('a', { keep: false });
    expect(removed.inUseBy).toEqual(['container tmgmt-foreign']);
    expect(await exists('tmgmt-net')).toBe(true);
    await removeContainer('tmgmt-foreign');
    await networks.repair();
    expect(await exists('tmgmt-net')).toBe(false);
  });

  it('tells the addresses of stopped containers that asked for them by name, of a network that is not there none, and none of ours', async () => {
    await networks.ensure(wanted('a'));
    await docker.createContainer({ name: 'tmgmt-foreign', Image: IMAGE, Cmd: ['sleep', 'infinity'], HostConfig: { NetworkMode: 'tmgmt-net' }, NetworkingConfig: { EndpointsConfig: { 'tmgmt-net': { IPAMConfig: { IPv4Address: '10.213.240.3' } } } } });
    expect(await networks.foreignAddresses('tmgmt-net')).toEqual(['10.213.240.3']);
    expect(await networks.foreignAddresses('tmgmt-none')).toEqual([]);
    const ours = new MgmtNetworks({ statePath: join(stateDir, 'mgmt.json'), owner: 'tmgmt-host', engine: docker });
    await removeContainer('tmgmt-foreign');
    await docker.createContainer({ name: 'tmgmt-foreign', Image: IMAGE, Labels: { 'labwright.host': 'tmgmt-host' }, HostConfig: { NetworkMode: 'tmgmt-net' }, NetworkingConfig: { EndpointsConfig: { 'tmgmt-net': { IPAMConfig: { IPv4Address: '10.213.240.3' } } } } });
    expect(await ours.foreignAddresses('tmgmt-net')).toEqual([]);
  });

  it('N09: goes without leaving a network, bridge or rule, five times', async () => {
    const before = { rules: await ruleLines(), links: await links() };
    for (let cycle = 0; cycle < 5; cycle += 1) {
      await networks.ensure(wanted('a', { nodes: [{ node: 'n1', ipv4: '10.213.240.2/24', ipv6: 'fd00:213:240::2/64', ports: [{ hostPort: 38080, containerPort: 80, protocol: 'tcp' }] }] }));
      expect((await ruleLines()).length).toBeGreaterThan(before.rules.length);
      await networks.remove('a', { keep: false });
      expect(await exists('tmgmt-net')).toBe(false);
      expect(await ruleLines()).toEqual(before.rules);
      // Other tests make links of their own at the same time.
      expect((await links()).filter((name) => name.startsWith('br-') && !before.links.includes(name) && name.includes('tmgmt'))).toEqual([]);
    }
  });

  it('is registered again when it was removed by hand, on the same bridge', async () => {
    const made = await networks.ensure(wanted('a'));
    await docker.getNetwork('tmgmt-net').remove();
    const drifts = await networks.repair();
    expect(drifts.map((drift) => drift.what)).toEqual(['docker-network-removed']);
    expect((await networks.ensure(wanted('a'))).bridge).toBe(made.bridge);
    expect(await networks.check()).toEqual([]);
  });

  it('is adopted by its mark when the record was lost', async () => {
    const made = await networks.ensure(wanted('a'));
    expect((await networks.read()).networks).toMatchObject([{ labs: ['a'], bridge: { name: made.bridge, up: true }, ports: [], engine: { id: made.engineId } }]);
    const later = new MgmtNetworks({ statePath: join(stateDir, 'other.json'), owner: 'tmgmt-owner', table: 'tmgmt', engine: docker });
    expect((await later.read()).orphans).toEqual({ engineNetworks: ['tmgmt-net'], bridges: [made.bridge] });
    expect(await later.ensure(wanted('a'))).toEqual(made);
    expect((await later.read()).orphans).toEqual({ engineNetworks: [], bridges: [] });
    await later.remove('a', { keep: false });
    expect(await exists('tmgmt-net')).toBe(false);
    expect(await ruleLines()).toEqual([]);
  });
});

describe('foreign network', () => {
  it('D05: one of that name without our mark is reported and never changed', async () => {
    await docker.createNetwork({ Name: 'tmgmt-net', Driver: 'bridge', IPAM: { Driver: 'default', Config: [{ Subnet: '10.213.241.0/24' }] } });
    const before = await docker.getNetwork('tmgmt-net').inspect();
    const rules = await ruleLines();
    const seen = await networks.ensure(wanted('a'));
    expect(seen).toMatchObject({ foreign: true, engineId: before.Id, subnets: [{ subnet: '10.213.241.0/24' }] });
    expect(await ruleLines()).toEqual(rules);
    await networks.repair();
    await networks.remove('a', { keep: false });
    expect(await docker.getNetwork('tmgmt-net').inspect()).toEqual(before);
  });

  it('one with overlapping addresses is named in the refusal', async () => {
    await docker.createNetwork({ Name: 'tmgmt-other', Driver: 'bridge', IPAM: { Driver: 'default', Config: [{ Subnet: '10.213.240.0/25' }] } });
    await expect(networks.ensure(wanted('a'))).rejects.toMatchObject({ code: 'subnet-overlaps', message: expect.stringContaining('engine network tmgmt-other uses 10.213.240.0/25') });
    await expect(networks.ensure(wanted('a', { mgmt: { bridge: 'tmgmt0' } }))).rejects.toMatchObject({ code: 'subnet-overlaps' });
    expect((await networks.state()).labs).toEqual([]);
    expect(await links()).not.toContain('tmgmt0');
  });
});
