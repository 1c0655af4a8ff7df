// A node whose process exits at once: it fails with its own output, the others come up, the command says so, destroy cleans all.
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openTestBed } from '../support/test-bed.ts';
import type { TestBed } from '../support/test-bed.ts';
import { HostLeftovers } from './host-leftovers.ts';
import { refoldsToLive } from './lab-life.ts';
import { NodeHands, sh } from './node-hands.ts';

const NAME = 'te2e-fail';
const text = `
name: ${NAME}
mgmt: {network: te2e-net-fail, ipv4-subnet: 172.31.100.128/26}
topology:
  defaults: {kind: linux, image: "alpine:3"}
  nodes:
    a: {exec: ["ip addr add 10.0.0.1/24 dev eth1"]}
    b: {exec: ["ip addr add 10.0.0.2/24 dev eth1"]}
    loops: {cmd: "sh -c 'echo these are my last words; exit 7'"}
    leaves: {cmd: "sh -c 'echo I am done for; exit 9'", restart-policy: "no"}
  links:
    - endpoints: ["a:eth1", "b:eth1"]
    - endpoints: ["a:eth2", "loops:eth1"]
`;

type Ran = { readonly code: number; readonly out: string };

describe('Must be shown 5: a node whose process exits at once', () => {
  let bed: TestBed;
  let folder: string;
  let leftovers: HostLeftovers;
  beforeAll(async () => {
    bed = await openTestBed();
    leftovers = await HostLeftovers.since([NAME, 'te2e-net-fail']);
    folder = await mkdtemp(join(tmpdir(), 'te2e-fail-'));
    await writeFile(join(folder, 'fail.clab.yml'), text);
  });
  afterAll(async () => {
    await bed.close();
    await rm(folder, { recursive: true, force: true });
  });

  const labwright = async (...args: string[]): Promise<Ran> =>
    await new Promise((resolve) => {
      execFile(join(import.meta.dirname, '..', '..', 'labwright'), args, { cwd: folder, env: { ...process.env, LABWRIGHT_HOME: bed.home } }, (error, stdout, stderr) => {
        resolve({ code: typeof error?.code === 'number' ? error.code : 0, out: stdout + stderr });
      });
    });

  it('fails with its own output, and deploy ends with exit code 3 and says it', async () => {
    const { code, out } = await labwright('deploy', '-t', 'fail.clab.yml');
    expect({ code, out }).toMatchObject({ code: 3 });
    expect(out).toMatch(/node loops failed: .*exit code 7/);
    expect(out).toContain('these are my last words');
    expect(out).toMatch(/node leaves failed: .*exit code 9/);
    expect(out).toContain('I am done for');
  });

  it('is degraded: the others run and reach each other, the failures hold the output', async () => {
    const view = await bed.view(NAME);
    expect(view.state).toBe('degraded');
    expect(view.nodes.map((node) => [node.node, node.state])).toEqual([['a', 'running'], ['b', 'running'], ['leaves', 'failed'], ['loops', 'failed']]);
    const failures = Object.fromEntries(view.nodes.map((node) => [node.node, node.failure]));
    expect(failures['loops']).toMatchObject({ code: 'repair-budget-spent', log: expect.arrayContaining(['these are my last words']) });
    expect(failures['leaves']).toMatchObject({ code: 'process-exited', log: expect.arrayContaining(['I am done for']) });
    await new NodeHands(NAME, 'a').pings('10.0.0.2');
    await refoldsToLive(bed, NAME);
  });

  it('S08: is not started again, also not by another host-actor', async () => {
    const restarts = async () => await sh('docker', 'inspect', '-f', '{{.State.StartedAt}}', `clab-${NAME}-loops`, `clab-${NAME}-leaves`);
    const before = await restarts();
    await bed.down();
    await bed.up();
    await bed.settled(NAME, ['degraded']);
    await sh('docker', 'kill', `clab-${NAME}-b`);
    await new NodeHands(NAME, 'a').pings('10.0.0.2');
    expect(await restarts()).toBe(before);
  });

  it('destroy cleans all', async () => {
    const { code, out } = await labwright('destroy', '-t', 'fail.clab.yml', '--cleanup');
    expect({ code, out }).toMatchObject({ code: 0 });
    expect(await leftovers.read()).toEqual({});
  });
});
