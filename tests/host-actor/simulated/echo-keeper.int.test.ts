// The pace of probes: together, soon after a change, again and again while nothing comes back, seldom when all is well.
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LoopHealth } from '../../../nats/loop-health.ts';
import { EchoKeeper } from '../../../host-actor/echo-keeper.ts';
import { SimulatedPlane } from '../../../host-actor/providers/simulated/simulated-plane.ts';
import type { WireState } from '../../../host-actor/link-plane/wire.ts';
import type { LinkEnsureOrder } from '../../../host-actor/wanted.ts';
import { wireIdOfLink } from '../../../host-actor/wire-of-order.ts';
import { HostId } from '../../../machines/vocabulary/ids.ts';
import { eventually } from '../../support/eventually.ts';
import { TestLab } from '../process/test-lab.ts';

const lab = new TestLab({ name: 'l', host: HostId.parse('h'), number: 1, nodes: ['a', 'b'] });
const orderOf = (n: number): LinkEnsureOrder => {
  const order = lab.link('link.ensure', n, [`a:eth${n}`, `b:eth${n}`], { leg: { side: 'a', farHost: HostId.parse('g'), farAway: '' } });
  if (order.type !== 'link.ensure') throw new Error('no link');
  return order;
};
const stateOf = (order: LinkEnsureOrder, ifindex = 1, remote = '192.0.2.2'): WireState => ({
  id: wireIdOfLink(order), joined: true, up: true, faults: [],
  ends: [{ side: 'a', device: 'v', present: true, adminUp: true, carrier: true }, { side: 'b', device: 'x', present: true, ifindex, adminUp: true, carrier: true, tunnel: { vni: 1, udpPort: 4789, local: '192.0.2.1', remote } }],
});

describe('pace of probes', () => {
  let plane: SimulatedPlane;
  let keeper: EchoKeeper;
  let rounds: string[][];
  let told: [string, string][];

  beforeEach(() => {
    plane = new SimulatedPlane();
    rounds = [];
    told = [];
    const log = pino({ level: 'silent' });
    keeper = new EchoKeeper({
      plane: { readUnderlays: plane.readUnderlays, probe: async (ids) => { rounds.push([...ids]); return await plane.probe(ids); } }, log, loops: new LoopHealth(log, () => performance.now()), everyMs: 60_000,
    });
    keeper.onChange((order) => told.push([order.link, keeper.seen(wireIdOfLink(order)).echo]));
  });
  afterEach(() => keeper.stop());
  const begin = async (order: LinkEnsureOrder, state = stateOf(order)): Promise<string> => {
    await plane.ensureWires([{ kind: 'dummy', id: state.id, mtu: 1500, inner: { netns: 'host', interface: 'x' }, mark: 'm' }]);
    keeper.begin(order, state);
    return state.id;
  };

  it('is one round for many links that change together, then none for long', async () => {
    const orders = Array.from({ length: 250 }, (_unused, n) => orderOf(n));
    for (const order of orders) await plane.ensureWires([{ kind: 'dummy', id: wireIdOfLink(order), mtu: 1500, inner: { netns: 'host', interface: 'x' }, mark: 'm' }]);
    for (const order of orders) keeper.begin(order, stateOf(order));
    await eventually(() => told.length === 250, { what: 'all told' });
    expect(rounds.map((ids) => ids.length)).toEqual([250]);
    expect(keeper.seen(wireIdOfLink(orderOf(7)))).toEqual({ echo: 'ok', underlayMtu: 1500, reason: '' });
  });

  it('takes three silences for a loss, with the reason, and one answer for the return', async () => {
    const order = orderOf(1);
    plane.silent.add(wireIdOfLink(order));
    const id = await begin(order);
    await eventually(() => keeper.seen(id).echo === 'lost', { what: 'lost' });
    expect(rounds.length).toBe(3);
    expect(keeper.seen(id).reason).toContain('no echo');
    // The underlay was read with the first silence.
    expect(told).toEqual([['a:eth1--b:eth1', 'untold'], ['a:eth1--b:eth1', 'lost']]);
    plane.silent.clear();
    await eventually(() => keeper.seen(id).echo === 'ok', { what: 'back' });
  });

  it('forgets what it knew when the tunnel is another one, and keeps it when only the port was changed', async () => {
    const order = orderOf(1);
    const id = await begin(order);
    await eventually(() => keeper.seen(id).echo === 'ok', { what: 'ok' });
    keeper.begin(order, stateOf(order));
    expect(keeper.seen(id).echo).toBe('ok');
    await eventually(() => rounds.length === 2, { what: 'probed at once' });
    for (const another of [stateOf(order, 2), stateOf(order, 2, '192.0.2.3')]) {
      keeper.begin(order, another);
      expect(keeper.seen(id)).toMatchObject({ echo: 'untold', underlayMtu: 1500 });
      await keeper.told(id);
      expect(keeper.seen(id).echo).toBe('ok');
    }
  });

  it('probes at once when the device under the tunnels changes, and not for others', async () => {
    const order = orderOf(1);
    const id = await begin(order);
    await keeper.told(id);
    keeper.onDevice('docker0');
    keeper.onDevice('under');
    await eventually(() => rounds.length === 2, { what: 'probed again' });
    keeper.forget(id);
    keeper.onDevice('under');
    expect(keeper.seen(id).echo).toBe('untold');
    await keeper.told(id);
    expect(rounds.length).toBe(2);
  });
});
