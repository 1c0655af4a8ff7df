// A running lab is copied by its own description: the file that the log holds, deployed again under another name.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LabSpec } from '../../machines/vocabulary/lab-spec.ts';
import { openWorld } from './labwright.ts';
import type { World } from './labwright.ts';

const text = `name: tcln
mgmt: { network: tcln-net, bridge: br-tcln, ipv4-subnet: 172.29.79.0/24 }
topology:
  nodes:
    r1: { kind: linux, image: labwright/frr:local, binds: ["r1:/etc/frr"] }
    n1: { kind: linux, image: labwright/linux:local, env: { ROLE: edge } }
  links:
    - endpoints: [r1:eth1, n1:eth1]
`;
let world: World;

beforeAll(() => {
  world = openWorld();
  mkdirSync(join(world.folder, 'r1'));
  writeFileSync(join(world.folder, 'r1', 'daemons'), 'bgpd=no\n');
  writeFileSync(join(world.folder, 'r1', 'vtysh.conf'), '');
  writeFileSync(join(world.folder, 'r1', 'frr.conf'), 'hostname r1\n');
});
afterAll(async () => await world.end());

const well = async (args: readonly string[], input?: string): Promise<string> => {
  const { exitCode, stdout, stderr } = await world.run(args, input === undefined ? {} : { input });
  expect([exitCode, stderr]).toEqual([0, expect.any(String)]);
  return stdout;
};
const vtysh = async (lab: string, command: string) => await well(['exec', '--name', lab, '--label', 'clab-node-name=r1', '--cmd', `vtysh ${command}`, '--format', 'json']);
const specOf = async (lab: string) => LabSpec.parse(JSON.parse(await well(['inspect', '--name', lab, '--spec'])));
const containersOf = async (lab: string): Promise<string[]> => {
  const labs = JSON.parse(await well(['inspect', '--name', lab, '--format', 'json'])) as Record<string, { container_id: string }[]>;
  return (labs[lab] ?? []).map((one) => one.container_id);
};

describe('a copy of a lab', () => {
  it('S23: has the same nodes and links and what its routers had saved, and things of its own', async () => {
    await well(['deploy', '-t', world.file('tcln.clab.yml', text), '--timeout', '2m']);
    await vtysh('tcln', `-c 'configure terminal' -c 'ip route 192.0.2.0/24 Null0' -c end -c 'write memory'`);
    await well(['deploy', '-t', '-', '--name', 'tcln-copy', '--timeout', '2m'], await well(['inspect', '--name', 'tcln', '--source']));
    const [first, copy] = [await specOf('tcln'), await specOf('tcln-copy')];
    const shape = ({ nodes, links }: LabSpec) => [nodes.map(({ id, image, env, binds }) => [id, image, env['ROLE'], binds]), links.map(({ id }) => id)];
    expect(shape(copy)).toEqual(shape(first));
    expect(await vtysh('tcln-copy', `-c 'show running-config'`)).toContain('ip route 192.0.2.0/24 Null0');
    const ids = [...(await containersOf('tcln')), ...(await containersOf('tcln-copy'))];
    expect(new Set(ids).size).toBe(4);
  });
});
