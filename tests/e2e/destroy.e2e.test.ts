// Destroy leaves the host as before, ten times in a row, and so does `down`.
import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { labFromText, openTestBed } from '../support/test-bed.ts';
import type { TestBed } from '../support/test-bed.ts';
import { HostLeftovers } from './host-leftovers.ts';
import { NodeHands } from './node-hands.ts';

const NAME = 'te2e-gone';
const text = `
name: ${NAME}
mgmt: {network: te2e-net-gone, bridge: te2e-br, ipv4-subnet: 172.31.103.64/26, ipv6-subnet: "fd00:7e2e::/64"}
topology:
  defaults: {kind: linux, image: "alpine:3"}
  nodes:
    a: {exec: ["ip addr add 10.0.0.1/24 dev eth1"], ports: ["18999:80"]}
    b: {exec: ["ip addr add 10.0.0.2/24 dev eth1"]}
    c: {}
    d: {cmd: "false"}
  links:
    - endpoints: ["a:eth1", "b:eth1"]
    - endpoints: ["b:eth2", "c:eth1"]
    - endpoints: ["c:eth2", "a:eth2"]
    - endpoints: ["c:eth3", "d:eth1"]
    - endpoints: ["a:eth3", "host:te2e-h0"]
    - endpoints: ["b:eth3", "mgmt-net:te2e-m0"]
    - {type: dummy, endpoint: {node: c, interface: eth9}}
`;

/** A lab's life with some of what people do to it in between. */
async function liveAndGo(bed: TestBed, leftovers: HostLeftovers): Promise<Record<string, unknown>> {
  await bed.deploy(labFromText(text, `/tmp/${NAME}/t.clab.yml`));
  const view = await bed.settled(NAME, ['degraded']);
  leftovers.addOwn(view.links.flatMap((link) => [link.a.device, link.b.device].flatMap((device) => device ?? [])));
  const [a, b] = [new NodeHands(NAME, 'a'), new NodeHands(NAME, 'b')];
  await a.pings('10.0.0.2');
  execFileSync('docker', ['kill', b.container]);
  await a.pings('10.0.0.2');
  const standing = await leftovers.differences();
  await bed.destroy(NAME);
  return standing;
}

describe('Must be shown 7: destroy leaves the host as before', () => {
  it('ten times in a row, and down leaves it as before up', async () => {
    const own = [NAME, 'te2e-net-gone', 'te2e-br', 'te2e-h0', 'te2e-m0', '172.31.103.64/26', 'fd00:7e2e'];
    const beforeUp = await HostLeftovers.since(own);
    const bed = await openTestBed();
    beforeUp.addOwn([bed.home]);
    const afterUp = await HostLeftovers.since(own);
    for (let round = 1; round <= 10; round += 1) {
      const standing = await liveAndGo(bed, afterUp);
      // The comparison sees what a lab is made of, or it would see nothing of what is left either.
      expect(Object.keys(standing)).toEqual(expect.arrayContaining(['containers', 'networks', 'links', 'qdiscs', 'nft', 'netns', 'routes', 'hostsFile', 'runFiles']));
      expect({ round, left: await afterUp.read() }).toEqual({ round, left: {} });
    }
    await bed.close();
    expect(await beforeUp.read()).toEqual({});
  });
});
