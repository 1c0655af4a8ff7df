// Addresses of other people's containers on the management network are never leased, whatever half they lie in.
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TestBed } from '../support/test-bed.ts';
import { labFromText, openTestBed } from '../support/test-bed.ts';

const NETWORK = 'e2etaken-net';
const FOREIGN = 'e2etaken-foreign';
const file = (name: string, nodes: readonly string[], more = '') => `name: ${name}
mgmt: { network: ${NETWORK}, ipv4-subnet: 10.217.9.0/27, ipv6-subnet: fd00:217:9::/64 }
topology:
  nodes:
${nodes.map((node) => `    ${node}: { kind: linux, image: labwright/linux:local${more} }`).join('\n')}
`;

describe('a container of somebody else on the management network', () => {
  let bed: TestBed;
  beforeAll(async () => {
    bed = await openTestBed();
  });
  afterAll(async () => {
    await execa('docker', ['rm', '-f', FOREIGN], { reject: false });
    await bed.close();
    await execa('docker', ['network', 'rm', NETWORK], { reject: false });
  });
  const deploy = async (name: string, text: string) => {
    await bed.deploy(labFromText(text, join(bed.home, `${name}.clab.yml`)));
    return await bed.settled(name);
  };

  it('D05: keeps its address: the next nodes get others, and one that asks for it is refused', async () => {
    const first = await deploy('e2etaken1', file('e2etaken1', ['a']));
    expect(first.nodes.map((node) => node.ipv4)).toEqual(['10.217.9.2/27']);
    // In our half, where the engine would not put it by itself.
    await execa('docker', ['run', '-d', '--name', FOREIGN, '--network', NETWORK, '--ip', '10.217.9.3', '--ip6', 'fd00:217:9::3', 'labwright/linux:local', 'sleep', 'infinity']);
    const second = await deploy('e2etaken2', file('e2etaken2', ['b', 'c']));
    expect(second.state).toBe('running');
    expect(second.nodes.map((node) => [node.ipv4, node.ipv6])).toEqual([['10.217.9.4/27', 'fd00:217:9::4/64'], ['10.217.9.5/27', 'fd00:217:9::5/64']]);
    for (const address of ['10.217.9.3', 'fd00:217:9::3']) await execa('docker', ['exec', 'clab-e2etaken2-b', 'ping', '-c1', '-W2', address]);
    await expect(deploy('e2etaken3', file('e2etaken3', ['d'], ', mgmt-ipv4: 10.217.9.3'))).rejects.toMatchObject({ code: 'address-taken' });

    // The network stays for it when our labs go, and the next lab leases around it again.
    await bed.destroy('e2etaken1');
    await bed.destroy('e2etaken2');
    const again = await deploy('e2etaken4', file('e2etaken4', ['e', 'f']));
    expect(again.nodes.map((node) => node.ipv4)).toEqual(['10.217.9.2/27', '10.217.9.4/27']);
  });
});
