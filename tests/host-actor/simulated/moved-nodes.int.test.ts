// A host-actor that was away while its nodes may have moved: what it was told before starts nothing until newer orders had time to come.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { HostActor } from '../../../host-actor/host-actor.ts';
import { isLive } from '../../../host-actor/node-states.ts';
import type { SimulatedHands } from '../../../host-actor/providers/simulated/simulated-hands.ts';
import { makeSimulatedHands } from '../../../host-actor/providers/simulated/simulated-hands.ts';
import { HostId, NodeId } from '../../../machines/vocabulary/ids.ts';
import type { Observation } from '../../../machines/vocabulary/observation.ts';
import { eventually } from '../../support/eventually.ts';
import { TestLab } from '../process/test-lab.ts';

const host = HostId.parse('sim');
const fenceAfterMs = 60_000;

describe('a host-actor that starts again', () => {
  let hands: SimulatedHands;
  let actor: HostActor;
  let ledgerDir: string;
  let uptimeMs: number;
  let lab: TestLab;
  let seen: Observation[];

  const open = async (): Promise<void> => {
    actor = new HostActor({ hands, ledgerDir, log: pino({ level: 'silent' }), uptimeMs: () => uptimeMs });
    await actor.open();
    actor.connect(async (reports) => { for (const report of reports) seen.push(...report.observations); });
    await actor.start();
  };
  const hear = (seconds: number): void => {
    for (let second = 0; second < seconds; second += 1) {
      uptimeMs += 1_000;
      actor.noteContact();
    }
  };
  const runs = () => hands.provider.nodes.some((node) => node.nodeId === NodeId.parse('a') && isLive(node));
  const isAnswered = async (id: string) => await eventually(() => seen.some(({ effectId }) => effectId === id), { what: `answer to ${id}` });

  beforeEach(async () => {
    ledgerDir = await mkdtemp(join(tmpdir(), 'tha-moved-'));
    hands = makeSimulatedHands(host);
    seen = [];
    uptimeMs = 1_000_000;
    lab = new TestLab({ name: 'l', host, number: 1, nodes: ['a', 'b'] });
    await open();
    await actor.accept([lab.network('network.ensure')]);
  });
  afterEach(async () => {
    await actor.stop();
    await rm(ledgerDir, { recursive: true, force: true });
  });

  it('P08: does not start a node by an order from before, unless contact has held and nothing newer came', async () => {
    const [moving, staying] = [lab.node('node.start', 'a', { fenceAfterMs }), lab.node('node.start', 'b')];
    await actor.accept([moving, staying]);
    await isAnswered(staying.id);
    expect([hands.provider.calls.start, seen.some(({ effectId }) => effectId === moving.id)]).toEqual([1, false]);
    await actor.stop();
    await open();
    hear(4);
    const removal = lab.nextEntry().node('node.remove', 'b');
    await actor.accept([removal]);
    await isAnswered(removal.id);
    expect([hands.provider.calls.start, seen.some(({ effectId }) => effectId === moving.id)]).toEqual([1, false]);
    hear(3);
    await isAnswered(moving.id);
    expect(hands.provider.calls.start).toBe(2);
  });

  it('P08: removes what moved meanwhile without having started it', async () => {
    const moving = lab.node('node.start', 'a', { fenceAfterMs });
    await actor.accept([moving]);
    await actor.stop();
    await open();
    const removal = lab.nextEntry().node('node.remove', 'a');
    await actor.accept([removal]);
    await isAnswered(removal.id);
    hear(7);
    await isAnswered(moving.id);
    expect([hands.provider.calls.start, hands.provider.nodes]).toEqual([0, []]);
  });

  it('P08: counts the silence that began before it, and ends what may live elsewhere; after a boot nothing is left to end', async () => {
    hear(7);
    const moving = lab.node('node.start', 'a', { fenceAfterMs });
    await actor.accept([moving]);
    await isAnswered(moving.id);
    hear(1);
    const file = join(ledgerDir, 'last-contact.json');
    await eventually(async () => (await readFile(file, 'utf8')).includes(String(uptimeMs)), { what: 'the contact to be written down' });
    await actor.stop();
    uptimeMs += 61_000;
    await open();
    await eventually(() => seen.some((one) => one.type === 'node.stopped' && one.node === NodeId.parse('a')), { what: 'the node to be ended' });
    await actor.stop();
    await writeFile(file, JSON.stringify({ bootId: 'another', uptimeMs: 1 }));
    uptimeMs = 5_000;
    await open();
    hear(7);
    await eventually(runs, { what: 'the node to be started again' });
    expect(hands.provider.calls.start).toBe(2);
  });
});
