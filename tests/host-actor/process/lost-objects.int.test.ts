// Objects with our mark beside a running lab that no order wants, on the real kernel, engine and switch: gone after two sweeps, the lab untouched.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import Docker from 'dockerode';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { interfaceMark, namespaceMark } from '../../../host-actor/ownership-mark.ts';
import { MARK } from '../../../host-actor/ovs-plane/switch-marks.ts';
import { ownershipMark } from '../../../host-actor/providers/docker/container-labels.ts';
import { NodeId } from '../../../machines/vocabulary/ids.ts';
import { eventually } from '../../support/eventually.ts';
import type { PrivateOvs } from '../ovs-plane/private-ovs.ts';
import { openPrivateOvs } from '../ovs-plane/private-ovs.ts';
import type { HostProcess } from './host-process.ts';
import { startHostProcess } from './host-process.ts';
import { TestLab } from './test-lab.ts';

describe.each([['tc', 61], ['ovs', 62]] as const)('plane %s', (plane, number) => {
  const prefix = `tha-x${plane}`;
  const ip = async (...args: string[]): Promise<string> => (await execa('ip', args)).stdout;
  let host: HostProcess;
  let ovs: PrivateOvs | undefined;
  let lab: TestLab;

  beforeAll(async () => {
    if (plane === 'ovs') ovs = await openPrivateOvs();
    host = await startHostProcess(prefix);
    lab = new TestLab({ name: `${prefix}1`, host: host.host, number, nodes: ['n1', 'n2'] });
    host.start({ LABWRIGHT_SWEEP_SECONDS: '1', ...(ovs === undefined ? {} : { LABWRIGHT_PLANE: 'ovs', LABWRIGHT_OVS_RUN_DIR: ovs.runDir }) });
    const made = [lab.network('network.ensure'), lab.node('node.prepare', 'n1'), lab.node('node.prepare', 'n2'), lab.link('link.ensure', 0, ['n1:eth1', 'n2:eth1'])];
    const started = [lab.node('node.start', 'n1'), lab.node('node.start', 'n2')];
    for (const orders of [made, started]) {
      await host.order(...orders);
      for (const { id } of orders) await host.answer(id);
    }
  });
  afterAll(async () => {
    for (const name of [`tx${number}f`, `tx${number}o`]) await execa('ip', ['link', 'del', name], { reject: false });
    const orders = [lab.nextEntry().link('link.remove', 0, ['n1:eth1', 'n2:eth1']), lab.node('node.remove', 'n1'), lab.node('node.remove', 'n2'), lab.network('network.remove')];
    await host.order(...orders);
    for (const { id } of orders) await host.answer(id);
    await host.stop();
    await ovs?.close();
  });

  const markOf = (port: string): string => interfaceMark({ host: host.host, lab: lab.lab }, NodeId.parse('n1'), port);
  const addPair = async (name: string, mark: string): Promise<void> => {
    await ip('link', 'add', name, 'type', 'veth', 'peer', 'name', `${name}p`);
    await ip('link', 'property', 'add', 'dev', name, 'altname', mark);
  };
  const untouched = async (): Promise<string> => (await Promise.all([
    ip('netns', 'exec', lab.containerName('n1'), 'cat', '/sys/class/net/eth1/ifindex'),
    execa('docker', ['inspect', '-f', '{{.Id}} {{.State.StartedAt}}', lab.containerName('n1'), lab.containerName('n2')]).then(({ stdout }) => stdout),
  ])).join(' ');
  const pings = async (): Promise<unknown> => await execa('docker', ['exec', lab.containerName('n1'), 'ping', '-c1', '-W2', lab.linkAddress(0, 1)]);
  const there = async (): Promise<string[]> => {
    const [links, spaces, containers, ports] = await Promise.all([ip('-br', 'link'), ip('netns'), execa('docker', ['ps', '-a', '--format', '{{.Names}}']), ovs?.vsctl('list-ports', 'lw-ovs')]);
    const names = [...links.split('\n').map((line) => line.split(/[ @]/)[0] ?? ''), ...spaces.split('\n').map((line) => line.split(' ')[0] ?? ''), ...containers.stdout.split('\n'), ...(ports ?? '').split('\n').map((port) => `port ${port}`)];
    return names.filter((name) => new RegExp(`^(port )?tx${number}|^${prefix}-(copy|space)$`).test(name)).toSorted();
  };

  it('X10: goes after two sweeps: a pair, a tunnel, a port of the switch, a namespace, a copy of a node\'s container; what is not of this lab stays', async () => {
    const before = await untouched();
    const from = host.seen.length;
    await addPair(`tx${number}v`, markOf('lost1'));
    await ip('link', 'add', `tx${number}t`, 'type', 'vxlan', 'id', String(0xfe0000 + number), 'remote', '192.0.2.9', 'dstport', '4799');
    await ip('link', 'property', 'add', 'dev', `tx${number}t`, 'altname', markOf('eth1/vxlan'));
    await ip('netns', 'add', `${prefix}-space`);
    const bootId = (await execa('cat', ['/proc/sys/kernel/random/boot_id'])).stdout;
    await writeFile(join(host.home, 'host', 'link-plane', 'netns', `${prefix}-space.json`), JSON.stringify({ mark: namespaceMark({ host: host.host, lab: lab.lab }), bootId }));
    const labels = { 'labwright.lab': lab.lab, 'labwright.node': 'n2', 'labwright.host': host.host, 'labwright.generation': '0', 'labwright.spec': 'x' };
    const copy = await new Docker().createContainer({ name: `${prefix}-copy`, Image: 'labwright/linux:local', Cmd: ['sleep', 'infinity'], Labels: labels, HostConfig: { NetworkMode: 'none', ContainerIDFile: ownershipMark({ labId: lab.lab, nodeId: NodeId.parse('n2'), hostId: host.host }) } });
    await copy.start();
    await ovs?.vsctl('add-port', 'lw-ovs', `tx${number}s`, '--', 'set', 'port', `tx${number}s`, `external_ids:${MARK.port}="${markOf('lost2')}"`, '--', 'set', 'interface', `tx${number}s`, 'type=internal');
    // Without a mark, and with the mark of another host whose name begins as ours does.
    await ip('link', 'add', `tx${number}f`, 'type', 'bridge');
    await addPair(`tx${number}o`, interfaceMark({ host: `${host.host}2` as typeof host.host, lab: lab.lab }, NodeId.parse('n1'), 'lost3'));

    const left = [`tx${number}f`, `tx${number}o`, `tx${number}op`];
    await eventually(async () => (await there()).join() === left.join(), { what: 'all that was lost to be gone', timeoutMs: 20_000 });
    const removals = (): string[] => host.seen.slice(from).flatMap((seen) => (seen.type === 'orphan.removed' ? [`${seen.kind} ${seen.name}`] : [])).toSorted();
    const lost = [`container ${prefix}-copy`, ...(plane === 'ovs' ? [`device tx${number}s`] : []), `device tx${number}t`, `device tx${number}v`, `namespace ${prefix}-space`];
    await eventually(() => removals().length >= lost.length, { what: 'removals told' });
    expect(removals()).toEqual(lost);
    expect(await untouched()).toBe(before);
    await pings();
    expect(host.seen.slice(from).filter(({ type }) => type === 'link.lost' || type === 'node.died' || type === 'link.repaired')).toEqual([]);
  });
});
