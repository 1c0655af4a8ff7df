// Named namespaces: made in bulk, adopted after a restart, never taken from somebody else.
import { readFile, writeFile } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openWorld, type NetnsWorld } from './netns-world.ts';

let world: NetnsWorld;
beforeEach(async () => {
  world = await openWorld();
});
afterEach(() => world.close());

const order = (node: string): { name: string; mark: string } => ({ name: world.netns(node), mark: `lab/${node}` });

describe('namespaces', () => {
  it('makes many at once with lo up, and does nothing the second time', async () => {
    const orders = Array.from({ length: 30 }, (_, index) => order(`n${index}`));
    expect((await world.plane.ensureWires([], orders)).namespaces.size).toBe(0);
    expect(await world.inNode('n29', 'ip -o link show dev lo')).toContain('LOWER_UP');
    expect((await world.plane.ensureWires([], orders)).linesRun).toBe(0);
    expect(await world.plane.namespaces.list()).toHaveLength(30);
    expect((await world.plane.namespaces.list())[0]).toMatchObject({ mark: 'lab/n0', present: true });
  });

  it('raises lo also where a crash left it down', async () => {
    await world.plane.namespaces.ensure([order('r1')]);
    expect(await world.inNode('r1', 'ip -o link show dev lo')).not.toContain('LOWER_UP');
    await world.restartedPlane().ensureWires([], [order('r1')]);
    expect(await world.inNode('r1', 'ip -o link show dev lo')).toContain('LOWER_UP');
  });

  it('S04: whoever asks for the same namespaces at once gets them, and they stay ours', async () => {
    for (let round = 0; round < 10; round += 1) {
      const orders = Array.from({ length: 8 }, (_, index) => order(`c${round}-${index}`));
      const reports = await Promise.all([orders, orders.slice(2), orders.toReversed(), orders.slice(0, 3)].map((some) => world.plane.namespaces.ensure(some)));
      expect(reports.flatMap(({ failed }) => [...failed.values()])).toEqual([]);
      expect(await world.restartedPlane().namespaces.remove(orders.map(({ name }) => name))).toEqual({ foreign: [] });
    }
  });

  it('leaves a foreign namespace of the same name alone', async () => {
    await world.host(`ip netns add ${world.netns('r1')}`);
    const report = await world.plane.ensureWires([], [order('r1'), order('r10')]);
    expect(report.namespaces.get(world.netns('r1'))).toMatchObject({ code: 'namespace-taken', retryable: false });
    expect(await world.plane.namespaces.remove([world.netns('r1'), world.netns('r10')])).toEqual({ foreign: [world.netns('r1')] });
    expect(await world.host('ip netns list')).toMatch(new RegExp(`^${world.netns('r1')}`, 'm'));
    expect(await world.host('ip netns list')).not.toContain(world.netns('r10'));
  });

  it('does not take a namespace for ours that somebody made in the place of ours', async () => {
    await world.plane.ensureWires([], [order('r1')]);
    await world.host(`ip netns add ${world.netns('other')} && ip netns del ${world.netns('r1')} && ip netns add ${world.netns('r1')}`);
    expect((await world.plane.ensureWires([], [order('r1')])).namespaces.get(world.netns('r1'))).toMatchObject({ code: 'namespace-taken' });
  });

  it('adopts what was made just before a crash, and makes what was only begun', async () => {
    await world.plane.ensureWires([], [order('r1'), order('r2')]);
    for (const node of ['r1', 'r2']) {
      const path = `${world.stateDir}/netns/${world.netns(node)}.json`;
      const { mark, bootId } = JSON.parse(await readFile(path, 'utf8')) as { mark: string; bootId: string };
      await writeFile(path, JSON.stringify({ mark, bootId }));
    }
    await world.host(`ip netns del ${world.netns('r2')} && touch /run/netns/${world.netns('r2')}`);
    const report = await world.restartedPlane().ensureWires([], [order('r1'), order('r2')]);
    expect(report.namespaces.size).toBe(0);
    expect(await world.inNode('r2', 'ip -o link show dev lo')).toContain('LOWER_UP');
  });

  it('forgets all marks of a former boot', async () => {
    await world.plane.ensureWires([], [order('r1')]);
    const path = `${world.stateDir}/netns/${world.netns('r1')}.json`;
    await writeFile(path, (await readFile(path, 'utf8')).replace(/"bootId":"[^"]*"/, '"bootId":"before"'));
    expect(await world.plane.namespaces.list()).toEqual([]);
    await world.host(`ip netns del ${world.netns('r1')}`);
    expect((await world.plane.ensureWires([], [order('r1')])).namespaces.size).toBe(0);
  });
});
