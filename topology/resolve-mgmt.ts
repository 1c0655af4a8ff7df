// The management network of a lab: defaults, and checks that its ranges, gateways and fixed addresses fit together.
import type { z } from 'zod';
import type { MgmtSpec } from '../machines/vocabulary/lab-spec.ts';
import type { Family, Range } from './ip-address.ts';
import { contains, formatAddress, lastAddress, overlaps, parseAddress, parseRange } from './ip-address.ts';
import type { Report } from './issue.ts';
import { fault, warning } from './issue.ts';
import type { MgmtFile } from './lab-file-schema.ts';

export type MgmtInput = z.input<typeof MgmtSpec>;

/** What a lab gets when its file names no range, whatever the network is called. Source: containerlab. */
const defaults = { network: 'clab', ipv4: '172.20.20.0/24', ipv6: '3fff:172:20:20::/64' };

/** The management network, and whether its ranges are only assumed: a network of that name may exist with others. */
export type ResolvedMgmt = { spec: MgmtInput; rangesAssumed: boolean };

/** Reads the `mgmt` section. With no range given both default ranges are used; with one given only that one. */
export function resolveMgmt(mgmt: MgmtFile = {}, report: Report): ResolvedMgmt {
  const given4 = chosenRange(mgmt, 'ipv4-subnet', report);
  const given6 = chosenRange(mgmt, 'ipv6-subnet', report);
  const none = given4 === undefined && given6 === undefined;
  const ipv4Subnet = none ? defaults.ipv4 : given4;
  const ipv6Subnet = none ? defaults.ipv6 : given6;
  checkParts(mgmt, 4, ipv4Subnet, report);
  checkParts(mgmt, 6, ipv6Subnet, report);
  if (filled(mgmt.driver) !== undefined && mgmt.driver !== 'bridge') report(warning('key-not-honoured', 'mgmt.driver', 'the management network is always a bridge'));
  if (mgmt['skip-when-unused'] === true) report(warning('key-not-honoured', 'mgmt.skip-when-unused', 'the management network is made with the first lab and goes with the last'));
  checkBridge(mgmt, report);
  const network = filled(mgmt.network) ?? defaults.network;
  const spec: MgmtInput = {
    network,
    bridge: filled(mgmt.bridge),
    ipv4Subnet,
    ipv4Gateway: filled(mgmt['ipv4-gw']),
    ipv4Range: filled(mgmt['ipv4-range']),
    ipv6Subnet,
    ipv6Gateway: filled(mgmt['ipv6-gw']),
    ipv6Range: filled(mgmt['ipv6-range']),
    mtu: mgmt.mtu,
    externalAccess: mgmt['external-access'] ?? true,
    isolated: mgmt.isolated ?? false,
    driverOpts: mgmt['driver-opts'] ?? {},
  };
  return { spec, rangesAssumed: none && network !== defaults.network };
}

function filled(text: string | undefined): string | undefined {
  return text === undefined || text.trim() === '' ? undefined : text.trim();
}

function chosenRange(mgmt: MgmtFile, key: 'ipv4-subnet' | 'ipv6-subnet', report: Report): string | undefined {
  const text = filled(mgmt[key]);
  if (text !== 'auto') return text;
  const fallback = key === 'ipv4-subnet' ? defaults.ipv4 : defaults.ipv6;
  report(warning('range-auto', `mgmt.${key}`, `"auto" is read as the usual range ${fallback}`));
  return fallback;
}

