// Checks every word of a wire before any of it may go into a batch line: one unknown word there ends the whole batch.
import { isIP } from 'node:net';
import { hostPortsOf, innerEndsOf, redirectsOf } from './host-ports.ts';
import type { InnerEnd, NetnsRef, VxlanPath, Wire } from './wire.ts';

/** Names the kernel takes (at most 15 characters) and ip, tc and sh read as one plain word; `%` would be a template. */
const DEVICE = /^[A-Za-z0-9_][A-Za-z0-9_.+-]{0,14}$/;
const NETNS_NAME = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,200}$/;
const NETNS_PATH = /^(?!.*\.\.)\/[A-Za-z0-9_./-]{1,250}$/;
/** An alternative name takes 127 bytes and no slash. */
const MARK = /^[A-Za-z0-9_][A-Za-z0-9_.:@+=~-]{0,126}$/;
const MAC = /^([0-9a-f]{2}:){5}[0-9a-f]{2}$/;
const MAX_INDEX = 0xffff_ffff;
const MAX_VNI = 0xff_ffff;

/** All that is wrong with a wire's words; empty when it can be made. */
export function wireIssues(wire: Wire): readonly string[] {
  const issues: string[] = [];
  const need = (ok: boolean, what: string, value: unknown): void => {
    if (!ok) issues.push(`${what} is not usable: ${JSON.stringify(value)}`);
  };
  need(Number.isInteger(wire.mtu) && wire.mtu >= 68 && wire.mtu <= 65535, 'mtu (68-65535)', wire.mtu);
  for (const { side, inner } of innerEndsOf(wire)) issues.push(...innerIssues(inner).map((text) => `end ${side}: ${text}`));
  for (const port of hostPortsOf(wire)) {
    need(isDeviceName(port.device), 'host device name', port.device);
    need(isMark(port.mark), 'mark', port.mark);
    need(port.mac === undefined || MAC.test(port.mac), 'mac', port.mac);
    need(port.bridge === undefined || isDeviceName(port.bridge), 'bridge name', port.bridge);
    need(port.alias === undefined || isMark(port.alias), 'second name', port.alias);
    for (const { index } of redirectsOf(port)) need(Number.isInteger(index) && index > 0 && index <= MAX_INDEX, 'action index', index);
  }
  const indexes = hostPortsOf(wire).flatMap(redirectsOf).map(({ index }) => index);
  if (new Set(indexes).size < indexes.length) issues.push('two redirects have the same action index');
  if (wire.kind === 'vxlan') issues.push(...pathIssues(wire.tunnel));
  if (wire.kind === 'inner-vxlan') issues.push(...pathIssues(wire.path));
  if (wire.kind === 'macvlan') need(isDeviceName(wire.parent), 'parent name', wire.parent);
  if (wire.kind === 'macvlan' || wire.kind === 'dummy' || wire.kind === 'inner-vxlan') need(isMark(wire.mark), 'mark', wire.mark);
  return issues;
}

/** Whether the text can be a device's name in a batch line. */
export function isDeviceName(text: string): boolean {
  return DEVICE.test(text);
}

/** Whether the text can name a namespace under /run/netns. */
export function isNetnsName(text: string): boolean {
  return NETNS_NAME.test(text);
}

/** Whether the text can be an ownership mark (alternative name). */
export function isMark(text: string): boolean {
  return MARK.test(text);
}

/** Whether the text is an address with a prefix length in range. */
export function isCidr(text: string): boolean {
  const [address = '', length = '', ...rest] = text.split('/');
  const family = isIP(address);
  return family !== 0 && rest.length === 0 && /^\d{1,3}$/.test(length) && Number(length) <= (family === 4 ? 32 : 128);
}

/** All that is wrong with the words of a tunnel's way. */
export function pathIssues(path: VxlanPath): readonly string[] {
  const issues: string[] = [];
  const need = (ok: boolean, what: string, value: unknown): void => {
    if (!ok) issues.push(`${what} is not usable: ${JSON.stringify(value)}`);
  };
  const isPort = (port: number): boolean => Number.isInteger(port) && port > 0 && port <= 0xffff;
  const isPlainAddress = (text: string): boolean => isIP(text) !== 0 && !text.includes('%');
  need(Number.isInteger(path.vni) && path.vni > 0 && path.vni <= MAX_VNI, 'VNI (1-16777215)', path.vni);
  need(isPort(path.udpPort), 'UDP port', path.udpPort);
  need(path.srcPort === undefined || (isPort(path.srcPort) && path.srcPort < 0xffff), 'source port', path.srcPort);
  need(isPlainAddress(path.remote), 'remote address', path.remote);
  need(path.local === undefined || (isPlainAddress(path.local) && isIP(path.local) === isIP(path.remote)), 'local address', path.local);
  need(path.parent === undefined || isDeviceName(path.parent), 'underlay interface', path.parent);
  return issues;
}

function innerIssues(inner: InnerEnd): readonly string[] {
  const issues: string[] = [];
  const need = (ok: boolean, what: string, value: unknown): void => {
    if (!ok) issues.push(`${what} is not usable: ${JSON.stringify(value)}`);
  };
  need(isNetnsRef(inner.netns), 'namespace', inner.netns);
  need(isDeviceName(inner.interface), 'interface name', inner.interface);
  need(inner.altname === undefined || isMark(inner.altname), 'alternative name', inner.altname);
  need(inner.mac === undefined || MAC.test(inner.mac), 'mac', inner.mac);
  need(inner.bridge === undefined || isDeviceName(inner.bridge), 'bridge name', inner.bridge);
  for (const address of inner.addresses ?? []) need(isCidr(address), 'address', address);
  for (const route of inner.routes ?? []) {
    need(route.to === 'default' || isCidr(route.to), 'route', route.to);
    need(route.via === undefined || isIP(route.via) !== 0, 'gateway', route.via);
    need(route.metric === undefined || (Number.isInteger(route.metric) && route.metric >= 0), 'metric', route.metric);
  }
  return issues;
}

function isNetnsRef(ref: NetnsRef): boolean {
  if (ref === 'host') return true;
  return 'name' in ref ? isNetnsName(ref.name) : NETNS_PATH.test(ref.path);
}
