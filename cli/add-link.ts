// Adds one link, given by its two ends as text, to the description of a running lab.
import { LinkId } from '../machines/vocabulary/ids.ts';
import type { LabSpec, LinkEnd, LinkSpec } from '../machines/vocabulary/lab-spec.ts';
import { toDeviceName } from '../topology/interface-name.ts';
import { CliError, EXIT } from './exit-code.ts';

/**
 * Ends: `NODE:IF` (node or container name), `bridge:BR:IF`, `host:IF`, `mgmt-net:IF`.
 * @throws {CliError} `bad-endpoint`, `interface-taken`, `link-without-node`.
 */
export function addLink(lab: LabSpec, ends: { a: string; b: string; mtu?: number | undefined }): { lab: LabSpec; link: LinkSpec } {
  const [first, second] = [ends.a, ends.b].map((text) => parseEnd(lab, text)).toSorted((x, y) => (x.id < y.id ? -1 : 1));
  if (first === undefined || second === undefined || ![first, second].some(({ end }) => end.at === 'node')) {
    throw new CliError(EXIT.usage, 'link-without-node', `${ends.a} and ${ends.b}: one end at least must be at a node of lab ${lab.id}`);
  }
  for (const { id } of [first, second]) refuseTaken(lab, id);
  const link: LinkSpec = { id: LinkId.parse(`${first.id}--${second.id}`), a: first.end, b: second.end, labels: {}, vars: {}, ...(ends.mtu === undefined ? {} : { mtu: ends.mtu }) };
  return { lab: { ...lab, links: [...lab.links, link].toSorted((x, y) => (x.id < y.id ? -1 : 1)) }, link };
}

type Placed = { readonly id: string; readonly end: LinkEnd };

function parseEnd(lab: LabSpec, text: string): Placed {
  const [place = '', middle = '', last] = text.split(':');
  if (text.split(':').length > 3) throw bad(text, 'it has more than three parts');
  // Names are made to fit the kernel as those of lab files are.
  const device = toDeviceName(last ?? middle);
  if ('error' in device) throw bad(text, device.error);
  const { name, altname } = device;
  const node = lab.nodes.find((one) => one.id === (last === undefined ? place : middle)) ?? lab.nodes.find((one) => one.containerName === (last === undefined ? place : middle));
  if (last !== undefined && place === 'bridge') return { id: `${middle}:${name}`, end: { at: 'bridge', node: node?.id ?? bridgeNode(middle), bridge: middle, interface: name } };
  if (last !== undefined) throw bad(text, 'only a bridge takes three parts');
  if (place === 'host' || place === 'mgmt-net') return { id: `${place}:${name}`, end: { at: place, interface: name } };
  if (node === undefined) throw bad(text, `lab ${lab.id} has no node ${place}`);
  const id = `${node.id}:${name}`;
  if (node.runtime === 'bridge' || node.runtime === 'ovs-bridge') return { id, end: { at: 'bridge', node: node.id, bridge: node.containerName, interface: name } };
  return node.runtime === 'host' ? { id: `host:${name}`, end: { at: 'host', interface: name } } : { id, end: { at: 'node', node: node.id, interface: name, ...(altname === undefined ? {} : { altname }) } };
}

const bad = (text: string, why: string): CliError =>
  new CliError(EXIT.usage, 'bad-endpoint', `${JSON.stringify(text)} is no end of a link: ${why}. Write NODE:IF, bridge:BR:IF, host:IF or mgmt-net:IF`);

function bridgeNode(name: string): never {
  throw bad(`bridge:${name}`, 'the bridge must be a node (kind bridge) of the lab file');
}

function refuseTaken(lab: LabSpec, id: string): void {
  const taken = lab.links.find((link) => link.id.split('--').includes(id));
  if (taken) throw new CliError(EXIT.usage, 'interface-taken', `${id} is taken by link ${taken.id}`);
}
