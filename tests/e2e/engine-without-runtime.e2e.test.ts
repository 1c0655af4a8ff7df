// An engine that knows no runtime of ours: a whole lab works all the same, wired after each start, and plan and inspect say what that costs.
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { lab, node } from '../support/lab-builders.ts';
import { eventually } from '../support/eventually.ts';
import type { TestBed } from '../support/test-bed.ts';
import { labFromText, openTestBed } from '../support/test-bed.ts';
import { PrivateEngine } from '../host-actor/providers/private-engine.ts';

const LAB = lab('e2ebare');
const FILE = `name: ${LAB}
mgmt: { network: e2ebare-net, ipv4-subnet: 10.217.11.0/24 }
topology:
  defaults: { kind: linux, image: "lwbare:1", image-pull-policy: never, cmd: "/bin/sh -c 'trap \\"exit 0\\" TERM; while :; do /bin/sleep 1000 & wait $$!; done'" }
  nodes: { a: {}, b: {}, c: {} }
  links:
    - { endpoints: ["a:eth1", "b:eth1"], ipv4: ["10.218.1.1/24", "10.218.1.2/24"] }
    - { endpoints: ["b:eth2", "c:eth1"], ipv4: ["10.218.2.1/24", "10.218.2.2/24"] }
`;

describe('an engine without our runtime', () => {
  let engine: PrivateEngine;
  let bed: TestBed;
  beforeAll(async () => {
    engine = await PrivateEngine.start('bare');
    await engine.importShell('lwbare:1');
    bed = await openTestBed({ LABWRIGHT_DOCKER_SOCKET: engine.socketPath });
  });
  afterAll(async () => {
    await bed.close();
    await engine.remove();
  });

  const pidOf = async (id: string) => (await bed.ops.request('node', { node: node(id) }, { lab: LAB })).pid;
  /** From the node's own namespace; its image has no ping. */
  const ping = async (from: string, to: string) =>
    await eventually(async () => await execa('nsenter', [`--net=/proc/${await pidOf(from)}/ns/net`, 'ping', '-c1', '-W1', to]), { what: `ping from ${from} to ${to}`, timeoutMs: 30_000, everyMs: 100 });

  it('runs a lab with all links up, before and after restarts, and says in plan and inspect that links do not survive them', async () => {
    const spec = labFromText(FILE, join(bed.home, 'e2ebare.clab.yml'));
    const planned = await eventually(async () => {
      const plan = await bed.ops.request('plan', { spec, takeOver: false, reconfigure: false }, { lab: LAB });
      return plan.changes.some((change) => change.reason.includes('do not survive a restart')) ? plan : null;
    }, { what: 'the plan to say it' });
    expect(planned.changes.filter((change) => change.object === 'node').every((change) => change.reason.includes('no runtime labwright'))).toBe(true);

    await bed.deploy(spec);
    const view = await bed.settled(LAB);
    expect(view.problems).toEqual([]);
    expect(view.nodes.map((one) => [one.node, one.state, one.keepsLinks])).toEqual([['a', 'running', false], ['b', 'running', false], ['c', 'running', false]]);
    expect(view.links.map((one) => [one.link, one.oper])).toEqual([['a:eth1--b:eth1', 'up'], ['b:eth2--c:eth1', 'up']]);
    await ping('a', '10.218.1.2');
    await ping('c', '10.218.2.1');
    const inside = await execa('nsenter', [`--net=/proc/${await pidOf('a')}/ns/net`, 'ip', '-4', '-br', 'addr']);
    expect(inside.stdout).toContain(view.nodes[0]?.ipv4 ?? 'an address');

    // By hand, and by order.
    const before = await pidOf('b');
    await engine.docker('restart', '-t', '1', 'clab-e2ebare-b');
    await eventually(async () => (await pidOf('b')) !== before && (await bed.view(LAB)).links.every((link) => link.oper === 'up'), { what: 'links after the restart', timeoutMs: 30_000 });
    await ping('a', '10.218.1.2');
    await ping('c', '10.218.2.1');

    await bed.destroy(LAB);
    expect(await engine.docker('ps', '-aq')).toBe('');
    expect((await execa('ip', ['-o', 'link'])).stdout).not.toContain('e2ebare');
  });
});
