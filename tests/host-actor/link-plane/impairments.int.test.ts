// Impairments of a wire: set with it, changed, taken away, kept over a repair, and refused where the kernel cannot.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { joinedWire, openWorld, type NetnsWorld } from './netns-world.ts';

let world: NetnsWorld;
beforeEach(async () => {
  world = await openWorld();
});
afterEach(() => world.close());

const qdiscs = async (): Promise<string> => world.host('tc qdisc show dev lw1.a && tc qdisc show dev lw1.b');

describe('impairments', () => {
  it('limits the rate of both directions, changes it, and takes it away', async () => {
    await world.withNodes('r1', 'r2');
    const wire = joinedWire(world, 1, 'r1', 'r2');
    await world.plane.ensureWires([{ ...wire, impairment: { rateKbps: 10_000 } }]);
    expect((await qdiscs()).match(/tbf .*rate 10Mbit/g)).toHaveLength(2);
    expect((await world.plane.ensureWires([{ ...wire, impairment: { rateKbps: 10_000 } }])).linesRun).toBe(0);
    await world.plane.ensureWires([{ ...wire, impairment: { rateKbps: 2_000 } }]);
    expect((await qdiscs()).match(/tbf .*rate 2Mbit/g)).toHaveLength(2);
    await world.plane.ensureWires([wire]);
    expect(await qdiscs()).not.toContain('tbf');
  });

  it('is set again when the host end is made again', async () => {
    await world.withNodes('r1', 'r2');
    const wire = { ...joinedWire(world, 1, 'r1', 'r2'), impairment: { rateKbps: 10_000 } };
    await world.plane.ensureWires([wire]);
    await world.host('ip link del dev lw1.a');
    expect(await world.plane.repairWire(wire.id)).toMatchObject({ ok: true, state: { up: true } });
    expect((await qdiscs()).match(/tbf .*rate 10Mbit/g)).toHaveLength(2);
  });

  it('is refused with the reason of the kernel where that has no netem, and the wire stays joined', async ({ skip }) => {
    await world.host('ip link add dev probe type veth peer name probe2');
    const hasNetem = await world.host('tc qdisc add dev probe root netem delay 1ms').then(
      () => true,
      () => false,
    );
    skip(hasNetem, 'this kernel has netem');
    await world.withNodes('r1', 'r2');
    const wire = { ...joinedWire(world, 1, 'r1', 'r2'), impairment: { delayMs: 20, lossPercent: 0.5 } };
    const outcome = (await world.plane.ensureWires([wire])).outcomes.get(wire.id);
    expect(outcome).toMatchObject({ ok: false, error: { code: 'kernel-lacks', message: expect.stringContaining('qdisc kind is unknown') as unknown } });
    expect(outcome?.state?.ends.map((end) => end.carrier)).toEqual([true, true]);
  });
});
