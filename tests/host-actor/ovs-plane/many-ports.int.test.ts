// Ports of a switch in number: idle ones pass nothing and cost nothing, and the state of all is read over the open connections.
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { joinedWire } from '../link-plane/netns-world.ts';
import { openOvsWorld, type OvsWorld } from './plane-worlds.ts';

const IDLE_PORTS = 500;

let world: OvsWorld;
beforeEach(async () => {
  world = await openOvsWorld();
  await world.withNodes('r1', 'r2');
  await world.plane.ensureWires([joinedWire(world, 1, 'r1', 'r2')]);
});
afterEach(() => world.close());

/** Programs that were run meanwhile, as node tells of each. */
async function programsOf(work: () => Promise<unknown>): Promise<string[]> {
  const programs: string[] = [];
  const note = (message: unknown): void => {
    if (typeof message === 'object' && message !== null && 'process' in message) queueMicrotask(() => programs.push(String((message.process as { spawnargs?: string[] }).spawnargs?.join(' '))));
  };
  subscribe('child_process', note);
  try {
    await work();
  } finally {
    unsubscribe('child_process', note);
  }
  return programs;
}

describe('ports of a switch', () => {
  it('N07: idle ones pass nothing to each other or to a link, and bear no tag', async () => {
    for (const [index, name] of ['idle1', 'idle2'].entries()) {
      await world.host(`ip link add ${name} type veth peer name ${name}p && ip link set ${name} addrgenmode none && ip link set ${name}p addrgenmode none && ip link set ${name} up && ip link set ${name}p up && ip address add 10.0.0.${index + 8}/24 dev ${name}p`);
      await world.ovs.vsctl('add-port', 'lw-ovs', name);
    }
    for (const [node, last] of [['r1', 1], ['r2', 2]] as const) await world.inNode(node, `ip address add 10.0.0.${last}/24 dev eth1`);
    expect(await world.pings('r1', '10.0.0.2')).toBe(true);
    for (const address of ['10.0.0.8', '10.0.0.9']) expect(await world.pings('r1', address)).toBe(false);
    const heard = async (device: string): Promise<number> => Number(/RX:.*\n\s*\d+\s+(\d+)/.exec(await world.host(`ip -s link show dev ${device}p`))?.[1]);
    const before = [await heard('idle1'), await heard('idle2')];
    const broadcast = async (): Promise<unknown> => await world.inNode('r1', 'ping -n -c 1 -W 1 -b 10.0.0.255 || true');
    expect(before.every(Number.isInteger)).toBe(true);
    await world.host('ping -n -c 1 -W 1 -I idle1p 10.0.0.1 || true');
    await world.host('ping -n -c 1 -W 1 -b -I idle2p 10.0.0.255 || true');
    await broadcast();
    expect([await heard('idle1'), await heard('idle2')]).toEqual(before);
    for (const name of ['idle1', 'idle2', 'lw1.a']) expect((await world.ovs.vsctl('get', 'port', name, 'tag')).trim()).toBe('[]');
    // What a bridge that floods would do.
    await world.ovs.ofctl('lw-ovs', 'add-flow', 'priority=65000,actions=NORMAL');
    await broadcast();
    expect(await heard('idle1')).toBeGreaterThan(before[0] ?? 0);
  });

  it(`N07 N08: with ${IDLE_PORTS} idle ones a new link is made, and a host-actor that starts reads all without a program for each`, async () => {
    const add = Array.from({ length: IDLE_PORTS }, (_unused, index) => ['--', 'add-port', 'lw-ovs', `idle${index}`, 'external_ids:of=somebody']).flat().slice(1);
    await world.ovs.vsctl('--no-wait', ...add);
    const fresh = world.restartedPlane();
    const wire = joinedWire(world, 1, 'r1', 'r2');
    const programs = await programsOf(async () => {
      expect(await fresh.readSwitchPorts()).toHaveLength(2);
      expect([...(await fresh.ensureWires([wire])).outcomes.values()]).toMatchObject([{ ok: true, changed: false, state: { joined: true } }]);
    });
    expect(programs.filter((program) => /\bovs|openvswitch/.test(program))).toEqual([]);
    expect(programs.length).toBeGreaterThan(0);
    expect(programs.length).toBeLessThan(12);
    expect((await world.ovs.vsctl('--no-wait', 'list-ports', 'lw-ovs')).trim().split('\n')).toHaveLength(IDLE_PORTS + 2);
  });
});
