// Management addresses of a lab's nodes: static ones first, then those held before, then the lowest free ones.
import type { Rejection } from '../vocabulary/command.ts';
import type { NodeId } from '../vocabulary/ids.ts';
import type { MgmtSpec } from '../vocabulary/lab-spec.ts';
import { formatIp, inSubnet, parseIp } from '../vocabulary/ip-address.ts';
import { splitMgmtPool, usableInPool } from '../vocabulary/mgmt-pool.ts';
import type { MgmtPool } from '../vocabulary/mgmt-pool.ts';

export interface MgmtAddressRequest {
  readonly mgmt: Pick<MgmtSpec, 'network' | 'ipv4Subnet' | 'ipv4Gateway' | 'ipv4Range' | 'ipv6Subnet' | 'ipv6Gateway' | 'ipv6Range'>;
  readonly nodes: readonly { readonly id: NodeId; readonly wantIpv4?: string | undefined; readonly wantIpv6?: string | undefined }[];
  /** Addresses in that network which somebody else holds: other labs, containers of other people. */
  readonly taken: ReadonlySet<string>;
  /** What this lab's nodes hold now, with or without prefix length. */
  readonly previous: Readonly<Record<string, MgmtAddresses>>;
}

/** Addresses with prefix length. */
export interface MgmtAddresses { readonly ipv4?: string | undefined; readonly ipv6?: string | undefined }

export type MgmtAssignment =
  | { readonly ok: true; readonly addresses: Record<NodeId, MgmtAddresses> }
  | { readonly ok: false; readonly rejections: Rejection[] };

type Family = 4 | 6;
interface Asker { readonly node: NodeId; readonly want: string | undefined; readonly previous: string | undefined }

/**
 * Gives each node one address of each family that the network has. A node that asks for none keeps what it held while
 * that is still free and inside the subnet. All faults are reported at once.
 * Codes: `address-outside-subnet`, `address-taken`, `address-pool-empty`.
 */
export function assignMgmtAddresses(request: MgmtAddressRequest): MgmtAssignment {
  const rejections: Rejection[] = [];
  const nodes = request.nodes.toSorted((a, b) => (a.id < b.id ? -1 : Number(a.id > b.id)));
  const askers = (family: Family): Asker[] => nodes.map((node) => ({
    node: node.id,
    want: family === 4 ? node.wantIpv4 : node.wantIpv6,
    previous: family === 4 ? request.previous[node.id]?.ipv4 : request.previous[node.id]?.ipv6,
  }));
  const ipv4 = assignFamily(request, 4, askers(4), rejections);
  const ipv6 = assignFamily(request, 6, askers(6), rejections);
  if (rejections.length > 0) return { ok: false, rejections };
  const addresses: Record<NodeId, MgmtAddresses> = {};
  for (const { id } of nodes) {
    const [v4, v6] = [ipv4.get(id), ipv6.get(id)];
    addresses[id] = { ...(v4 === undefined ? {} : { ipv4: v4 }), ...(v6 === undefined ? {} : { ipv6: v6 }) };
  }
  return { ok: true, addresses };
}

function assignFamily(request: MgmtAddressRequest, family: Family, askers: Asker[], rejections: Rejection[]): Map<NodeId, string> {
  const pool = poolOf(request.mgmt, family, askers, rejections);
  if (!pool) return new Map();
  const holders = takenValues(request.taken, family);
  const given = new Map<NodeId, bigint>();
  for (const asker of askers) {
    if (asker.want !== undefined) giveStatic(asker, asker.want, { pool, family, holders, given, rejections, network: request.mgmt.network });
  }
  for (const asker of askers) {
    const value = asker.want === undefined ? heldBefore(asker.previous, pool) : undefined;
    if (value !== undefined && !holders.has(value)) take(asker.node, value, holders, given);
  }
  const free = freeAddresses(pool, holders);
  for (const asker of askers) {
    if (asker.want !== undefined || given.has(asker.node)) continue;
    const next = free.next();
    if (!next.done) take(asker.node, next.value, holders, given);
    else rejections.push(reject('address-pool-empty', `management network ${request.mgmt.network} has no free IPv${family} address left for node ${asker.node}: use a larger subnet or destroy another lab`, { node: asker.node, family }));
  }
  return new Map([...given].map(([node, value]) => [node, `${formatIp({ family, value })}/${pool.subnet.prefixLength}`]));
}

