// The table of nodes that deploy, inspect and others print: two lines a node, columns where people's scripts look for them.
import type { LabView, NodeView } from '../../machines/vocabulary/lab-view.ts';
import { renderTable } from './table.ts';
import type { Row } from './table.ts';

export type NodeTableOptions = {
  /** Topology path and lab name come first. */
  readonly withLab: boolean;
  readonly withOwner: boolean;
  /** Shows a path as the reader would type it. */
  readonly showPath: (path: string) => string;
  /** Shows a state, perhaps in colour. */
  readonly paintState: (state: string) => string;
};

export function renderNodeTable(labs: readonly LabView[], options: NodeTableOptions): string {
  const header: Row = [...(options.withLab ? ['Topology', 'Lab Name'] : []), ...(options.withOwner ? ['Owner'] : []), 'Name', 'Kind/Image', 'State', 'IPv4/6 Address'];
  const rows = labs.flatMap((lab) => lab.nodes.map((node, index) => [
    // The path and name of a lab stand once, at its first node.
    ...(options.withLab ? (index === 0 ? [lab.topologyPath === undefined ? '-' : options.showPath(lab.topologyPath), lab.lab] : ['', '']) : []),
    ...(options.withOwner ? [lab.owner ?? ''] : []),
    node.containerName,
    `${node.kind}\n${node.image ?? '-'}`,
    stateCell(node, options.paintState),
    `${addressOf(node.ipv4)}\n${addressOf(node.ipv6)}`,
  ]));
  return renderTable(header, rows, { separate: true });
}

/** The state as the engine would name it, with ours beside it where it says more. */
export function engineState(node: NodeView): string {
  switch (node.state) {
    case 'configuring':
      return 'running';
    case 'stopped':
    case 'exited':
      return 'exited';
    case 'preparing':
    case 'waiting':
    case 'starting':
      return 'created';
    default:
      return node.state;
  }
}

/** Health in the engine's words; empty where there is no health check. */
export function healthText(node: NodeView): string {
  if (node.health === 'none') return '';
  return node.health === 'starting' ? 'health: starting' : node.health;
}

function stateCell(node: NodeView, paint: (state: string) => string): string {
  const health = healthText(node);
  const below = health !== '' ? `(${health})` : node.waitingFor === '' ? '' : `waits for ${node.waitingFor}`;
  return [paint(engineState(node)), below].filter((line) => line !== '').join('\n');
}

/** An address without its prefix length; `N/A` where there is none. */
export const addressOf = (cidr: string | undefined): string => cidr?.split('/')[0] ?? 'N/A';
