// The lines that show a lab coming up: totals first, then what is not there yet and what it waits for.
import type { LabView, LinkView, NodeView } from '../../machines/vocabulary/lab-view.ts';

/** At most `rows` lines of at most `columns` characters. */
export function renderProgress(view: LabView, size: { columns: number; rows: number }): string[] {
  const running = view.nodes.filter((node) => node.state === 'running').length;
  const up = view.links.filter((link) => link.oper === 'up').length;
  const head = `${view.lab}: ${view.state}, ${running} of ${view.nodes.length} nodes running, ${up} of ${view.links.length} links up`;
  const open = [...view.nodes.filter((node) => node.state !== 'running').map(nodeLine), ...view.links.filter((link) => link.oper !== 'up').map(linkLine)];
  const room = size.rows - 1;
  const shown = open.length > room ? [...open.slice(0, room - 1), `  ... and ${open.length - room + 1} more`] : open;
  return [head, ...shown].map((line) => cut(line, size.columns));
}

const nodeLine = (node: NodeView): string => `  node ${node.node}: ${node.state}${because(node.failure?.message ?? (node.waitingFor === '' ? '' : `waits for ${node.waitingFor}`))}`;
const linkLine = (link: LinkView): string => `  link ${link.link}: ${link.state}${because(link.reason === link.state ? '' : link.reason)}`;
const because = (reason: string): string => (reason === '' ? '' : ` (${reason.split('\n')[0]})`);
const cut = (line: string, columns: number): string => (line.length < columns ? line : `${line.slice(0, columns - 2)}…`);