function checkParts(mgmt: MgmtFile, family: Family, subnetText: string | undefined, report: Report): void {
  const key = family === 4 ? 'ipv4' : 'ipv6';
  const subnet = subnetText === undefined ? undefined : parseRange(subnetText);
  if (subnetText !== undefined && subnet?.family !== family) {
    return report(fault('range-invalid', `mgmt.${key}-subnet`, `this is no IPv${family} range`, { expected: family === 4 ? 'e.g. 172.20.20.0/24' : 'e.g. 3fff:172:20:20::/64', got: JSON.stringify(subnetText) }));
  }
  const gateway = filled(mgmt[`${key}-gw`]);
  const part = filled(mgmt[`${key}-range`]);
  if (subnet === undefined) {
    for (const [name, value] of [['gw', gateway], ['range', part]] as const) {
      if (value !== undefined) report(fault('range-missing', `mgmt.${key}-${name}`, `this needs ${key}-subnet`));
    }
    return;
  }
  if (gateway !== undefined) checkInside(subnet, gateway, `mgmt.${key}-gw`, 'gateway', report);
  const range = part === undefined ? undefined : parseRange(part);
  if (part !== undefined && (range === undefined || !overlaps(subnet, range) || range.prefix < subnet.prefix)) {
    report(fault('range-outside', `mgmt.${key}-range`, 'this range is not part of the subnet', { expected: `a part of ${subnetText ?? ''}`, got: JSON.stringify(part) }));
  }
}

function checkInside(subnet: Range, text: string, path: string, what: string, report: Report): void {
  const address = parseAddress(text);
  const expected = `an address in ${formatAddress({ family: subnet.family, value: subnet.base })}/${subnet.prefix}`;
  if (address === undefined || address.family !== subnet.family) report(fault('address-invalid', path, `this is no IPv${subnet.family} address`, { expected, got: JSON.stringify(text) }));
  else if (!contains(subnet, address)) report(fault('address-outside', path, `this ${what} is outside of the management range`, { expected, got: JSON.stringify(text) }));
  else if (address.value === subnet.base || (subnet.family === 4 && subnet.prefix < 31 && address.value === lastAddress(subnet))) {
    report(fault('address-reserved', path, `this ${what} is the first or last address of its range, which no device may have`, { expected, got: JSON.stringify(text) }));
  }
}

function checkBridge(mgmt: MgmtFile, report: Report): void {
  const bridge = filled(mgmt.bridge);
  if (bridge !== undefined && (bridge.length > 15 || /[\s/:]/.test(bridge))) {
    report(fault('bridge-name-invalid', 'mgmt.bridge', 'a bridge has a name of at most 15 characters without blanks, colons and slashes', { got: JSON.stringify(bridge) }));
  }
}

/**
 * Checks one fixed management address of a node and gives it in canonical text without prefix length.
 * @returns undefined when it cannot be used.
 */
export function checkFixedAddress(text: string, path: string, family: Family, { spec: mgmt, rangesAssumed }: ResolvedMgmt, report: Report): string | undefined {
  const [bare = '', prefix] = text.trim().split('/');
  if (prefix !== undefined) report(warning('type-converted', path, `the prefix length /${prefix} is left out`, { hint: `write ${bare}` }));
  const address = parseAddress(bare);
  if (address === undefined || address.family !== family) {
    report(fault('address-invalid', path, `this is no IPv${family} address`, { got: JSON.stringify(text) }));
    return undefined;
  }
  const subnetText = family === 4 ? mgmt.ipv4Subnet : mgmt.ipv6Subnet;
  const subnet = subnetText === undefined ? undefined : parseRange(subnetText);
  if (subnet === undefined) {
    if (subnetText === undefined) report(fault('range-missing', path, `the management network has no IPv${family} range`, { hint: `add mgmt.ipv${family}-subnet` }));
    return undefined;
  }
  if (rangesAssumed && !contains(subnet, address)) {
    report(warning('address-outside', path, `this address is outside of ${subnetText ?? ''}, the range of a management network that is made anew`, { hint: `right only when the network ${mgmt.network} exists already with a range that holds it` }));
    return formatAddress(address);
  }
  checkInside(subnet, bare, path, 'address', report);
  const gatewayText = family === 4 ? mgmt.ipv4Gateway : mgmt.ipv6Gateway;
  const gateway = gatewayText === undefined ? subnet.base + 1n : parseAddress(gatewayText)?.value;
  if (address.value === gateway) report(fault('address-reserved', path, 'this address is the gateway of the management network', { got: JSON.stringify(bare) }));
  return formatAddress(address);
}
