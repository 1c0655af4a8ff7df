// Gives each raw end of a link its place: a node, a bridge, the host, the management network, a macvlan, a dummy, a tunnel.
import type { z } from 'zod';
import type { LinkEnd } from '../machines/vocabulary/lab-spec.ts';
import { canonicalInterfaceName } from '../vendors/interface-naming.ts';
import { resolveKind } from '../vendors/resolve-kind.ts';
import { toDeviceName } from './interface-name.ts';
import { parseAddress, parseRange } from './ip-address.ts';
import type { Report } from './issue.ts';
import { fault, show, warning } from './issue.ts';
import type { FarEnd, RawEnd } from './link-forms.ts';
import type { NodeInput } from './resolve-node.ts';

export type EndInput = z.input<typeof LinkEnd>;

/** A resolved end with its text in the link's id and, for ends that are devices, the place their names must be unique in. */
export type PlacedEnd = { end: EndInput; id: string; path: string; device?: { place: string; name: string } };

/** The nodes of the lab as links see them. */
export type LinkContext = { nodes: ReadonlyMap<string, NodeInput>; report: Report };

const hostPlace = 'the host';

/** Resolves an end that the file writes as node and interface. Undefined = it was refused. */
export function placeEnd(raw: RawEnd, context: LinkContext): PlacedEnd | undefined {
  const word = raw.node.toLowerCase();
  if (word === 'host' || word === 'mgmt-net') return placeFarEnd({ at: word, interface: raw.interface }, raw, raw, context);
  if (word === 'macvlan') return placeFarEnd({ at: 'macvlan', parent: raw.interface, mode: 'bridge' }, raw, raw, context);
  if (word === 'dummy') return placeFarEnd({ at: 'dummy' }, raw, raw, context);
  const node = context.nodes.get(raw.node);
  if (node === undefined) {
    context.report(fault('node-unknown', raw.path, `this link ends at ${JSON.stringify(raw.node)}, which is no node of this lab`));
    return undefined;
  }
  const device = deviceName(raw.interface, { kind: node.kind, keepsLongName: (node.runtime === 'container' && node.network.mode !== 'host') || node.runtime === 'ext-container' }, raw, context);
  if (device === undefined) return undefined;
  const { name } = device;
  if (node.runtime === 'bridge' || node.runtime === 'ovs-bridge') return bridgeEnd(node, name, raw, context);
  if (node.runtime === 'host' || node.network.mode === 'host') return onHost({ at: 'host', interface: name, mac: macOf(raw, context) }, `host:${name}`, raw.path);
  return nodeEnd(node, device, raw, context);
}

/** Resolves the far end of a link with one node end. `owner` is that end, for names and messages. */
export function placeFarEnd(far: FarEnd, owner: RawEnd, raw: Pick<RawEnd, 'path' | 'mac'>, context: LinkContext): PlacedEnd | undefined {
  switch (far.at) {
    case 'host':
    case 'mgmt-net': {
      const asked = far.interface ?? '';
      if (asked === '' && far.at === 'host') {
        context.report(fault('missing-key', raw.path, 'a link to the host names its interface there', { expected: 'host-interface' }));
        return undefined;
      }
      const name = deviceName(asked === '' ? `${owner.node}-${owner.interface}` : asked, {}, raw, context)?.name;
      if (name === undefined) return undefined;
      return onHost({ at: far.at, interface: name, mac: macOf(raw, context) }, `${far.at}:${name}`, raw.path);
    }
    case 'macvlan': {
      if (far.parent.trim() === '' || far.parent.length > 15) {
        context.report(fault('interface-invalid', raw.path, 'a macvlan needs the name of an interface of the host', { got: show(far.parent) }));
        return undefined;
      }
      return { end: { at: 'macvlan', parent: far.parent, mode: far.mode }, id: `macvlan:${far.parent}`, path: raw.path };
    }
    case 'dummy':
      return { end: { at: 'dummy' }, id: 'dummy', path: raw.path };
    case 'vxlan':
      return vxlanEnd(far, raw, context);
  }
}

function vxlanEnd(far: Extract<FarEnd, { at: 'vxlan' }>, raw: Pick<RawEnd, 'path'>, context: LinkContext): PlacedEnd | undefined {
  if (!/^[\w.:-]+$/.test(far.remote.trim())) {
    context.report(fault('address-invalid', raw.path, 'the remote end of the tunnel is no address or host name', { got: show(far.remote) }));
    return undefined;
  }
  if (far.parent !== undefined && !/^[A-Za-z0-9_][\w.+-]{0,14}$/.test(far.parent)) {
    context.report(fault('interface-invalid', raw.path, 'a tunnel leaves by an interface of the host', { expected: 'parent-interface: its name there', got: show(far.parent) }));
    return undefined;
  }
  const remote = far.remote.trim();
  return { end: { ...far, remote }, id: `vxlan:${remote}/${far.vni}`, path: raw.path };
}

function onHost(end: Extract<EndInput, { at: 'host' | 'mgmt-net' }>, id: string, path: string): PlacedEnd {
  return { end, id, path, device: { place: hostPlace, name: end.interface } };
}

