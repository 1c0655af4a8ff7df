// The one resolver of interface names: vendor name <-> data port number <-> ethN, always with the device kind.
import type { InterfaceNaming, KindEntry } from './kind-entry.ts';

// Whatever its case: "Eth1" of a zero based kind is our eth1, never its Ethernet1.
const ethName = /^eth([1-9]\d*)$/i;

/**
 * Vendor's name of data port `port` (1 is the first). Kinds without a naming of their own call it `ethN`.
 * @throws {RangeError} when `port` is not a whole number of at least 1.
 */
export function vendorInterfaceName(kind: KindEntry, port: number): string {
  if (!Number.isSafeInteger(port) || port < 1) throw new RangeError(`data port ${port} of kind ${kind.name}: ports count from 1`);
  const naming = kind.interfaces;
  if (naming === undefined) return `eth${port}`;
  const { slot, number } = placeOf(naming, port);
  return naming.pattern.replace('{slot}', String(slot)).replace('{port}', String(number));
}

/**
 * Data port number of an interface name in any accepted spelling (vendor's name in any case, its abbreviation as
 * `Gi0/1`, or `ethN`); undefined when the name is no data interface of this kind.
 */
export function dataPortOf(kind: KindEntry, name: string): number | undefined {
  const eth = ethName.exec(name);
  if (eth !== null) return safePort(Number(eth[1]));
  const naming = kind.interfaces;
  if (naming === undefined) return undefined;
  for (const pattern of [naming.pattern, ...(naming.otherPatterns ?? [])]) {
    const port = matchPattern(naming, pattern, name);
    if (port !== undefined) return port;
  }
  return undefined;
}

/**
 * Canonical name of an interface inside Labwright: `ethN` for a data port, `eth0` for the vendor's management interface.
 * Kinds without a naming of their own keep what the file says. Undefined = this kind has no such interface.
 */
export function canonicalInterfaceName(kind: KindEntry, name: string): string | undefined {
  if (kind.interfaces === undefined) return name;
  if (name === 'eth0' || kind.interfaces.management?.toLowerCase() === name.toLowerCase()) return 'eth0';
  const port = dataPortOf(kind, name);
  return port === undefined ? undefined : `eth${port}`;
}

function placeOf(naming: InterfaceNaming, port: number): { slot: number; number: number } {
  const perSlot = naming.portsPerSlot;
  if (perSlot === undefined) return { slot: 0, number: naming.first + port - 1 };
  return { slot: Math.floor((port - 1) / perSlot), number: naming.first + ((port - 1) % perSlot) };
}

function matchPattern(naming: InterfaceNaming, pattern: string, name: string): number | undefined {
  const head = /^[A-Za-z]*/.exec(pattern)?.[0] ?? '';
  const given = /^[A-Za-z]*/.exec(name)?.[0] ?? '';
  if (!abbreviates(given, head)) return undefined;
  const groups = numbersOf(pattern.slice(head.length), name.slice(given.length));
  if (groups?.port === undefined) return undefined;
  const offset = Number(groups.port) - naming.first;
  const perSlot = naming.portsPerSlot;
  if (offset < 0 || (perSlot !== undefined && offset >= perSlot)) return undefined;
  return safePort(Number(groups.slot ?? 0) * (perSlot ?? 0) + offset + 1);
}

function abbreviates(given: string, head: string): boolean {
  if (given.toLowerCase() === head.toLowerCase()) return true;
  return given.length >= 2 && head.length > given.length && head.toLowerCase().startsWith(given.toLowerCase());
}

// Numbers without leading zeros: "Gi0/01" is a typing error, not another name for Gi0/1.
function numbersOf(pattern: string, text: string): Partial<Record<'slot' | 'port', string>> | undefined {
  const source = pattern
    .split(/(\{slot\}|\{port\})/)
    .map((part) => (/^\{(slot|port)\}$/.test(part) ? `(?<${part.slice(1, -1)}>0|[1-9]\\d*)` : part.replace(/[.*+?^${}()|[\]\\/-]/g, "\\$&")))
    .join('');
  return new RegExp(`^${source}$`).exec(text)?.groups;
}

function safePort(port: number): number | undefined {
  return Number.isSafeInteger(port) ? port : undefined;
}
