// The event stream: what changed between two views of a lab, in the words of engine and kernel.
import { describe, expect, it } from 'vitest';
import { counterEvents, readCounters } from '../../cli/output/interface-counters.ts';
import { eventsBetween, renderEvent, snapshotEvents } from '../../cli/output/lab-events.ts';
import { aLabView, aLinkView, aNodeView } from './lab-views.ts';

const short = (events: ReturnType<typeof eventsBetween>) => events.map((one) => `${one.type} ${one.action} ${one.actor_name}${one.attributes['ifname'] === undefined ? '' : ` ${one.attributes['ifname']}`}`);
const { runtimeId: _id, pid: _pid, ...unmade } = aNodeView('a', { state: 'preparing' });
const { pid: _createdPid, ...created } = aNodeView('a', { state: 'waiting' });

describe('events between two views', () => {
  it('container: create, start, die, destroy', () => {
    expect(short(eventsBetween(aLabView([unmade]), aLabView([created]), 0))).toEqual(['container create clab-t-a']);
    expect(short(eventsBetween(aLabView([created]), aLabView([aNodeView('a')]), 0))).toEqual(['container start clab-t-a']);
    expect(short(eventsBetween(aLabView([aNodeView('a')]), aLabView([created]), 0))).toEqual(['container die clab-t-a']);
    expect(short(eventsBetween(aLabView([aNodeView('a')]), aLabView([aNodeView('a', { pid: 101 })]), 0))).toEqual(['container die clab-t-a', 'container start clab-t-a']);
    expect(short(eventsBetween(aLabView([aNodeView('a')]), aLabView([]), 0))).toEqual(['container die clab-t-a', 'container destroy clab-t-a']);
  });
  it('container: another one in its place', () => {
    expect(short(eventsBetween(aLabView([aNodeView('a')]), aLabView([aNodeView('a', { runtimeId: 'f'.repeat(64), pid: 7 })]), 0)))
      .toEqual(['die', 'destroy', 'create', 'start'].map((action) => `container ${action} clab-t-a`));
  });
  it('container: health', () => {
    expect(short(eventsBetween(aLabView([aNodeView('a')]), aLabView([aNodeView('a', { health: 'healthy' })]), 0))).toEqual(['container health_status: healthy clab-t-a']);
  });
  it('interface: both ends created, updated, deleted', () => {
    const nodes = [aNodeView('a'), aNodeView('b')];
    const waiting = aLinkView('a:eth1', 'b:eth1', { state: 'waiting', oper: 'down' });
    const up = aLinkView('a:eth1', 'b:eth1');
    const down = aLinkView('a:eth1', 'b:eth1', { state: 'down', oper: 'down', admin: 'down' });
    const both = (action: string) => [`interface ${action} clab-t-a eth1`, `interface ${action} clab-t-b eth1`];
    expect(short(eventsBetween(aLabView(nodes, [waiting]), aLabView(nodes, [up]), 0))).toEqual(both('create'));
    expect(short(eventsBetween(aLabView(nodes, [up]), aLabView(nodes, [down]), 0))).toEqual(both('update'));
    expect(short(eventsBetween(aLabView(nodes, [up]), aLabView(nodes, []), 0))).toEqual(both('delete'));
    expect(short(eventsBetween(aLabView(nodes, [up]), aLabView(nodes, [up]), 0))).toEqual([]);
  });
  it('interface: deleted with its node', () => {
    expect(short(eventsBetween(aLabView([aNodeView('a'), aNodeView('b')], [aLinkView('a:eth1', 'b:eth1')]), aLabView([aNodeView('b')], []), 0)))
      .toEqual(['container die clab-t-a', 'container destroy clab-t-a', 'interface delete clab-t-b eth1', 'interface delete clab-t-a eth1'].toSorted((x, y) => (x.startsWith('interface') && y.startsWith('interface') ? (x < y ? -1 : 1) : 0)));
  });
});

describe('snapshot', () => {
  it('has what runs and what is joined, with its origin', () => {
    const events = snapshotEvents(aLabView([aNodeView('a'), created], [aLinkView('a:eth1', 'b:eth1')]), 0);
    expect(short(events)).toEqual(['container running clab-t-a', 'interface snapshot clab-t-a eth1']);
    expect(events.every((one) => one.origin === 'snapshot' && one.attributes['origin'] === 'snapshot')).toBe(true);
  });
});

describe('plain line', () => {
  it('is time, type, action, short id, sorted attributes', () => {
    const [event] = eventsBetween(aLabView([created]), aLabView([aNodeView('a', { labels: { role: 'x' } })]), 0);
    expect(event && renderEvent(event)).toBe('1970-01-01T00:00:00.000Z container start a00000000000 (clab-node-kind=linux, clab-node-name=a, containerlab=t, ' +
      `id=${'a'.padEnd(64, '0')}, image=alpine:3, lab=t, mgmt_ipv4=172.20.20.2/24, mgmt_ipv6=3fff:172:20:20::2/64, name=clab-t-a, origin=engine, role=x)`);
  });
});

describe('interface counters', () => {
  const table = (rx: number) => `Inter-|   Receive\n face |bytes packets\n    lo:  10 1 0 0 0 0 0 0 10 1 0 0 0 0 0 0\n  eth1: ${rx} 5 0 0 0 0 0 0 200 4 0 0 0 0 0 0\n`;
  it('reads the kernel table', () => {
    expect(readCounters(table(100))['eth1']).toEqual({ rxBytes: 100, rxPackets: 5, txBytes: 200, txPackets: 4 });
  });
  it('gives rates once there is an earlier reading', () => {
    const view = aLabView([aNodeView('a')]);
    const node = aNodeView('a');
    const before = { at: 0, interfaces: readCounters(table(100)) };
    const [event, ...others] = counterEvents({ view, node, before, now: { at: 2_000, interfaces: readCounters(table(1_100)) } });
    expect(others).toEqual([]);
    expect(event?.action).toBe('stats');
    expect(event?.attributes).toMatchObject({ ifname: 'eth1', rx_bytes: '1100', rx_bps: '4000', tx_bps: '0', interval_seconds: '2.000' });
  });
});