function nodeEnd(node: NodeInput, { name, altname }: { name: string; altname?: string }, raw: RawEnd, context: LinkContext): PlacedEnd | undefined {
  if (name === 'eth0' && (node.network.mode === 'sandbox' || node.network.mode === 'engine') && node.runtime === 'container') {
    context.report(fault('interface-reserved', raw.path, `eth0 of node ${node.id} is its management interface`, { hint: 'use eth1 or another name, or give the node network-mode: none' }));
    return undefined;
  }
  const end: EndInput = { at: 'node', node: node.id, interface: name, altname, mac: macOf(raw, context), ipv4: addressOf(raw, 'ipv4', context), ipv6: addressOf(raw, 'ipv6', context) };
  return { end, id: `${node.id}:${name}`, path: raw.path, device: { place: sharedWith(node, context), name } };
}

// Nodes that share one network namespace share its interface names.
function sharedWith(node: NodeInput, context: LinkContext): string {
  let at = node;
  for (let step = 0; step < 100 && at.network.mode === 'node'; step += 1) {
    const next = context.nodes.get(at.network.node);
    if (next === undefined) break;
    at = next;
  }
  return at.network.mode === 'container' ? `container ${at.network.container}` : `node ${at.id}`;
}

function bridgeEnd(node: NodeInput, name: string, raw: RawEnd, context: LinkContext): PlacedEnd | undefined {
  const [bridge = '', suffix] = node.id.split('|');
  const inside = node.network.mode === 'node' ? node.network.node : suffix;
  if (inside === undefined) {
    return { end: { at: 'bridge', node: node.id, bridge, interface: name }, id: `${node.id}:${name}`, path: raw.path, device: { place: hostPlace, name } };
  }
  if (!context.nodes.has(inside)) {
    context.report(fault('node-unknown', raw.path, `bridge ${bridge} is to live in the namespace of ${JSON.stringify(inside)}, which is no node of this lab`));
    return undefined;
  }
  const owner = context.nodes.get(inside);
  const place = owner === undefined ? `node ${inside}` : sharedWith(owner, context);
  return { end: { at: 'node-bridge', node: node.id, inside, bridge, interface: name }, id: `${node.id}:${name}`, path: raw.path, device: { place, name } };
}

function deviceName(asked: string, { kind: kindName, keepsLongName = false }: { kind?: string; keepsLongName?: boolean }, raw: Pick<RawEnd, 'path'>, context: LinkContext): { name: string; altname?: string } | undefined {
  const kind = kindName === undefined ? undefined : resolveKind(kindName);
  const canonical = kind === undefined ? asked : canonicalInterfaceName(kind, asked.trim());
  if (canonical === undefined) {
    context.report(fault('interface-unknown', raw.path, `a node of kind ${kindName ?? ''} has no data interface ${JSON.stringify(asked)}`));
    return undefined;
  }
  const device = toDeviceName(canonical);
  if ('error' in device) {
    context.report(fault('interface-invalid', raw.path, device.error, { got: JSON.stringify(asked) }));
    return undefined;
  }
  if (device.changed !== 'no') {
    const why = device.changed === 'shortened' ? 'is longer than the 15 characters that the kernel takes' : 'holds characters that the kernel does not take';
    const known = keepsLongName && device.altname !== undefined ? `, and known as ${device.altname} too` : '';
    context.report(warning('interface-renamed', raw.path, `the interface name ${JSON.stringify(asked)} ${why}; the device is called ${device.name}${known}`));
  }
  return { name: device.name, ...(keepsLongName && device.altname !== undefined ? { altname: device.altname } : {}) };
}

function macOf(raw: Pick<RawEnd, 'path' | 'mac'>, context: LinkContext): string | undefined {
  if (raw.mac === undefined || raw.mac.trim() === '') return undefined;
  const digits = raw.mac.trim().toLowerCase().replace(/[:.-]/g, '');
  const octets = /^[0-9a-f]{12}$/.test(digits) ? (digits.match(/../g) ?? []) : [];
  const first = Number.parseInt(octets[0] ?? '1', 16);
  if (octets.length === 6 && first % 2 === 0) return octets.join(':');
  context.report(fault('mac-invalid', `${raw.path}.mac`, octets.length === 6 ? 'this is a multicast address, which no interface may have' : 'this is no MAC address', { expected: 'e.g. 02:00:00:00:00:01', got: JSON.stringify(raw.mac) }));
  return undefined;
}

function addressOf(raw: RawEnd, family: 'ipv4' | 'ipv6', context: LinkContext): string | undefined {
  const text = raw[family]?.trim() ?? '';
  if (text === '') return undefined;
  if (`ipv${(parseRange(text) ?? parseAddress(text))?.family ?? ''}` === family) return text;
  context.report(fault('address-invalid', `${raw.path}.${family}`, `this is no ${family === 'ipv4' ? 'IPv4' : 'IPv6'} address`, { expected: family === 'ipv4' ? 'e.g. 10.0.0.1/24' : 'e.g. fd00::1/64', got: JSON.stringify(text) }));
  return undefined;
}
