// The interfaces of a lab's nodes, from its links and management addresses, as table and records.
import type { EndView, LabView, LinkView } from '../../machines/vocabulary/lab-view.ts';
import { renderTable } from './table.ts';

export type InterfaceRecord = { name: string; alias: string; mac: string; mtu: number; type: string; state: 'up' | 'down' | 'unknown' };
export type ContainerInterfaces = { name: string; node: string; interfaces: InterfaceRecord[] };

/** One record a container, sorted by name; its interfaces sorted by name. */
export function interfaceRows(lab: LabView): ContainerInterfaces[] {
  return lab.nodes
    .map((node) => ({
      name: node.containerName,
      node: node.node,
      interfaces: lab.links.flatMap((link) => [link.a, link.b].filter((end) => end.node === node.node).map((end) => record(link, end))).toSorted(byName),
    }))
    .toSorted(byName);
}

function record(link: LinkView, end: EndView): InterfaceRecord {
  const type = link.type === 'macvlan' || link.type === 'dummy' ? link.type : 'veth';
  const state = link.oper === 'unknown' ? 'unknown' : end.carrier && link.admin === 'up' ? 'up' : 'down';
  return { name: end.interface, alias: '', mac: end.mac ?? '', mtu: link.mtu, type, state };
}

export function renderInterfaceTable(containers: readonly ContainerInterfaces[], paintState: (state: string) => string): string {
  const rows = containers.flatMap(({ name, interfaces }) => interfaces.map((one, index) => [
    index === 0 ? name : '', one.name, one.alias === '' ? 'N/A' : one.alias, String(one.mtu), one.type, paintState(one.state),
  ]));
  return renderTable(['Container Name', 'Interface Name', 'Interface Alias', 'MTU', 'Type', 'State'], rows, { separate: true });
}

const byName = (a: { name: string }, b: { name: string }): number => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0);
