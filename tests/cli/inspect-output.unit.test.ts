// What inspect prints: table, CSV, JSON records, the engine's view, interfaces; people read these by column.
import { describe, expect, it } from 'vitest';
import { engineDetails } from '../../cli/output/engine-details.ts';
import { interfaceRows, renderInterfaceTable } from '../../cli/output/interfaces.ts';
import { nodeRecords, renderNodeCsv } from '../../cli/output/node-records.ts';
import { renderNodeTable } from '../../cli/output/node-table.ts';
import type { NodeTableOptions } from '../../cli/output/node-table.ts';
import { aLabView, aLinkView, aNodeView } from './lab-views.ts';

const plain: NodeTableOptions = { withLab: false, withOwner: false, showPath: (path) => path, paintState: (state) => state };
const { ipv6: _ipv6, image: _image, ...stopped } = aNodeView('b', { state: 'stopped', ipv4: '172.20.20.3/24' });
const lab = aLabView([
  aNodeView('a', { health: 'healthy' }),
  stopped,
], [aLinkView('a:eth1', 'b:eth1')]);

describe('inspect table', () => {
  it('has two lines a node, name first, address fourth, lines between nodes', () => {
    expect(renderNodeTable([lab], plain)).toBe([
      '╭──────────┬────────────┬───────────┬───────────────────╮',
      '│   Name   │ Kind/Image │   State   │  IPv4/6 Address   │',
      '├──────────┼────────────┼───────────┼───────────────────┤',
      '│ clab-t-a │ linux      │ running   │ 172.20.20.2       │',
      '│          │ alpine:3   │ (healthy) │ 3fff:172:20:20::2 │',
      '├──────────┼────────────┼───────────┼───────────────────┤',
      '│ clab-t-b │ linux      │ exited    │ 172.20.20.3       │',
      '│          │ -          │           │ N/A               │',
      '╰──────────┴────────────┴───────────┴───────────────────╯',
    ].join('\n'));
  });
  it('puts topology path and lab name first when all labs are shown', () => {
    const [, header, , first] = renderNodeTable([lab], { ...plain, withLab: true }).split('\n');
    expect(header?.split('│').map((cell) => cell.trim())).toEqual(['', 'Topology', 'Lab Name', 'Name', 'Kind/Image', 'State', 'IPv4/6 Address', '']);
    expect(first?.split('│').map((cell) => cell.trim()).slice(1, 4)).toEqual(['/labs/t.clab.yml', 't', 'clab-t-a']);
  });
  it('says what a node waits for', () => {
    expect(renderNodeTable([aLabView([aNodeView('a', { state: 'waiting', waitingFor: 'stage healthy of node b' })])], plain)).toContain('waits for stage healthy of node b');
  });
});

describe('inspect records', () => {
  it('CSV has a header, name in field 4, kind in 7, IPv4 in 10', () => {
    const [header, first] = renderNodeCsv(nodeRecords(lab, (path) => path)).split('\n');
    expect(header?.split(',')[3]).toBe('name');
    const fields = first?.split(',') ?? [];
    expect([fields[3], fields[6], fields[9]]).toEqual(['clab-t-a', 'linux', '172.20.20.2/24']);
  });
  it('CSV quotes what holds a comma or a quote', () => {
    const records = nodeRecords(aLabView([aNodeView('a', { image: 'x,"y"' })]), (path) => path);
    expect(renderNodeCsv(records)).toContain('"x,""y"""');
  });
  it('JSON has addresses with length, in the order of node names', () => {
    expect(nodeRecords(lab, (path) => path).map(({ name, ipv4_address, ipv6_address, state }) => ({ name, ipv4_address, ipv6_address, state }))).toEqual([
      { name: 'clab-t-a', ipv4_address: '172.20.20.2/24', ipv6_address: '3fff:172:20:20::2/64', state: 'running' },
      { name: 'clab-t-b', ipv4_address: '172.20.20.3/24', ipv6_address: 'N/A', state: 'exited' },
    ]);
  });
  it('details have the names that the engine uses', () => {
    const [first] = engineDetails(lab);
    expect(first).toMatchObject({
      Names: ['clab-t-a'], Image: 'alpine:3', State: 'running', Status: 'healthy', NetworkSettings: { IPv4addr: '172.20.20.2', IPv4pLen: 24, IPv6addr: '3fff:172:20:20::2' },
      Labels: { containerlab: 't', 'clab-node-name': 'a', 'clab-node-lab-dir': '/labs/clab-t/a', 'clab-topo-file': '/labs/t.clab.yml', 'clab-owner': 'ada' },
    });
  });
});

describe('inspect interfaces', () => {
  it('shows each end of each link with type and state', () => {
    const down = aLinkView('a:eth2', 'b:eth2', { admin: 'down', oper: 'down', state: 'down' });
    const rows = interfaceRows(aLabView([aNodeView('a'), aNodeView('b')], [aLinkView('a:eth1', 'b:eth1'), down]));
    expect(rows.map(({ name, interfaces }) => [name, interfaces.map((one) => `${one.name} ${one.type} ${one.state} ${one.mtu}`)])).toEqual([
      ['clab-t-a', ['eth1 veth up 9500', 'eth2 veth down 9500']],
      ['clab-t-b', ['eth1 veth up 9500', 'eth2 veth down 9500']],
    ]);
    expect(renderInterfaceTable(rows, (state) => state).split('\n')[3]?.split('│').map((cell) => cell.trim())).toEqual(['', 'clab-t-a', 'eth1', 'N/A', '9500', 'veth', 'up', '']);
  });
});
