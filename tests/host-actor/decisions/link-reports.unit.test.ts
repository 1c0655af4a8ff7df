// What a host tells of a link is what it read, not what it was ordered.
import { describe, expect, it } from 'vitest';
import { LinkReports } from '../../../host-actor/link-reports.ts';
import type { Seen } from '../../../host-actor/host-context.ts';
import type { WireState } from '../../../host-actor/link-plane/wire.ts';
import { NodeStates } from '../../../host-actor/node-states.ts';
import type { LinkEnsureOrder } from '../../../host-actor/wanted.ts';
import { HostId } from '../../../machines/vocabulary/ids.ts';
import { TestLab } from '../process/test-lab.ts';

const lab = new TestLab({ name: 'l', host: HostId.parse('h1'), number: 1, nodes: ['a', 'b'] });
const order = (): LinkEnsureOrder => {
  const made = lab.link('link.ensure', 0, ['a:eth1', 'b:eth1']);
  if (made.type !== 'link.ensure') throw new Error('no order of a link');
  return made;
};
const reading = (...mtus: (number | undefined)[]): WireState => ({
  id: 'l', joined: true, up: true, faults: [],
  ends: mtus.map((mtu, n) => ({ side: n === 0 ? 'a' : 'b', device: `d${n}`, present: true, adminUp: true, carrier: true, ...(mtu === undefined ? {} : { mtu }) })),
});
const reports = (told: Seen[] = []) => new LinkReports({ states: new NodeStates(), now: () => 0, echoOf: () => ({ echo: 'untold', underlayMtu: 0, reason: '' }), report: (_lab, seen) => void told.push(seen) });

describe('X11: the MTU in a report', () => {
  it('is the smallest that was read, whatever was ordered', () => {
    expect(order().plan.mtu).toBe(9500);
    expect(reports().joined(order(), reading(9500, 1400), 'order')).toMatchObject({ type: 'link.joined', mtu: 1400 });
  });

  it('is that of the order where no end can be read', () => {
    expect(reports().joined(order(), reading(undefined), 'order')).toMatchObject({ mtu: 9500 });
  });

  it('is news when another one is read, and part of what is told of a repair', () => {
    const told: Seen[] = [];
    const its = reports(told);
    its.joined(order(), reading(9500, 9500), 'order');
    its.tellIfNews(order(), reading(9500, 9500), 'external');
    its.tellIfNews(order(), reading(9500, 1400), 'external');
    its.tellRepair(order(), { state: reading(9500, 9500), changed: true, warnings: [] }, { what: 'wrong-mtu at end b', startedAt: 0 });
    expect(told).toMatchObject([{ type: 'link.joined', mtu: 1400 }, { type: 'link.repaired', mtu: 9500 }]);
  });
});
