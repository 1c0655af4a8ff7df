// Configuration out of a container and into another one, on a real engine: running, stopped, bound from a person's file, not yet started.
import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Hands } from '../../../host-actor/hands.ts';
import { bindSaved, putSaved } from '../../../host-actor/lab-files/bring-saved.ts';
import { LabFiles } from '../../../host-actor/lab-files/lab-files.ts';
import { makeDockerProvider } from '../../../host-actor/providers/docker/docker-provider.ts';
import type { DockerProvider } from '../../../host-actor/providers/docker/docker-provider.ts';
import type { NodePlacement } from '../../../host-actor/providers/provider.ts';
import { makeSimulatedHands } from '../../../host-actor/providers/simulated/simulated-hands.ts';
import { saveNode } from '../../../host-actor/save-node.ts';
import type { Order } from '../../../machines/vocabulary/effect.ts';
import { EffectId } from '../../../machines/vocabulary/ids.ts';
import type { CarriedSource } from '../../../machines/vocabulary/carried-file.ts';
import type { NodeSpec } from '../../../machines/vocabulary/lab-spec.ts';
import { eventually } from '../../support/eventually.ts';
import { buildSpec, TestLab } from './test-nodes.ts';

const FRR = { image: 'labwright/frr:local', cmd: [] };
const CONF = '/etc/frr/frr.conf';

let lab: TestLab;
let provider: DockerProvider;
let dir: string;
let pieces: Map<string, Uint8Array>;
let hands: Hands;

beforeEach(async () => {
  lab = new TestLab('save');
  provider = makeDockerProvider({ hostId: lab.hostId });
  dir = await mkdtemp(join(tmpdir(), 'tprov-save-'));
  pieces = new Map();
  const files = new LabFiles({ stateDir: dir });
  const fetch = async (sha256: string): Promise<Uint8Array> => await Promise.resolve(pieces.get(sha256) ?? Buffer.from('absent'));
  const give = async (bytes: Uint8Array): Promise<string> => {
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    pieces.set(sha256, bytes);
    return await Promise.resolve(sha256);
  };
  files.connect({ fetch, give });
  hands = { ...makeSimulatedHands(lab.hostId), provider, files };
});
afterEach(async () => {
  await lab.clear(provider);
  await rm(dir, { recursive: true, force: true });
});

type SaveOrder = Extract<Order, { type: 'node.save' }>;
const orderFor = (placement: NodePlacement, spec: Partial<NodeSpec>, saved: CarriedSource[] = []): SaveOrder => ({
  type: 'node.save', id: EffectId.parse(`${lab.labId}/1/1`), lab: lab.labId, host: lab.hostId, term: 1, node: { ...buildSpec(spec), id: placement.nodeId, containerName: placement.containerName },
  plan: { host: lab.hostId, generation: placement.generation, ports: [], saved }, budget: { count: 0, windowMs: 1, backoffMs: 1, backoffMaxMs: 1 },
  context: { labDir: dir, mgmt: { network: 'x', bridge: 'x', mtu: 1500, externalAccess: false, isolated: false } },
});
const save = async (placement: NodePlacement, spec: Partial<NodeSpec>) => {
  const seen = await saveNode({ hands, now: Date.now }, orderFor(placement, spec));
  if (seen.type !== 'node.saved') throw new Error(seen.type);
  return seen;
};
const textOf = (files: readonly CarriedSource[], path: string): string => {
  const entry = files.find(({ source }) => source === path)?.entries[0];
  return Buffer.from(pieces.get(entry?.is === 'file' ? entry.sha256 : '') ?? '').toString();
};
const inside = async (id: string, ...argv: string[]) => (await execa('docker', ['exec', id, ...argv])).stdout;
const answers = async (id: string) => await eventually(async () => (await execa('docker', ['exec', id, 'vtysh', '-c', 'show running-config'], { reject: false })).stdout.includes('frr version'), { timeoutMs: 30_000, what: 'FRR to answer' });
/** As the host makes a node that brings files along. */
const make = async (placement: NodePlacement, spec: Partial<NodeSpec>, saved: CarriedSource[]) => {
  const order = orderFor(placement, spec, saved);
  const { node } = await provider.ensureCreated(await bindSaved({ hands }, order, order.node), placement);
  await putSaved({ hands }, order, node.runtimeId);
  await putSaved({ hands }, order, node.runtimeId);
  return node;
};

