// A lab as a drawing: nodes and edges from its description, and the text for each tool.
import { describe, expect, it } from 'vitest';
import { labGraph } from '../../cli/graph/lab-graph.ts';
import { renderGraph } from '../../cli/graph/render-graph.ts';
import { accepted } from '../topology/read-fixture.ts';
import { aLabView, aLinkView, aNodeView } from './lab-views.ts';

const { lab } = accepted(`name: t
topology:
  defaults: {kind: linux, image: "alpine:3"}
  nodes: {r1: {group: core}, r2: , end: , br0: {kind: bridge}}
  links:
    - endpoints: ["r1:eth1", "r2:eth1"]
    - endpoints: ["r2:eth2", "br0:eth9"]
    - endpoints: ["r1:eth2", "host:tap1"]
    - endpoints: ["end:eth1", "macvlan:ens3"]
    - endpoints: ["end:eth2", "dummy"]
`);

describe('graph', () => {
  it('has each node, each link, and a node for each place that is none', () => {
    const graph = labGraph(lab);
    expect(graph.nodes.map((node) => [node.name, node.kind])).toEqual([['br0', 'bridge'], ['end', 'linux'], ['r1', 'linux'], ['r2', 'linux'], ['dummy', 'dummy'], ['macvlan:ens3', 'macvlan'], ['host', 'host']]);
    expect(graph.links).toContainEqual({ source: 'r1', source_endpoint: 'eth1', target: 'r2', target_endpoint: 'eth1' });
    expect(graph.links).toHaveLength(5);
  });
  it('keeps filtered nodes and the links between them', () => {
    const graph = labGraph(lab, { nodes: ['r1', 'r2'] });
    expect([graph.nodes.map((node) => node.name), graph.links.map((link) => [link.source, link.target])]).toEqual([['r1', 'r2', 'host'], [['host', 'r1'], ['r1', 'r2']]]);
  });
  it('shows states and addresses of a lab that runs', () => {
    const view = aLabView([aNodeView('r1'), aNodeView('r2', { state: 'failed' })], [aLinkView('r1:eth1', 'r2:eth1', { state: 'failed', oper: 'down' })]);
    const text = renderGraph(labGraph(lab, { view, nodes: ['r1', 'r2'] }), 'text');
    expect(text).toContain('r1 (linux, alpine:3, running, 172.20.20.2)\n  eth2 -- host:tap1\n  eth1 -- r2:eth1 (failed)');
    expect(text).toContain('r2 (linux, alpine:3, failed, 172.20.20.2)\n  eth1 -- r1:eth1 (failed)');
  });
  it('is text for people', () => {
    expect(renderGraph(labGraph(lab, { nodes: ['end'] }), 'text')).toBe('lab t: 3 nodes, 2 links\n\nend (linux, alpine:3)\n  eth2 -- dummy\n  eth1 -- macvlan:ens3:ens3\n\ndummy (dummy)\n  - -- end:eth2\n\nmacvlan:ens3 (macvlan)\n  ens3 -- end:eth1');
  });
  it('is Graphviz: names quoted, ends labelled', () => {
    const dot = renderGraph(labGraph(lab, { nodes: ['r1', 'r2'] }), 'dot');
    expect(dot).toBe([
      'graph "t" {', '  node [shape=box, style=rounded];', '  "r1" [label="r1\\nlinux", group="core"];', '  "r2" [label="r2\\nlinux"];', '  "host" [label="host\\nhost"];',
      '  "host" -- "r1" [taillabel="tap1", headlabel="eth2"];', '  "r1" -- "r2" [taillabel="eth1", headlabel="eth1"];', '}',
    ].join('\n'));
  });
  it('is Mermaid: `end` and other words of the language are no ids', () => {
    expect(renderGraph(labGraph(lab, { nodes: ['end', 'r1', 'r2'] }), 'mermaid', 'LR').split('\n').slice(0, 8)).toEqual(['---', 'title: "t"', '---', 'graph LR', '  n0["end"]', '  n1["r1"]', '  n2["r2"]', '  n3["dummy"]']);
    expect(renderGraph(labGraph(lab, { nodes: ['r1', 'r2'] }), 'mermaid')).toContain('  n0---|"eth1 ↔ eth1"|n1');
  });
  it('is draw.io: XML with each node and link once, text escaped', () => {
    const { lab: odd } = accepted('name: "t"\ntopology:\n  nodes: {a&b: {kind: bridge}, r1: {kind: linux, image: x}}\n  links: [{endpoints: ["a&b:e1", "r1:eth1"]}]\n');
    const xml = renderGraph(labGraph(odd), 'drawio');
    expect(xml.match(/vertex="1"/g)).toHaveLength(2);
    expect(xml.match(/edge="1"/g)).toHaveLength(1);
    expect(xml).toContain('value="a&amp;b (bridge)"');
    expect(xml).toContain('source="n0" target="n1"');
  });
});
