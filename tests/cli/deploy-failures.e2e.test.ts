// Labs with nodes and links that cannot come up: each says why, the others come up, destroy cleans all.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openWorld } from './labwright.ts';
import type { World } from './labwright.ts';

const mgmt = 'mgmt: { network: tcli-net, bridge: br-tcli, ipv4-subnet: 172.29.77.0/24, ipv6-subnet: 3fff:172:29:77::/64 }';
let world: World;
beforeAll(() => {
  world = openWorld();
});
afterAll(async () => {
  await world.end();
});

describe('deploy of a lab with faults', () => {
  it('names the failed nodes and links with their reasons, ends with 3, and the others run', async () => {
    const file = world.file('bad.clab.yml', `name: tcli-bad
${mgmt}
topology:
  defaults: { kind: linux, image: labwright/linux:local }
  nodes:
    good: {}
    noprog: { cmd: nosuchcommand }
    dies: { cmd: "sh -c 'echo the last words; exit 3'", restart-policy: "no" }
  links:
    - endpoints: [good:eth1, noprog:eth1]
    - endpoints: ["good:eth2", "macvlan:nosuchdev"]
`);
    const { exitCode, stdout, stderr } = await world.run(['deploy', '-t', file, '--timeout', '2m']);
    expect(stderr).toContain('"nosuchcommand": executable file not found');
    expect(stderr).not.toContain('/proc/0/ns/net');
    expect(stderr).toMatch(/node dies failed: .*exit code 3[\s\S]*│ the last words/);
    expect(stderr).toMatch(/link \S*nosuchdev\S* failed: .*nosuchdev/);
    expect(stdout).toMatch(/clab-tcli-bad-good\s+│ linux\s+│ running/);
    expect(exitCode).toBe(3);
    expect((await world.run(['destroy', '-t', file])).exitCode).toBe(0);
    expect((await execa('docker', ['ps', '-aq', '--filter', 'name=^clab-tcli-bad-'])).stdout).toBe('');
  });

  it('refuses an impossible file with all faults at once and code 2, and touches nothing', async () => {
    const file = world.file('impossible.clab.yml', 'name: tcli-impossible\ntopology:\n  nodes:\n    a: {kind: linux}\n  links:\n    - endpoints: [a:eth1, b:eth1]\n    - endpoints: [a:eth1]\n');
    const { exitCode, stderr } = await world.run(['deploy', '-t', file]);
    expect(exitCode).toBe(2);
    expect(stderr).toMatch(/impossible\.clab\.yml:\d+:\d+: error/);
    expect(stderr.match(/: error /g)?.length).toBeGreaterThan(1);
    expect(existsSync(join(world.folder, 'clab-tcli-impossible'))).toBe(false);
  });

  it('a node filter deploys a part, and never costs nodes that run', async () => {
    const file = world.file('filter.clab.yml', `name: tcli-filter\n${mgmt}\ntopology:\n  defaults: { kind: linux, image: labwright/linux:local }\n  nodes: { a: {}, b: {}, c: {} }\n  links:\n    - endpoints: [a:eth1, b:eth1]\n    - endpoints: [b:eth2, c:eth1]\n`);
    expect((await world.run(['deploy', '-t', file, '--node-filter', 'a,b'])).stdout).not.toContain('clab-tcli-filter-c');
    expect((await world.run(['deploy', '-t', file])).stdout).toContain('added nodes: c');
    const refused = await world.run(['deploy', '-t', file, '--node-filter', 'a']);
    expect([refused.exitCode, refused.stderr.includes('which --node-filter leaves out')]).toEqual([2, true]);
    expect((await world.run(['destroy', '--name', 'tcli-filter'])).exitCode).toBe(0);
  });

  it('tells programs of errors as JSON', async () => {
    const { exitCode, stderr } = await world.run(['node', 'nosuchlab', 'r1', '--json']);
    expect(exitCode).toBe(1);
    expect(JSON.parse(stderr)).toMatchObject({ error: { code: 'lab-not-found' } });
  });
});
