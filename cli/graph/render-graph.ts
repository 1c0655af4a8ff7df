// A lab drawn as text for people, and in the languages of drawing tools: Graphviz, Mermaid, draw.io.
import type { GraphLink, GraphNode, LabGraph } from './lab-graph.ts';

export type GraphFormat = 'text' | 'dot' | 'mermaid' | 'drawio';
export const DIRECTIONS = ['TB', 'TD', 'BT', 'LR', 'RL'] as const;
export type Direction = (typeof DIRECTIONS)[number];

/** Each node with its links below it. */
export function renderText(graph: LabGraph): string {
  const lines = graph.nodes.map((node) => [
    `${node.name} (${[node.kind, node.image, node.state, node.ipv4_address?.split('/')[0]].filter(Boolean).join(', ')})`,
    ...graph.links.flatMap((link) => [...(link.source === node.name ? [branch(link.source_endpoint, link.target, link.target_endpoint, link)] : []), ...(link.target === node.name ? [branch(link.target_endpoint, link.source, link.source_endpoint, link)] : [])]),
  ].join('\n'));
  return [`lab ${graph.name}: ${graph.nodes.length} nodes, ${graph.links.length} links`, ...lines].join('\n\n');
}

const branch = (own: string, far: string, plug: string, link: GraphLink): string => `  ${own || '-'} -- ${far}${plug === '' ? '' : `:${plug}`}${link.state === undefined || link.state === 'up' ? '' : ` (${link.state})`}`;

/** The language of Graphviz. Source: graphviz.org/doc/info/lang.html. */
export function renderDot(graph: LabGraph): string {
  const nodes = graph.nodes.map((node) => `  ${quoted(node.name)} [label=${quoted(`${node.name}\\n${node.kind}`)}${node.group === undefined ? '' : `, group=${quoted(node.group)}`}];`);
  const links = graph.links.map((link) => `  ${quoted(link.source)} -- ${quoted(link.target)} [taillabel=${quoted(link.source_endpoint)}, headlabel=${quoted(link.target_endpoint)}];`);
  return [`graph ${quoted(graph.name)} {`, '  node [shape=box, style=rounded];', ...nodes, ...links, '}'].join('\n');
}

/** Only a backslash before `n`, which we write ourselves, has a meaning. */
const quoted = (text: string): string => `"${text.replaceAll('"', '\\"')}"`;

/** The language of Mermaid. Nodes have made up ids, since names may hold words of the language. */
export function renderMermaid(graph: LabGraph, direction: Direction): string {
  const ids = new Map(graph.nodes.map((node, index) => [node.name, `n${index}`]));
  const label = (text: string): string => `"${text.replaceAll('"', '#quot;')}"`;
  const nodes = graph.nodes.map((node) => `  ${ids.get(node.name) ?? ''}[${label(node.name)}]`);
  const links = graph.links.map((link) => `  ${ids.get(link.source) ?? ''}---|${label([link.source_endpoint, link.target_endpoint].filter(Boolean).join(' ↔ '))}|${ids.get(link.target) ?? ''}`);
  return ['---', `title: ${JSON.stringify(graph.name)}`, '---', `graph ${direction}`, ...nodes, ...links].join('\n');
}

const BOX = { width: 120, height: 50 };

/** A diagram of draw.io, uncompressed; the nodes stand on a circle in the order of their names. */
export function renderDrawio(graph: LabGraph): string {
  const radius = Math.max(160, (graph.nodes.length * BOX.width * 1.5) / (2 * Math.PI));
  const ids = new Map(graph.nodes.map((node, index) => [node.name, `n${index}`]));
  const boxes = graph.nodes.map((node, index) => box(node, { id: `n${index}`, angle: (2 * Math.PI * index) / graph.nodes.length - Math.PI / 2, radius }));
  const lines = graph.links.map((link, index) => [
    `        <mxCell id="l${index}" value="${escaped([link.source_endpoint, link.target_endpoint].filter(Boolean).join(' - '))}" style="endArrow=none;html=0;fontSize=9;" edge="1" parent="1" source="${ids.get(link.source) ?? ''}" target="${ids.get(link.target) ?? ''}">`,
    '          <mxGeometry relative="1" as="geometry"/>', '        </mxCell>',
  ].join('\n'));
  return [
    '<mxfile host="labwright">', `  <diagram name="${escaped(graph.name)}">`, '    <mxGraphModel>', '      <root>', '        <mxCell id="0"/>', '        <mxCell id="1" parent="0"/>',
    ...boxes, ...lines, '      </root>', '    </mxGraphModel>', '  </diagram>', '</mxfile>',
  ].join('\n');
}

function box(node: GraphNode, { id, angle, radius }: { id: string; angle: number; radius: number }): string {
  const [x, y] = [radius + radius * Math.cos(angle), radius + radius * Math.sin(angle)].map(Math.round);
  return [
    `        <mxCell id="${id}" value="${escaped(`${node.name} (${node.kind})`)}" style="rounded=1;whiteSpace=wrap;html=0;" vertex="1" parent="1">`,
    `          <mxGeometry x="${x}" y="${y}" width="${BOX.width}" height="${BOX.height}" as="geometry"/>`, '        </mxCell>',
  ].join('\n');
}

const ESCAPES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };
const escaped = (text: string): string => text.replaceAll(/[&<>"]/g, (char) => ESCAPES[char] ?? char);

/** The graph in one form, without a last newline. */
export function renderGraph(graph: LabGraph, format: GraphFormat, direction: Direction = 'TD'): string {
  switch (format) {
    case 'text':
      return renderText(graph);
    case 'dot':
      return renderDot(graph);
    case 'mermaid':
      return renderMermaid(graph, direction);
    case 'drawio':
      return renderDrawio(graph);
  }
}
