// What a difference between wanted ports and the switch turns into, and what is left alone.
import { describe, expect, it } from 'vitest';
import type { PortOnSwitch } from '../../../host-actor/link-plane/cross-connect.ts';
import type { FlowRead } from '../../../host-actor/ovs-plane/openflow-message.ts';
import { joinFlows, overfull, partChange, plugOperations } from '../../../host-actor/ovs-plane/plan-switch.ts';
import { applyUpdates, bridgesOf, emptyTables, tunnelsOf, type PortRead } from '../../../host-actor/ovs-plane/switch-database.ts';
import { BRIDGE_OWNER, cookieOf, isOurCookie, MARK } from '../../../host-actor/ovs-plane/switch-marks.ts';
import { portFaults, switchView, type SwitchView } from '../../../host-actor/ovs-plane/switch-view.ts';

const wanted = (side: 'a' | 'b', more: Partial<PortOnSwitch['switchPort']> = {}): PortOnSwitch => ({ wireId: 'l1', side, device: `v.${side}`, mark: `lw:${side}`, switchPort: { to: side === 'a' ? 'v.b' : 'v.a', ...more } });
const port = (name: string, ofport: number, more: Partial<PortRead> = {}): PortRead => ({
  uuid: `u-${name}`,
  name,
  bridge: 'lw-ovs',
  marks: new Map([[MARK.port, `lw:${name.slice(-1)}`], [MARK.ifindex, '7']]),
  interface: { type: '', options: new Map(), ofport },
  ...more,
});
const viewOf = (ports: readonly PortRead[], flows: readonly FlowRead[] = [], more: { maxPorts?: number; failMode?: string; owner?: string } = {}): SwitchView =>
  switchView({
    mode: 'flows',
    bridgeName: 'lw-ovs',
    maxPorts: more.maxPorts ?? 100,
    flows,
    bridges: [{ uuid: 'u-br', name: 'lw-ovs', datapath: 'netdev', failMode: more.failMode ?? 'secure', marks: new Map([[MARK.bridge, more.owner ?? BRIDGE_OWNER]]), otherConfig: new Map(), ports: [port('lw-ovs', 65534, { marks: new Map() }), ...ports] }],
  });
const rule = (mark: string, inPort: number, output: number): FlowRead => ({ cookie: cookieOf(mark), priority: 100, inPort, output, strange: false, packets: 0 });
const both = [port('v.a', 1), port('v.b', 2)];
const rules = [rule('lw:a', 1, 2), rule('lw:b', 2, 1)];
const facts = { datapath: 'netdev', ifindexes: new Map([['v.a', 7], ['v.b', 7]]) };

describe('faults of a port', () => {
  it('are none when port, device and rules are as wanted', () => {
    expect(portFaults(viewOf(both, rules), wanted('a'), 7)).toEqual([]);
  });

  it.each([
    ['no port', viewOf([], rules), 'unplugged'],
    ['the rule is gone', viewOf(both, [rules[1] ?? rule('', 0, 0)]), 'flow-missing'],
    ['the rule leads elsewhere', viewOf(both, [rule('lw:a', 1, 9), rule('lw:b', 2, 1)]), 'flow-wrong'],
    ['a rule of another wire for the same port', viewOf(both, [...rules, { ...rule('lw:old', 1, 9), etherType: 0x800 }]), 'flow-wrong'],
    ['the bridge would flood when its daemon starts', viewOf(both, rules, { failMode: 'standalone' }), 'flow-wrong'],
    ['somebody else\'s port', viewOf([port('v.a', 1, { marks: new Map() })], rules), 'port-taken'],
    ['somebody else\'s bridge', viewOf(both, rules, { owner: 'theirs' }), 'port-taken'],
    ['the switch could not open it', viewOf([port('v.a', -1), port('v.b', 2)], rules), 'unbound'],
  ])('%s', (_name, view, kind) => {
    expect(portFaults(view, wanted('a'), 7)).toMatchObject([{ side: 'a', kind }]);
  });

  it('a device made again under the same name is not the one that the switch has open', () => {
    expect(portFaults(viewOf(both, rules), wanted('a'), 8)).toMatchObject([{ kind: 'unbound' }]);
  });

  it('a tunnel needs the rules of its probe too', () => {
    const echo = { source: '026c77656301', asked: 0x88b6, answered: 0x88b5 };
    expect(portFaults(viewOf(both, rules), wanted('a', { echo }), 7)).toMatchObject([{ kind: 'flow-missing' }]);
    expect(joinFlows(viewOf(both, rules), [wanted('a', { echo })]).add).toMatchObject([
      { priority: 200, inPort: 1, etherType: 0x88b6, etherSource: '026c77656301', output: 0xffff_fff8 },
      { priority: 200, inPort: 1, etherType: 0x88b5 },
    ]);
  });
});