describe('a node in which FRR runs', () => {
  it('has its running configuration read out, unwritten, and another one starts with it', async () => {
    const { node, placement } = await lab.run(provider, 'r1', FRR);
    await answers(node.runtimeId);
    const before = await inside(node.runtimeId, 'sh', '-c', `stat -c %Y ${CONF}; ls /etc/frr`);
    await inside(node.runtimeId, 'vtysh', '-c', 'conf t', '-c', 'ip route 192.0.2.0/24 blackhole');
    const { files, problem } = await save(placement, FRR);
    expect(problem).toBeUndefined();
    expect(files.map(({ source }) => source)).toEqual([CONF, '/etc/frr/daemons', '/etc/frr/vtysh.conf']);
    expect(textOf(files, CONF)).toMatch(/^!\nfrr version [^]*\nip route 192\.0\.2\.0\/24 blackhole\n[^]*\nend\n$/);
    expect(await inside(node.runtimeId, 'sh', '-c', `stat -c %Y ${CONF}; ls /etc/frr`)).toBe(before);
    const other = await lab.place('r2');
    const made = await make(other, FRR, files);
    expect(made.status).toBe('created');
    const there = await provider.readFile(made.runtimeId, CONF);
    expect([there && Buffer.from(there.bytes).toString(), there?.mode]).toEqual([textOf(files, CONF), 0o640]);
    await provider.ensureStarted(made.runtimeId, other.sandbox);
    await answers(made.runtimeId);
    expect(await inside(made.runtimeId, 'vtysh', '-c', 'show running-config')).toContain('ip route 192.0.2.0/24 blackhole');
    expect(await inside(made.runtimeId, 'stat', '-c', '%U:%G', CONF)).toBe('frr:frr');
    await inside(made.runtimeId, 'vtysh', '-c', 'write memory');
  });

  it('whose file is a person\'s own has it neither written nor replaced: a copy is bound over it', async () => {
    const own = join(dir, 'r1.conf');
    await writeFile(own, 'hostname mine\n!\n');
    const bound = { ...FRR, binds: [`${own}:${CONF}`] };
    const { node, placement } = await lab.run(provider, 'r1', bound);
    await answers(node.runtimeId);
    await inside(node.runtimeId, 'vtysh', '-c', 'conf t', '-c', 'ip route 192.0.2.0/24 blackhole');
    const { files } = await save(placement, bound);
    expect(await readFile(own, 'utf8')).toBe('hostname mine\n!\n');
    const other = await lab.place('r2');
    const made = await make(other, bound, files);
    await provider.ensureStarted(made.runtimeId, other.sandbox);
    await answers(made.runtimeId);
    expect(await inside(made.runtimeId, 'vtysh', '-c', 'show running-config')).toContain('ip route 192.0.2.0/24 blackhole');
    expect([await readFile(own, 'utf8'), (await stat(own)).uid]).toEqual(['hostname mine\n!\n', 0]);
    const folder = { ...FRR, binds: [`${dir}:/etc/frr`] };
    const deep = await lab.place('r3');
    const under = await make(deep, folder, files.filter(({ source }) => source === CONF));
    const { stdout } = await execa('docker', ['inspect', '-f', '{{json .HostConfig.Binds}}', under.runtimeId]);
    expect(JSON.parse(stdout)).toEqual([`${dir}:/etc/frr`, expect.stringMatching(new RegExp(`^${dir}/lab-files/.*/copy:${CONF}$`))]);
  });

  it('that is stopped has taken along what lies in it; one whose daemons do not answer too, and why is said', async () => {
    const { node, placement } = await lab.run(provider, 'r1', FRR);
    await answers(node.runtimeId);
    await inside(node.runtimeId, 'sh', '-c', `echo 'hostname lying' > ${CONF}; echo '#!/bin/sh\necho no daemon >&2; exit 3' > /tmp/vtysh; chmod +x /tmp/vtysh; cp /tmp/vtysh "$(command -v vtysh)"`);
    const failed = await save(placement, FRR);
    expect([textOf(failed.files, CONF), failed.problem]).toEqual(['hostname lying\n', 'the running configuration of FRR cannot be read: vtysh ended with 3: no daemon']);
    await provider.ensureStopped(node.runtimeId, { graceMs: 0 });
    const stopped = await save(placement, FRR);
    expect([textOf(stopped.files, CONF), stopped.problem]).toEqual(['hostname lying\n', undefined]);
  });
});

describe('a node in which FRR has only just started', () => {
  it('is not taken for one without a configuration: what is shown before it was taken in does not count', async () => {
    const own = join(dir, 'r1.conf');
    await writeFile(own, `hostname mine\n!\n${Array.from({ length: 200 }, (_unused, index) => `ip route 192.0.2.${index}/32 blackhole\n`).join('')}!\n`);
    for (let round = 0; round < 3; round += 1) {
      const bound = { ...FRR, binds: [`${own}:${CONF}`] };
      const { node, placement } = await lab.run(provider, `r${round}`, bound);
      const { files, problem } = await save(placement, bound);
      expect([problem, textOf(files, CONF).match(/blackhole/g)?.length]).toEqual([undefined, 200]);
      await provider.ensureRemoved({ ...placement, containerName: node.name });
    }
  });
});

describe('a node in which nothing can be saved', () => {
  it('says so; one without a container fails', async () => {
    const { placement } = await lab.run(provider, 'n1');
    expect(await save(placement, {})).toMatchObject({ files: [], problem: 'nothing in it (kind linux) has a configuration that can be saved' });
    await provider.ensureRemoved(placement);
    await expect(saveNode({ hands, now: Date.now }, orderFor(placement, {}))).rejects.toMatchObject({ code: 'container-missing' });
  });
});

describe('a file of a container', () => {
  it('is not there, is no plain file, or is too large', async () => {
    const { node } = await lab.run(provider, 'n1');
    expect([await provider.readFile(node.runtimeId, '/absent'), await provider.readFile(node.runtimeId, '/etc'), await provider.readFile(node.runtimeId, '/etc/mtab')]).toEqual([undefined, undefined, undefined]);
    await inside(node.runtimeId, 'dd', 'if=/dev/zero', 'of=/huge', 'bs=1M', 'count=5');
    await expect(provider.readFile(node.runtimeId, '/huge')).rejects.toMatchObject({ code: 'file-too-large' });
    await provider.putFiles(node.runtimeId, [{ path: '/new/folder/x', mode: 0o600, uid: 7, gid: 8, bytes: Buffer.from('text') }]);
    expect(await inside(node.runtimeId, 'stat', '-c', '%a %u %g', '/new/folder/x')).toBe('600 7 8');
  });
});