function poolOf(mgmt: MgmtAddressRequest['mgmt'], family: Family, askers: Asker[], rejections: Rejection[]): MgmtPool | undefined {
  const [subnet, gateway, range] = family === 4 ? [mgmt.ipv4Subnet, mgmt.ipv4Gateway, mgmt.ipv4Range] : [mgmt.ipv6Subnet, mgmt.ipv6Gateway, mgmt.ipv6Range];
  if (subnet === undefined) {
    for (const asker of askers) {
      if (asker.want !== undefined) rejections.push(reject('address-outside-subnet', `node ${asker.node} asks for ${asker.want}, but management network ${mgmt.network} has no IPv${family} subnet`, { node: asker.node, address: asker.want }));
    }
    return undefined;
  }
  const pool = splitMgmtPool({ subnet, gateway, range });
  if (!pool || pool.subnet.family !== family) {
    rejections.push(reject('address-outside-subnet', `management network ${mgmt.network}: IPv${family} subnet ${subnet}, gateway ${gateway ?? '(first)'} and range ${range ?? '(all)'} do not fit together`, { subnet }));
    return undefined;
  }
  return pool;
}

interface StaticScope { pool: MgmtPool; family: Family; holders: Map<bigint, string>; given: Map<NodeId, bigint>; rejections: Rejection[]; network: string }

function giveStatic(asker: Asker, want: string, scope: StaticScope): void {
  const address = parseIp(want.split('/')[0] ?? '');
  const details = { node: asker.node, address: want };
  if (!address || !inSubnet(address, scope.pool.subnet) || !usableInPool(address.value, scope.pool)) {
    scope.rejections.push(reject('address-outside-subnet', `node ${asker.node} asks for ${want}, which is not a free host address of ${formatIp({ family: scope.family, value: scope.pool.subnet.first })}/${scope.pool.subnet.prefixLength} (gateway ${scope.pool.gatewayText}) in management network ${scope.network}`, details));
    return;
  }
  const holder = scope.holders.get(address.value);
  if (holder === undefined) take(asker.node, address.value, scope.holders, scope.given);
  else scope.rejections.push(reject('address-taken', `node ${asker.node} asks for ${want}, which ${holder} holds in management network ${scope.network}`, details));
}

function heldBefore(previous: string | undefined, pool: MgmtPool): bigint | undefined {
  const address = previous === undefined ? undefined : parseIp(previous.split('/')[0] ?? '');
  return address && inSubnet(address, pool.subnet) && usableInPool(address.value, pool) ? address.value : undefined;
}

function take(node: NodeId, value: bigint, holders: Map<bigint, string>, given: Map<NodeId, bigint>): void {
  holders.set(value, `node ${node}`);
  given.set(node, value);
}

/** Our half upwards; when it is full, the engine's half from its top down, where the engine comes last. */
function* freeAddresses(pool: MgmtPool, holders: Map<bigint, string>): Generator<bigint, void> {
  const free = (value: bigint) => usableInPool(value, pool) && !holders.has(value);
  for (let value = pool.leases.first; value <= pool.leases.last; value += 1n) if (free(value)) yield value;
  for (let value = pool.engine.last; value >= pool.engine.first; value -= 1n) if (free(value)) yield value;
}

function takenValues(taken: ReadonlySet<string>, family: Family): Map<bigint, string> {
  const values = new Map<bigint, string>();
  for (const text of taken) {
    const address = parseIp(text.split('/')[0] ?? '');
    if (address?.family === family) values.set(address.value, 'another lab or container');
  }
  return values;
}

function reject(code: Rejection['code'], message: string, details: Record<string, unknown>): Rejection {
  return { code, message, details };
}