describe('plan of a join', () => {
  it('is empty when all is there', () => {
    expect(plugOperations(viewOf(both, rules), [wanted('a'), wanted('b')], facts)).toEqual([]);
    // What an end was plugged in as before, under another name.
    expect(plugOperations(viewOf([...both, port('old.a', 3), port('other.c', 4)], rules), [wanted('a'), wanted('b')], facts)).toMatchObject([{ table: 'Bridge', mutations: [['ports', 'delete', ['set', [['uuid', 'u-old.a']]]]] }]);
    expect(joinFlows(viewOf(both, rules), [wanted('a'), wanted('b')])).toEqual({ remove: [], add: [] });
  });

  it('plugs all missing ports in with one change of the bridge, under numbers above all others', () => {
    const operations = plugOperations(viewOf([port('v.z', 41)]), [wanted('a'), wanted('b')], facts);
    expect(operations.filter(({ op, table }) => op === 'insert' && table === 'Interface').map((operation) => operation['row'])).toEqual([{ name: 'v.a', ofport_request: 42 }, { name: 'v.b', ofport_request: 43 }]);
    expect(operations.filter(({ table }) => table === 'Bridge')).toHaveLength(1);
  });

  it('gives a port whose device was made again another number, which makes the switch open it anew', () => {
    const operations = plugOperations(viewOf(both, rules), [wanted('a')], { ...facts, ifindexes: new Map([['v.a', 9]]) });
    expect(operations).toMatchObject([{ op: 'update', table: 'Interface', row: { ofport_request: 3 } }, { op: 'mutate', table: 'Port' }]);
  });

  it('replaces a wrong rule in place and removes a stale one', () => {
    const stale = { ...rule('lw:old', 1, 9), etherType: 0x800 };
    expect(joinFlows(viewOf(both, [rule('lw:a', 1, 9), stale]), [wanted('a')])).toEqual({ remove: [stale], add: [{ cookie: cookieOf('lw:a'), priority: 100, inPort: 1, output: 2 }] });
  });

  it('refuses the wires that do not fit, whole wires only', () => {
    const wires = ['l1', 'l2'].map((wireId) => ({ wireId, ports: [{ ...wanted('a'), device: `${wireId}.a` }, { ...wanted('b'), device: `${wireId}.b` }] }));
    expect([...overfull(viewOf([], [], { maxPorts: 3 }), wires).keys()]).toEqual(['l2']);
  });
});

describe('plan of a removal', () => {
  it('takes rules from and into the ports along, and leaves other wires and foreign rules', () => {
    const foreign: FlowRead = { cookie: 5n, priority: 1, inPort: 1, strange: true, packets: 0 };
    const view = viewOf([...both, port('v.z', 3)], [...rules, rule('lw:z', 3, 3), foreign]);
    const { flows, operations } = partChange(view, new Set(['lw:a', 'lw:b']));
    expect(flows.remove).toEqual(rules);
    expect(operations).toHaveLength(2);
    expect(isOurCookie(foreign.cookie)).toBe(false);
  });

  it('takes the bridge with its last port', () => {
    expect(partChange(viewOf(both, rules), new Set(['lw:a', 'lw:b'])).operations).toMatchObject([{ op: 'mutate', table: 'Open_vSwitch' }]);
  });

  it('goes by exact mark', () => {
    expect(partChange(viewOf(both, rules), new Set(['lw:', 'lw:aa']))).toEqual({ flows: { remove: [], add: [] }, operations: [] });
  });
});

describe('tables of the database', () => {
  it('follow the monitor, and know tunnels that the switch ends itself', () => {
    const tables = emptyTables();
    applyUpdates(tables, {
      Bridge: { b: { new: { name: 'br', ports: ['uuid', 'p'], datapath_type: '', fail_mode: ['set', []], external_ids: ['map', []], other_config: ['map', []] } } },
      Port: { p: { new: { name: 'vx', interfaces: ['uuid', 'i'], tag: 5, vlan_mode: ['set', []], external_ids: ['map', []] } } },
      Interface: { i: { new: { name: 'vx', type: 'vxlan', options: ['map', [['remote_ip', '192.0.2.7'], ['key', 'flow']]], ofport: 3, error: ['set', []] } } },
    });
    expect(bridgesOf(tables)).toMatchObject([{ name: 'br', datapath: 'system', ports: [{ name: 'vx', tag: 5 }] }]);
    expect(tunnelsOf(bridgesOf(tables))).toEqual([{ port: 'vx', bridge: 'br', remote: '192.0.2.7', udpPort: 4789, ofport: 3 }]);
    applyUpdates(tables, { Port: { p: { old: {} } } });
    expect(bridgesOf(tables)[0]?.ports).toEqual([]);
  });
});
