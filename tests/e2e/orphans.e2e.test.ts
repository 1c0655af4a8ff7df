// Objects that bear our mark and belong to nobody, on two hosts: listed, left alone by a dry run, removed by their own mark; all else stays.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { interfaceMark, namespaceMark } from '../../host-actor/ownership-mark.ts';
import { ownershipMark } from '../../host-actor/providers/docker/container-labels.ts';
import { NodeId } from '../../machines/vocabulary/ids.ts';
import type { HostOrphans, RemovedOrphans } from '../../machines/vocabulary/orphan.ts';
import { eventually } from '../support/eventually.ts';
import { lab as labId } from '../support/lab-builders.ts';
import type { TestHost, TestHosts } from '../support/test-hosts.ts';
import { openTestHosts } from '../support/test-hosts.ts';
import { labFromText } from '../support/test-bed.ts';

const NAME = 'te2e-orph';
const LAB = `
name: ${NAME}
mgmt: {network: ${NAME}-net, ipv4-subnet: 172.31.123.0/24}
topology:
  defaults: {kind: linux, image: "alpine:3"}
  nodes: {a: {host: h1}, b: {host: h2}}
  links: [{endpoints: [a:eth1, b:eth1]}]
`;

let bed: TestHosts;
beforeAll(async () => void (bed = await openTestHosts({ hosts: 2, images: ['alpine:3'] })));
afterAll(async () => await bed?.close());

const cli = async (...args: string[]) => {
  const env = { LABWRIGHT_NATS_URL: bed.nats.url, LABWRIGHT_NATS_CREDS: bed.nats.credentialsFolder, LABWRIGHT_HOME: join(bed.nats.folder, 'home') };
  return await execa(join(import.meta.dirname, '..', '..', 'labwright'), ['orphans', ...args], { env, reject: false, stdin: 'ignore' });
};
const list = async (...args: string[]): Promise<HostOrphans[]> => JSON.parse((await cli('ls', '--json', ...args)).stdout);
const remove = async (...args: string[]): Promise<RemovedOrphans[]> => JSON.parse((await cli('rm', '--json', ...args)).stdout);
const names = (hosts: readonly HostOrphans[]) => hosts.flatMap(({ host, orphans }) => orphans.map(({ kind, name }) => `${host} ${kind} ${name}`)).toSorted();

/** As a crash or a lost state folder would leave them: what a lab `gone` had on the host. */
async function leaveStrays(host: TestHost): Promise<void> {
  const key = { labId: labId('gone'), nodeId: NodeId.parse('x'), hostId: host.id };
  const labels = { 'labwright.lab': 'gone', 'labwright.node': 'x', 'labwright.host': host.id, 'labwright.generation': '1', 'labwright.spec': '0' };
  await run(host, 'clab-gone-x', labels, ownershipMark(key));
  await host.exec('ip', 'link', 'add', 'lwgone', 'type', 'veth', 'peer', 'name', 'lwgonep');
  await host.exec('ip', 'link', 'property', 'add', 'dev', 'lwgone', 'altname', interfaceMark({ host: host.id, lab: key.labId }, key.nodeId, 'eth1'));
  await host.exec('ip', 'link', 'add', 'br-gone', 'type', 'bridge');
  await host.exec('ip', 'link', 'set', 'br-gone', 'alias', `labwright:${host.id}:mgmt:gone-net`);
  await host.exec('ip', 'netns', 'add', 'clab-gone-x');
  const bootId = (await host.exec('cat', '/proc/sys/kernel/random/boot_id')).trim();
  await writeFile(join(host.home, 'host', 'link-plane', 'netns', 'clab-gone-x.json'), JSON.stringify({ mark: namespaceMark({ host: host.id, lab: key.labId }), bootId }));
  await host.exec('sh', '-c', `printf '/run/netns/none\\n${ownershipMark(key)}\\n' >/run/labwright/sandboxes/feedbeef`);
}

/** The same without our mark, or with another host's: its names begin as ours do. */
async function leaveForeign(host: TestHost): Promise<void> {
  await run(host, 'clab-gone-y', { 'labwright.lab': 'gone', 'labwright.node': 'y', 'labwright.host': host.id, 'labwright.generation': '1', 'labwright.spec': '0' });
  await host.exec('ip', 'link', 'add', 'lwother', 'type', 'veth', 'peer', 'name', 'lwotherp');
  await host.exec('ip', 'link', 'property', 'add', 'dev', 'lwother', 'altname', `lw.${host.id}0.gone.x.eth1`);
  await host.exec('ip', 'link', 'add', 'lw77.0', 'type', 'veth', 'peer', 'name', 'lw77.1');
  await host.exec('ip', 'link', 'add', 'br-other', 'type', 'bridge');
  await host.exec('ip', 'netns', 'add', 'clab-gone-z');
}

async function run(host: TestHost, name: string, labels: Record<string, string>, mark = ''): Promise<void> {
  const made = await host.docker().createContainer({ name, Image: 'alpine:3', Cmd: ['sleep', '9999'], Labels: labels, HostConfig: { NetworkMode: 'none', ContainerIDFile: mark } });
  await made.start();
}

