// IP addresses and subnets as numbers: the one canonical form in which addresses are compared, counted and printed.

export interface IpAddress { readonly family: 4 | 6; readonly value: bigint }
/** `base` is the address as written, masked; `first` and `last` span the whole subnet, network and broadcast included. */
export interface Subnet { readonly family: 4 | 6; readonly prefixLength: number; readonly first: bigint; readonly last: bigint }

const BITS = { 4: 32, 6: 128 } as const;

/** Reads an IPv4 or IPv6 address without prefix length or zone; undefined when it is none. Source: RFC 4291 section 2.2. */
export function parseIp(text: string): IpAddress | undefined {
  const value = text.includes(':') ? ipv6Value(text) : ipv4Value(text);
  if (value === undefined) return undefined;
  return { family: text.includes(':') ? 6 : 4, value };
}

/** Prints an address in its canonical form. Source: RFC 5952. */
export function formatIp(address: IpAddress): string {
  if (address.family === 4) return [24n, 16n, 8n, 0n].map((shift) => String((address.value >> shift) & 255n)).join('.');
  const groups = Array.from({ length: 8 }, (_, index) => ((address.value >> BigInt(112 - index * 16)) & 0xffffn).toString(16));
  const run = longestZeroRun(groups);
  if (run.length < 2) return groups.join(':');
  return `${groups.slice(0, run.start).join(':')}::${groups.slice(run.start + run.length).join(':')}`;
}

/** The canonical spelling of an address, with its prefix length where it has one; undefined when it is no address. */
export function canonicalIp(text: string): string | undefined {
  const [head = '', length] = text.split('/');
  const address = parseIp(head);
  if (!address) return undefined;
  return length === undefined ? formatIp(address) : `${formatIp(address)}/${length}`;
}

/** Reads a subnet in CIDR form; host bits are dropped. Undefined when it is none. */
export function parseSubnet(text: string): Subnet | undefined {
  const match = /^([^/]+)\/(\d{1,3})$/.exec(text);
  const address = match?.[1] === undefined ? undefined : parseIp(match[1]);
  const prefixLength = Number(match?.[2]);
  if (!address || prefixLength > BITS[address.family]) return undefined;
  const size = 1n << BigInt(BITS[address.family] - prefixLength);
  const first = address.value - (address.value % size);
  return { family: address.family, prefixLength, first, last: first + size - 1n };
}

/** Prints a subnet in CIDR form. */
export function formatSubnet(subnet: Subnet): string {
  return `${formatIp({ family: subnet.family, value: subnet.first })}/${subnet.prefixLength}`;
}

/** Whether the address lies in the subnet. */
export function inSubnet(address: IpAddress, subnet: Subnet): boolean {
  return address.family === subnet.family && address.value >= subnet.first && address.value <= subnet.last;
}

function ipv4Value(text: string): bigint | undefined {
  const parts = text.split('.');
  if (parts.length !== 4 || !parts.every((part) => /^(0|[1-9]\d{0,2})$/.test(part) && Number(part) <= 255)) return undefined;
  return parts.reduce((value, part) => (value << 8n) | BigInt(part), 0n);
}

function ipv6Value(text: string): bigint | undefined {
  const halves = text.split('::');
  if (halves.length > 2) return undefined;
  const head = ipv6Groups(halves[0] ?? '', halves.length === 1);
  const tail = ipv6Groups(halves[1] ?? '', true);
  if (!head || !tail) return undefined;
  const missing = 8 - head.length - tail.length;
  if (halves.length === 1 ? missing !== 0 : missing < 1) return undefined;
  return [...head, ...Array.from({ length: missing }, () => 0n), ...tail].reduce((value, group) => (value << 16n) | group, 0n);
}

function ipv6Groups(text: string, mayEndInIpv4: boolean): bigint[] | undefined {
  if (text === '') return [];
  const groups: bigint[] = [];
  const parts = text.split(':');
  for (const [index, part] of parts.entries()) {
    if (/^[0-9a-fA-F]{1,4}$/.test(part)) groups.push(BigInt(`0x${part}`));
    else {
      const embedded = mayEndInIpv4 && index === parts.length - 1 ? ipv4Value(part) : undefined;
      if (embedded === undefined) return undefined;
      groups.push(embedded >> 16n, embedded & 0xffffn);
    }
  }
  return groups;
}

function longestZeroRun(groups: string[]): { start: number; length: number } {
  let best = { start: 0, length: 0 };
  for (let start = 0; start < groups.length; start += 1) {
    let length = 0;
    while (groups[start + length] === '0') length += 1;
    if (length > best.length) best = { start, length };
  }
  return best;
}
