// Labs beside each other and beside what is not ours: nothing collides, nothing foreign is touched.
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { LabView } from '../../machines/vocabulary/lab-view.ts';
import { labFromText, openTestBed } from '../support/test-bed.ts';
import type { TestBed } from '../support/test-bed.ts';
import { NodeHands, sh } from './node-hands.ts';

const NET = 'te2e-net-side';
const SUBNET = '172.31.103.128/25';
/** Equal node names, interfaces and addresses in every lab; all in one management network. */
const text = (name: string, options: { net?: string; port?: string; subnet?: string } = {}) => `
name: ${name}
mgmt: {network: ${options.net ?? NET}, ipv4-subnet: ${options.subnet ?? SUBNET}}
topology:
  defaults: {kind: linux, image: "alpine:3"}
  nodes:
    a: {exec: ["ip addr add 10.0.0.1/24 dev eth1"]${options.port === undefined ? '' : `, ports: ["${options.port}"]`}}
    b: {exec: ["ip addr add 10.0.0.2/24 dev eth1"]}
    c: {}
  links:
    - endpoints: ["a:eth1", "b:eth1"]
    - endpoints: ["b:eth2", "c:eth1"]
`;

describe('Must be shown 6: side by side', () => {
  let bed: TestBed;
  /** What a test made by hand, to be removed in the other order. */
  const made: (() => Promise<unknown>)[] = [];
  beforeAll(async () => {
    bed = await openTestBed();
  });
  afterAll(async () => await bed.close());
  afterEach(async () => {
    const { labs } = await bed.ops.request('list', { destroyed: false });
    await Promise.all(labs.map(async ({ lab }) => await bed.destroy(lab)));
    for (const undo of made.splice(0).reverse()) await undo();
  });

  const deploy = async (name: string, options?: { net?: string; port?: string; subnet?: string }) => await bed.deploy(labFromText(text(name, options), `/tmp/${name}/t.clab.yml`));
  const devices = (view: LabView) => view.links.flatMap((link) => [link.a.device, link.b.device]);
  /** Everything of an object that somebody could have changed. */
  const foreignContainer = async (name: string) => await sh('docker', 'inspect', '-f', '{{.Id}} {{.Name}} {{.State.StartedAt}} {{.State.Pid}} {{.RestartCount}} {{json .Config}} {{json .HostConfig}}', name);

  const foreignDevice = async (name: string) => {
    const [device] = z.array(z.looseObject({})).parse(JSON.parse(await sh('ip', '-j', '-4', 'address', 'show', 'dev', name)));
    const { ifindex, mtu, address, group, master, altnames, addr_info: addresses } = device ?? {};
    return { ifindex, mtu, address, group, master, altnames, addresses, qdiscs: await sh('tc', 'qdisc', 'show', 'dev', name) };
  };

  it('two labs with equal node names, addresses and interfaces: both run, and one goes without the other', async () => {
    await Promise.all([deploy('te2e-s1'), deploy('te2e-s2')]);
    const [one, two] = [await bed.settled('te2e-s1', ['running']), await bed.settled('te2e-s2', ['running'])];
    expect(new Set([...devices(one), ...devices(two)]).size).toBe(8);
    const nodes = ['te2e-s1', 'te2e-s2'].map((name) => ({ a: new NodeHands(name, 'a'), b: new NodeHands(name, 'b') }));
    for (const { a } of nodes) await a.pings('10.0.0.2');
    // Equal addresses are two interfaces: each ping was answered by the node of its own lab.
    const macs = await Promise.all(nodes.map(async ({ a, b }) => [await a.exec('ip', 'neigh', 'show', '10.0.0.2'), await b.exec('cat', '/sys/class/net/eth1/address')] as const));
    for (const [neighbour, mac] of macs) expect(neighbour).toContain(mac);
    expect(macs[0]?.[1]).not.toBe(macs[1]?.[1]);
    await bed.destroy('te2e-s1');
    await nodes[1]?.a.pings('10.0.0.2');
    const left = await bed.view('te2e-s2');
    expect([left.state, left.nodes.map((node) => node.repairs), left.links.map((link) => link.repairs)]).toEqual(['running', [0, 0, 0], [0, 0]]);
  });

  it('D05: a foreign container that has the name of a node keeps it; the node fails with that reason', async () => {
    await sh('docker', 'run', '-d', '--name', 'clab-te2e-s3-a', '--network', 'none', 'alpine:3', 'sleep', 'infinity');
    made.push(async () => await sh('docker', 'rm', '-f', 'clab-te2e-s3-a'));
    const before = await foreignContainer('clab-te2e-s3-a');
    await deploy('te2e-s3');
    const view = await bed.settled('te2e-s3', ['degraded']);
    expect(view.nodes.map((node) => [node.node, node.state])).toEqual([['a', 'failed'], ['b', 'running'], ['c', 'running']]);
    expect(view.nodes[0]?.failure?.message).toMatch(/clab-te2e-s3-a is taken by a container that is not ours/);
    await bed.destroy('te2e-s3');
    expect(await foreignContainer('clab-te2e-s3-a')).toBe(before);
  });

  it('D05: a foreign device that has the name of a host end stays as it is; the link fails with that reason', async () => {
    // The number of a lab that is gone is the next one's, so the names are known beforehand.
    await deploy('te2e-s4');
    const [device = ''] = devices(await bed.settled('te2e-s4', ['running']));
    await bed.destroy('te2e-s4');
    await sh('ip', 'link', 'add', device, 'up', 'type', 'bridge');
    made.push(async () => await sh('ip', 'link', 'del', device));
    await sh('ip', 'address', 'add', '198.51.100.7/32', 'dev', device);
    const before = await foreignDevice(device);
    await deploy('te2e-s4');
    const view = await bed.settled('te2e-s4', ['degraded']);
    const failed = view.links.filter((link) => link.state === 'failed');
    expect(failed.map((link) => [link.a.device, link.b.device].includes(device))).toEqual([true]);
    expect(failed[0]?.failure?.message).toContain(device);
    expect(view.nodes.map((node) => node.state)).toEqual(['running', 'running', 'running']);
    await bed.destroy('te2e-s4');
    expect(await foreignDevice(device)).toEqual(before);
  });

  it('D05: a foreign namespace that has the name of a node stays; the node fails with that reason', async () => {
    await sh('ip', 'netns', 'add', 'clab-te2e-s5-a');
    made.push(async () => await sh('ip', 'netns', 'del', 'clab-te2e-s5-a'));
    await sh('ip', '-n', 'clab-te2e-s5-a', 'link', 'add', 'mine', 'type', 'bridge');
    const before = await sh('ip', '-n', 'clab-te2e-s5-a', '-d', 'link');
    await deploy('te2e-s5');
    const view = await bed.settled('te2e-s5', ['degraded']);
    expect(view.nodes.map((node) => [node.node, node.state])).toEqual([['a', 'failed'], ['b', 'running'], ['c', 'running']]);
    expect(view.nodes[0]?.failure?.message).toContain('clab-te2e-s5-a');
    await bed.destroy('te2e-s5');
    expect(await sh('ip', '-n', 'clab-te2e-s5-a', '-d', 'link')).toBe(before);
  });

  it('D05: a foreign network with the name of the management network is used as it is, and stays', async () => {
    await sh('docker', 'network', 'create', '--subnet', '172.31.103.64/26', 'te2e-net-foreign');
    made.push(async () => await sh('docker', 'network', 'rm', 'te2e-net-foreign'));
    const read = async () => await sh('docker', 'network', 'inspect', '-f', '{{.Id}} {{json .IPAM}} {{json .Options}} {{json .Labels}} {{json .Containers}}', 'te2e-net-foreign');
    const before = await read();
    await deploy('te2e-s6', { net: 'te2e-net-foreign', subnet: '172.31.103.64/26' });
    await bed.settled('te2e-s6', ['running']);
    await new NodeHands('te2e-s6', 'a').pings('10.0.0.2');
    await new NodeHands('te2e-s6', 'a').pings('172.31.103.65');
    await bed.destroy('te2e-s6');
    expect(await read()).toBe(before);
  });

  it('five labs deployed at once: all run, no address, name, number or port twice', async () => {
    const names = [1, 2, 3, 4, 5].map((index) => `te2e-p${index}`);
    await Promise.all(names.map(async (name) => await deploy(name, { port: '0:80' })));
    const views = await Promise.all(names.map(async (name) => await bed.settled(name, ['running', 'degraded'], 300_000)));
    expect(views.map((view) => [view.lab, view.state, view.problems])).toEqual(names.map((name) => [name, 'running', []]));
    const nodes = views.flatMap((view) => view.nodes);
    const unique = (values: readonly unknown[]) => ({ all: values.filter((value) => value !== undefined).length, different: new Set(values).size });
    expect(unique(nodes.map((node) => node.ipv4))).toEqual({ all: 15, different: 15 });
    expect(unique(nodes.map((node) => node.containerName))).toEqual({ all: 15, different: 15 });
    expect(unique(views.flatMap(devices))).toEqual({ all: 20, different: 20 });
    expect(unique(views.flatMap((view) => view.links.flatMap((link) => [link.a.mac, link.b.mac])))).toEqual({ all: 20, different: 20 });
    expect(unique(nodes.flatMap((node) => node.ports.map((port) => port.hostPort)))).toEqual({ all: 5, different: 5 });
    expect(nodes.flatMap((node) => node.ports.map((port) => port.hostPort)).every((port) => port > 0)).toBe(true);
    for (const name of names) await new NodeHands(name, 'a').pings('10.0.0.2');
    // Every redirect of ours in the kernel has a number of its own.
    const indexes = [...(await sh('tc', 'actions', 'ls', 'action', 'mirred')).matchAll(/index (\d+)/g)].map((match) => match[1]);
    expect(new Set(indexes).size).toBe(indexes.length);
  });
});