const shown = async (host: TestHost) => ({
  containers: (await host.exec('docker', 'ps', '-a', '--format', '{{.Names}}')).split('\n').filter(Boolean).toSorted(),
  devices: (await host.exec('ls', '/sys/class/net')).split('\n').filter((name) => /^(lwgonep?|lwother|lw77.0|br-gone|br-other)$/.test(name)),
  namespaces: (await host.exec('ip', 'netns')).split('\n').flatMap((line) => line.split(' ')[0] || []).toSorted(),
});
const STRAYS = ['bridge br-gone', 'container clab-gone-x', 'device lwgone', 'look-up feedbeef', 'namespace clab-gone-x'];

describe('orphans', () => {
  it('X10: are listed by exact mark on each host; a running lab and what bears no mark of the host are not', async () => {
    await bed.deploy(labFromText(LAB, `/tmp/${NAME}/t.clab.yml`));
    await bed.settled(NAME);
    for (const host of bed.hosts) await leaveStrays(host);
    await leaveForeign(bed.host(1));
    expect(names(await list())).toEqual([...STRAYS.map((one) => `h1 ${one}`), ...STRAYS.map((one) => `h2 ${one}`)]);
    expect(names(await list('--host', 'h2'))).toEqual(STRAYS.map((one) => `h2 ${one}`));
    expect((await cli('ls', '--host', 'h9')).stderr).toContain('h9');
    expect((await cli('ls')).stdout).toContain('node x of lab gone');
  });

  it('stay in a dry run, and while they are younger than the grace', async () => {
    const dry = await remove('--grace', '0s');
    expect(dry.flatMap(({ outcomes }) => outcomes.map(({ outcome }) => outcome))).toEqual(Array.from({ length: 10 }, () => 'would-remove'));
    const young = await remove('-y', '--grace', '1h');
    expect(young.flatMap(({ outcomes }) => outcomes.map(({ outcome }) => outcome))).toEqual(Array.from({ length: 10 }, () => 'kept'));
    expect(names(await list())).toHaveLength(10);
  });

  it('X10 D06: are removed on the hosts that answer; lost hosts are named as not asked; all else stays', async () => {
    await bed.host(2).cut({ from: 'control' });
    await eventually(async () => (await bed.summaries()).find(({ host }) => host === 'h2')?.state === 'lost', { timeoutMs: 60_000, what: 'host h2 to be lost', everyMs: 200 });
    const removed = await cli('rm', '-y', '--grace', '0s', '--json');
    expect(removed.exitCode).toBe(1);
    const hosts: RemovedOrphans[] = JSON.parse(removed.stdout);
    expect(hosts.map(({ host, asked, reason, outcomes }) => [host, asked, reason, outcomes.map(({ outcome }) => outcome)])).toEqual([
      ['h1', true, undefined, STRAYS.map(() => 'removed')],
      ['h2', false, 'it is lost', []],
    ]);
    expect(await shown(bed.host(1))).toEqual({ containers: [`clab-${NAME}-a`, 'clab-gone-y'].toSorted(), devices: ['br-other', 'lw77.0', 'lwother'], namespaces: [`clab-${NAME}-a`, 'clab-gone-z'].toSorted() });
    await bed.host(2).heal();
    await eventually(async () => (await bed.view(NAME)).state === 'running', { timeoutMs: 60_000, what: 'the lab to run again', everyMs: 200 });
    expect((await cli('rm', '-y', '--grace', '0s')).exitCode).toBe(0);
    expect(await shown(bed.host(2))).toEqual({ containers: [`clab-${NAME}-b`], devices: [], namespaces: [`clab-${NAME}-b`] });
    expect(names(await list())).toEqual([]);
  });

  it('X10: of a lab that lives there are told as such, and go on request before they go by themselves; its history has it', async () => {
    const host = bed.host(1);
    await host.exec('ip', 'link', 'add', 'lwlive', 'type', 'vxlan', 'id', '99', 'dstport', '4799', 'remote', '192.0.2.9');
    await host.exec('ip', 'link', 'property', 'add', 'dev', 'lwlive', 'altname', interfaceMark({ host: host.id, lab: labId(NAME) }, NodeId.parse('a'), 'eth9'));
    expect((await list()).flatMap(({ orphans }) => orphans)).toMatchObject([{ kind: 'device', name: 'lwlive', lab: NAME, ofLiveLab: true }]);
    expect((await cli('ls')).stdout).toContain('(goes by itself)');
    expect(names(await remove('-y', '--grace', '0s'))).toEqual(['h1 device lwlive']);
    expect(await host.exec('ip', '-br', 'link')).not.toContain('lwlive');
    await eventually(async () => JSON.stringify(await bed.ops.request('history', { after: 0, limit: 1000 }, { lab: labId(NAME) })).includes('orphan.removed'), { what: 'the removal in the history' });
    expect((await bed.view(NAME)).state).toBe('running');
  });
});
