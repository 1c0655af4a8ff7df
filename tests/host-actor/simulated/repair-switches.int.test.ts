// Repairs that are switched off, by class: what is wrong is told with the reason and left alone, until a new order makes it once.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { HostActor } from '../../../host-actor/host-actor.ts';
import type { Drift } from '../../../host-actor/mgmt-network/read-drifts.ts';
import type { SimulatedHands } from '../../../host-actor/providers/simulated/simulated-hands.ts';
import { makeSimulatedHands } from '../../../host-actor/providers/simulated/simulated-hands.ts';
import { HostId, NodeId } from '../../../machines/vocabulary/ids.ts';
import type { Observation } from '../../../machines/vocabulary/observation.ts';
import type { RepairSwitches } from '../../../machines/vocabulary/repair-switches.ts';
import { eventually } from '../../support/eventually.ts';
import { TestLab } from '../process/test-lab.ts';

const host = HostId.parse('sim');
const WIRE = 'l\tlink\ta:eth1--b:eth1';

describe('repairs that are switched off', () => {
  let hands: SimulatedHands;
  let actor: HostActor;
  let ledgerDir: string;
  let lab: TestLab;
  let seen: Observation[];

  const open = async (repairs: RepairSwitches): Promise<void> => {
    actor = new HostActor({ hands, ledgerDir, log: pino({ level: 'silent' }), repairs, sweepEveryMs: 20 });
    await actor.open();
    actor.connect(async (reports) => { for (const report of reports) seen.push(...report.observations); });
    await actor.start();
  };
  const carriedOut = async (...orders: ReturnType<TestLab['node']>[]): Promise<void> => {
    await actor.accept(orders);
    await eventually(() => orders.every(({ id }) => seen.some(({ effectId }) => effectId === id)), { what: 'answers' });
  };
  const link = () => lab.link('link.ensure', 0, ['a:eth1', 'b:eth1']);
  const deploy = async (repairs?: RepairSwitches): Promise<void> => {
    const network = { ...lab.network('network.ensure'), ...(repairs === undefined ? {} : { repairs }) };
    await carriedOut(network, lab.node('node.prepare', 'a'), lab.node('node.prepare', 'b'), link(), lab.node('node.start', 'a'), lab.node('node.start', 'b'));
  };
  const told = async <T extends Observation['type']>(type: T) =>
    await eventually(() => seen.find((one): one is Extract<Observation, { type: T }> => one.type === type), { what: type });

  beforeEach(async () => {
    ledgerDir = await mkdtemp(join(tmpdir(), 'tha-off-'));
    hands = makeSimulatedHands(host);
    seen = [];
    lab = new TestLab({ name: 'l', host, number: 1, nodes: ['a', 'b'] });
  });
  afterEach(async () => {
    await actor.stop();
    await rm(ledgerDir, { recursive: true, force: true });
  });

  it('leaves a dead node dead and says why, and a new order starts it once', async () => {
    await open({ invasive: false });
    await deploy();
    hands.provider.end(lab.lab, NodeId.parse('a'), { exitCode: 1, by: 'itself' });
    expect(await told('node.died')).toMatchObject({ node: 'a', next: 'gave-up', why: expect.stringContaining('repair is switched off (invasive, by LABWRIGHT_REPAIRS of the host)') });
    expect(hands.provider.calls.start).toBe(2);
    await carriedOut(lab.nextEntry().node('node.start', 'a'));
    expect(hands.provider.calls.start).toBe(3);
  });

  it('leaves a lost end lost, also when it starts again, and a new order makes it once', async () => {
    await open({});
    await deploy({ invasive: false });
    hands.plane.lose(WIRE);
    expect(await told('link.gave-up')).toMatchObject({ code: 'repair-off', message: expect.stringContaining('end-missing at end a; repair is switched off (invasive, by settings.repairs of the lab)') });
    await actor.stop();
    await open({});
    expect(hands.plane.wires.has(WIRE)).toBe(false);
    await carriedOut(lab.nextEntry() && link());
    expect(hands.plane.wires.has(WIRE)).toBe(true);
  });

  it('finds at its start what went meanwhile, and leaves it', async () => {
    await open({ invasive: false });
    await deploy();
    await actor.stop();
    hands.plane.wires.delete(WIRE);
    await open({ invasive: false });
    expect(await told('link.gave-up')).toMatchObject({ code: 'repair-off' });
    expect(hands.plane.wires.has(WIRE)).toBe(false);
  });

  it('the lab\'s own switch counts more than the host\'s', async () => {
    await open({ safe: false, invasive: false });
    await deploy({ invasive: true });
    hands.plane.lose(WIRE);
    await told('link.repaired');
    expect(hands.plane.wires.has(WIRE)).toBe(true);
  });

  it('leaves rules that are the matter of such labs alone only', async () => {
    let repaired = 0;
    const drift = (...labs: string[]): Drift => ({ what: 'rule-removed', labs, detail: 'a rule is gone' });
    let drifts = [drift('l')];
    hands = { ...hands, network: { ...hands.network, check: async () => drifts, repair: async () => {
      repaired += 1;
      return [];
    } } };
    await open({ invasive: false });
    await deploy({ safe: false });
    expect(await told('network.drifted')).toMatchObject({ what: 'a rule is gone', why: expect.stringContaining('safe, by settings.repairs of the lab') });
    const before = repaired;
    drifts = [drift('l', 'other')];
    await eventually(() => repaired > before, { what: 'a repair for the other lab' });
    expect(repaired).toBeGreaterThan(before);
  });
});
