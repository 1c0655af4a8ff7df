// What a person wished for a link outlives deploys, restarts and crashes, and what happens on it for a moment is in its history.
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CommandId } from '../../machines/vocabulary/ids.ts';
import { aLink, lab } from '../support/lab-builders.ts';
import { eventually } from '../support/eventually.ts';
import { labFromText, openTestBed } from '../support/test-bed.ts';
import type { TestBed } from '../support/test-bed.ts';
import { killAllControl } from './kill-control.ts';
import { refoldsToLive } from './lab-life.ts';
import { hasNews, linkOf, NodeHands, sh } from './node-hands.ts';

const NAME = 'te2e-wish';
const LINK = aLink('a:eth1', 'b:eth1').id;
const text = (env: string) => `
name: ${NAME}
mgmt: {network: te2e-net-wish, ipv4-subnet: 172.31.101.0/26}
topology:
  defaults: {kind: linux, image: "alpine:3"}
  nodes:
    a: {exec: ["ip addr add 10.0.0.1/24 dev eth1"]}
    b: {exec: ["ip addr add 10.0.0.2/24 dev eth1"], env: {X: "${env}"}}
  links:
    - {endpoints: ["a:eth1", "b:eth1"], mtu: 9000}
`;

describe('wishes about a link', () => {
  const [a, b] = [new NodeHands(NAME, 'a'), new NodeHands(NAME, 'b')];
  let bed: TestBed;
  beforeAll(async () => {
    bed = await openTestBed();
    await bed.deploy(labFromText(text('1'), `/tmp/${NAME}/t.clab.yml`));
    await bed.settled(NAME, ['running']);
  });
  afterAll(async () => {
    await bed.up();
    await bed.close();
  });

  const setAdmin = async (admin: 'up' | 'down') => await bed.ops.request('link-set', { commandId: CommandId.parse(randomUUID()), link: LINK, admin }, { lab: lab(NAME) });
  const isUp = async (node: NodeHands) => (await node.inNetns('cat', '/sys/class/net/eth1/operstate')) === 'up';
  const isDown = async () => {
    const view = linkOf(await bed.view(NAME), LINK);
    return view.admin === 'down' && view.state === 'down' && !(await isUp(a)) && !(await isUp(b));
  };
  const staysDown = async () => await eventually(isDown, { timeoutMs: 60_000, what: 'link to be down at both ends', everyMs: 100 });

  it('N15: the MTU of the file is that of both ends, and what fits passes unfragmented', async () => {
    for (const node of [a, b]) expect(await node.inNetns('cat', '/sys/class/net/eth1/mtu')).toBe('9000');
    await a.exec('ping', '-c', '1', '-W', '2', '-M', 'do', '-s', '8972', '10.0.0.2');
    await expect(a.exec('ping', '-c', '1', '-W', '2', '-M', 'do', '-s', '8973', '10.0.0.2')).rejects.toThrow('');
  });

  it('N17: a toggle of 200 ms inside a node is in the log with both its events', async () => {
    const { n } = await bed.view(NAME);
    await sh('ip', 'netns', 'exec', b.container, 'sh', '-c', 'ip link set eth1 down; sleep 0.2; ip link set eth1 up');
    const carriers = async () => {
      const { entries } = await bed.ops.request('history', { after: n, limit: 1000 }, { lab: lab(NAME) });
      return entries.flatMap(({ entry }) => entry.events).flatMap((event) => (event.type === 'Reported' && event.observation.type === 'link.carrier' ? [event.observation.carrier] : []));
    };
    await eventually(async () => {
      const seen = await carriers();
      const last = seen.at(-1);
      return seen.some((one) => !one.a || !one.b) && last?.a === true && last.b;
    }, { timeoutMs: 30_000, what: 'carrier lost and found in the log', everyMs: 100 });
    await a.pings('10.0.0.2');
    expect(linkOf(await bed.view(NAME), LINK)).toMatchObject({ oper: 'up', repairs: 0 });
  });

  it('N16: a link that was set down stays down over a deploy that makes its node anew, a repair, and a crash of everything', async () => {
    await setAdmin('down');
    await staysDown();
    await bed.deploy(labFromText(text('2'), `/tmp/${NAME}/t.clab.yml`));
    await bed.settled(NAME, ['running']);
    await staysDown();
    const { n } = await bed.view(NAME);
    await sh('docker', 'kill', b.container);
    await hasNews(bed, NAME, { after: n, fits: /^node b runs again \(repair\)/ });
    await staysDown();
    await sh('ip', 'link', 'set', linkOf(await bed.view(NAME), LINK).a.device ?? '', 'up');
    await staysDown();
    await killAllControl(bed.home);
    await bed.up();
    await staysDown();
    await setAdmin('up');
    await a.pings('10.0.0.2');
    // The first packet may be there before the host has said that it can be.
    await eventually(async () => linkOf(await bed.view(NAME), LINK).oper === 'up', { what: 'the link to be up in the view' });
    expect(linkOf(await bed.view(NAME), LINK).admin).toBe('up');
    await refoldsToLive(bed, NAME);
  });
});
