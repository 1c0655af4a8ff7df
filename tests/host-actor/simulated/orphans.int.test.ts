// What a host tells of objects that nobody wants, and which of them it removes when asked.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Hands } from '../../../host-actor/hands.ts';
import { HostActor } from '../../../host-actor/host-actor.ts';
import type { OrphanNetwork } from '../../../host-actor/mgmt-network/orphan-networks.ts';
import { interfaceMark } from '../../../host-actor/ownership-mark.ts';
import { makeSimulatedHands } from '../../../host-actor/providers/simulated/simulated-hands.ts';
import { HostId, LabId, NodeId } from '../../../machines/vocabulary/ids.ts';
import { aNode } from '../../support/lab-builders.ts';

const host = HostId.parse('sim');
const lab = LabId.parse('gone');
const mark = interfaceMark({ host, lab }, NodeId.parse('a'), 'eth1');
const network: OrphanNetwork = { kind: 'bridge', name: 'br-gone', network: 'gone-net' };
const placement = { labId: lab, nodeId: NodeId.parse('a'), hostId: host, containerName: 'clab-gone-a', generation: 1, sandbox: { engineMode: 'none' }, nodeDir: '/tmp', interfaceCount: 0, labels: {} };

let now: number;
let actor: HostActor;
let hands: ReturnType<typeof makeSimulatedHands>;
let removed: string[];
let undo: (() => Promise<void>)[];

beforeEach(async () => {
  now = 1_000_000;
  removed = [];
  hands = makeSimulatedHands(host);
  const strays: Hands = {
    ...hands,
    network: { ...hands.network, readOrphans: async () => [network], removeOrphan: async ({ name }) => (name === network.name ? 'lw1.0 is plugged into it' : undefined) },
    plane: Object.assign(Object.create(hands.plane) as typeof hands.plane, {
      readOrphans: async (prefix: string) => [mark, 'lw.sim2.gone.a.eth1'].filter((one) => one.startsWith(prefix)).map((one) => ({ device: 'lw1.0', mark: one, ifindex: 7 })),
      removeOrphans: async (marks: readonly string[]) => void removed.push(...marks),
    }),
  };
  const ledgerDir = await mkdtemp(join(tmpdir(), 'torphans-'));
  actor = new HostActor({ hands: strays, ledgerDir, log: pino({ level: 'silent' }), now: () => now });
  undo = [async () => await actor.stop(), async () => await rm(ledgerDir, { recursive: true, force: true })];
  await hands.provider.ensureCreated(aNode('a', { containerName: 'clab-gone-a' }), placement);
  await actor.open();
});
afterEach(async () => {
  for (const one of undo) await one();
});

const ids = async () => (await actor.context.orphans.read()).map(({ id }) => id);

describe('orphans', () => {
  it('X10 D06: are what bears the mark of this very host and no order wants', async () => {
    const container = hands.provider.nodes[0]?.runtimeId ?? '';
    expect(await actor.context.orphans.read()).toEqual([
      { id: 'bridge/br-gone', kind: 'bridge', name: 'br-gone', network: 'gone-net', seenForMs: 0 },
      { id: `container/${container}`, kind: 'container', name: 'clab-gone-a', lab: 'gone', node: 'a', seenForMs: 0 },
      { id: `device/${mark}`, kind: 'device', name: 'lw1.0', lab: 'gone', seenForMs: 0 },
    ]);
  });

  it('stay while the host has seen them for less than the grace', async () => {
    const [, container = '', device = ''] = await ids();
    now += 59_000;
    expect(await actor.context.orphans.remove([container, device], { graceMs: 60_000, dryRun: false })).toEqual([
      { id: container, outcome: 'kept', reason: 'it has been without an owner for 59 s only' },
      { id: device, outcome: 'kept', reason: 'it has been without an owner for 59 s only' },
    ]);
    now += 1_000;
    expect(await actor.context.orphans.remove([device], { graceMs: 60_000, dryRun: true })).toEqual([{ id: device, outcome: 'would-remove' }]);
    expect(removed).toEqual([]);
  });

  it('go by their exact ids; what is in use stays with the reason, and what is not there any more is said so', async () => {
    const [bridge = '', container = '', device = ''] = await ids();
    const outcomes = await actor.context.orphans.remove([bridge, container, device, 'device/lw.sim.gone'], { graceMs: 0, dryRun: false });
    expect(outcomes).toEqual([
      { id: bridge, outcome: 'kept', reason: 'lw1.0 is plugged into it' },
      { id: container, outcome: 'removed' },
      { id: device, outcome: 'removed' },
      { id: 'device/lw.sim.gone', outcome: 'kept', reason: 'it is not there any more, or something wants it by now' },
    ]);
    expect(removed).toEqual([mark]);
    expect(hands.provider.nodes).toEqual([]);
  });
});
