// How the addresses of a management subnet are shared between our leases and the engine's own containers.
import { formatIp, formatSubnet, inSubnet, parseIp, parseSubnet } from './ip-address.ts';
import type { Subnet } from './ip-address.ts';

/** The subnets of a management network when the file names none. Source: containerlab's defaults. */
export const DEFAULT_MGMT_IPV4_SUBNET = '172.20.20.0/24';
export const DEFAULT_MGMT_IPV6_SUBNET = '3fff:172:20:20::/64';

/**
 * `leases` = lower part of the pool, where our dynamic addresses come from (both ends included); `engineRange` = upper
 * part, what the engine gives to containers of other people, and what we take from its top only when ours is full. The
 * parts are halves; of a pool beyond 2^32 addresses (IPv6) they are its first two blocks of 65,536.
 */
export interface MgmtPool {
  readonly subnet: Subnet;
  readonly gateway: bigint;
  readonly leases: { readonly first: bigint; readonly last: bigint };
  readonly engine: Subnet;
  readonly gatewayText: string;
  readonly engineRange: string;
}

/**
 * Divides a management subnet: the gateway is its first address unless the file says otherwise, the pool is the file's
 * range or the whole subnet. Undefined when subnet, gateway or range do not fit together.
 */
export function splitMgmtPool(wanted: { subnet: string; gateway?: string | undefined; range?: string | undefined }): MgmtPool | undefined {
  const subnet = parseSubnet(wanted.subnet);
  if (!subnet) return undefined;
  const pool = wanted.range === undefined ? subnet : parseSubnet(wanted.range);
  const gateway = wanted.gateway === undefined ? { family: subnet.family, value: subnet.first + 1n } : parseIp(wanted.gateway);
  if (!pool || !gateway || !inSubnet(gateway, subnet) || pool.family !== subnet.family) return undefined;
  if (pool.first < subnet.first || pool.last > subnet.last) return undefined;
  const engine = enginePart(pool);
  return {
    subnet,
    gateway: gateway.value,
    leases: { first: pool.first, last: engine.first > pool.first ? engine.first - 1n : pool.last },
    engine,
    gatewayText: formatIp(gateway),
    engineRange: formatSubnet(engine),
  };
}

const BLOCK = 65_536n;

/** Whether an address of the subnet may be given to a node: not the gateway, not the network or broadcast address. */
export function usableInPool(value: bigint, pool: MgmtPool): boolean {
  if (value === pool.gateway) return false;
  const { family, prefixLength, first, last } = pool.subnet;
  const edges = family === 4 ? prefixLength < 31 : prefixLength < 127;
  if (edges && value === first) return false;
  return !(edges && family === 4 && value === last);
}

function enginePart(pool: Subnet): Subnet {
  const size = pool.last - pool.first + 1n;
  if (size < 4n) return pool;
  // Engine 20.10 cannot allocate from the upper half of a /64: "invalid bit range".
  if (size > 1n << 32n) return { family: pool.family, prefixLength: 112, first: pool.first + BLOCK, last: pool.first + 2n * BLOCK - 1n };
  return { family: pool.family, prefixLength: pool.prefixLength + 1, first: pool.first + size / 2n, last: pool.last };
}
