// Traffic between running nodes while control is killed and comes back: not one packet is lost.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { lab } from '../support/lab-builders.ts';
import { eventually } from '../support/eventually.ts';
import { labFromText, openTestBed } from '../support/test-bed.ts';
import type { TestBed } from '../support/test-bed.ts';
import { CONTROL, killAllControl, killControl } from './kill-control.ts';
import { refoldsToLive } from './lab-life.ts';
import { NodeHands } from './node-hands.ts';

const NAME = 'te2e-ping';
const GATEWAY = '172.31.100.65';
const text = `
name: ${NAME}
mgmt: {network: te2e-net-ping, ipv4-subnet: 172.31.100.64/26}
topology:
  defaults: {kind: linux, image: "alpine:3"}
  nodes:
    a: {exec: ["ip addr add 10.0.0.1/24 dev eth1"]}
    b: {exec: ["ip addr add 10.0.0.2/24 dev eth1"]}
  links:
    - endpoints: ["a:eth1", "b:eth1"]
`;

describe('Must be shown 3: traffic while control is away', () => {
  const a = new NodeHands(NAME, 'a');
  let bed: TestBed;
  beforeAll(async () => {
    bed = await openTestBed();
    await bed.deploy(labFromText(text, `/tmp/${NAME}/t.clab.yml`));
    await bed.settled(NAME, ['running']);
  });
  afterAll(async () => {
    await bed.up();
    await bed.close();
  });

  const received = async (file: string) => [...(await a.exec('cat', file)).matchAll(/icmp_seq=(\d+)/g)].map((match) => Number(match[1]));
  const startPings = async (address: string, file: string) => {
    await a.exec('sh', '-c', `ping -i 0.05 ${address} > ${file} 2>&1 &`);
    await eventually(async () => (await received(file)).length > 3, { what: `pings to ${address}` });
  };
  /** Numbers up to the last answer that never came, after at least `more` more answers from now. */
  const lost = async (file: string, more = 20): Promise<number[]> => {
    const before = (await received(file)).length;
    const seen = new Set(await eventually(async () => {
      const now = await received(file);
      return now.length >= before + more ? now : null;
    }, { timeoutMs: 30_000, what: `${more} more answers in ${file}` }));
    return Array.from({ length: Math.max(...seen) }, (_, index) => index + 1).filter((number) => !seen.has(number));
  };
  const takeovers = async () => {
    const { entries } = await bed.ops.request('history', { after: 0, limit: 1000 }, { lab: lab(NAME) });
    return entries.flatMap(({ entry }) => entry.events).filter((event) => event.type === 'TakenOver').length;
  };

  it('does not lose a packet over kill -9 of each process, and of all at once with their return', async ({ annotate }) => {
    await startPings('10.0.0.2', '/tmp/link');
    await startPings(GATEWAY, '/tmp/mgmt');
    for (const name of CONTROL.filter((one) => one !== 'parent')) {
      const before = await takeovers();
      expect(await killControl(bed.home, [name])).toEqual([name]);
      expect({ name, lost: [await lost('/tmp/link'), await lost('/tmp/mgmt')] }).toEqual({ name, lost: [[], []] });
      if (name === 'supervisor') await eventually(async () => (await takeovers()) > before, { timeoutMs: 60_000, what: 'another supervisor', everyMs: 100 });
      await eventually(async () => (await bed.view(NAME)).state === 'running', { timeoutMs: 60_000, what: `answers after the end of ${name}` });
    }
    for (let round = 0; round < 2; round += 1) {
      const before = await takeovers();
      await killAllControl(bed.home);
      expect([await lost('/tmp/link', 60), await lost('/tmp/mgmt', 1)]).toEqual([[], []]);
      await bed.up();
      await eventually(async () => (await takeovers()) > before, { timeoutMs: 60_000, what: 'lab to be taken over', everyMs: 100 });
      expect([await lost('/tmp/link', 60), await lost('/tmp/mgmt', 1)]).toEqual([[], []]);
    }
    await annotate(`${(await received('/tmp/link')).length} packets over the link, ${(await received('/tmp/mgmt')).length} over the management network`);
    const view = await bed.settled(NAME, ['running']);
    expect(view.links.map((link) => [link.state, link.repairs])).toEqual([['up', 0]]);
    expect(view.nodes.map((node) => [node.state, node.repairs])).toEqual([['running', 0], ['running', 0]]);
    await refoldsToLive(bed, NAME);
  });
});
