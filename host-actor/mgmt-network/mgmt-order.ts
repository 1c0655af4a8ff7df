// What a lab wants of its management network on this host, and its translation into the host's record.
import { createHash } from 'node:crypto';
import type { PublishedPort } from '../../machines/vocabulary/lab-spec.ts';
import type { MgmtLab, MgmtNet, MgmtTunnel } from './mgmt-network-state.ts';

/** Fits the `network.ensure` order as it is; what that order does not carry yet is optional. */
export interface MgmtOrder {
  readonly lab: string;
  readonly mgmt: {
    readonly network: string;
    /** Empty or absent = ours to name. */
    readonly bridge?: string | undefined;
    readonly ipv4Subnet?: string | undefined;
    readonly ipv4Gateway?: string | undefined;
    readonly ipv4Range?: string | undefined;
    readonly ipv6Subnet?: string | undefined;
    readonly ipv6Gateway?: string | undefined;
    readonly ipv6Range?: string | undefined;
    readonly mtu: number;
    /** False: nothing new comes in from outside but to published ports. The way out stays, as with the peer. */
    readonly externalAccess: boolean;
    /** True: on the management segment the lab sees only itself and the gateway. */
    readonly isolated: boolean;
    readonly driverOpts?: Readonly<Record<string, string>> | undefined;
  };
  readonly nodes: readonly {
    readonly node: string;
    /** With or without prefix length. */
    readonly ipv4?: string | undefined;
    readonly ipv6?: string | undefined;
    readonly ports: readonly PublishedPort[];
    /** Name of the node's port on the bridge; needed for isolation of all frames and for plugging in again. */
    readonly device?: string | undefined;
  }[];
  /** The way to the lab's other hosts. */
  readonly tunnel?: MgmtTunnel | undefined;
  /** Bridges of kind `bridge` that the lab is plugged into. */
  readonly bridges: readonly string[];
}

export function labOf(order: MgmtOrder, onOurs: boolean): MgmtLab {
  const bare = (address: string | undefined) => address?.split('/')[0];
  return {
    lab: order.lab,
    ...(onOurs ? { network: order.mgmt.network, mtu: order.mgmt.mtu } : {}),
    ...(onOurs && order.tunnel ? { tunnel: order.tunnel } : {}),
    externalAccess: order.mgmt.externalAccess,
    isolated: order.mgmt.isolated,
    nodes: order.nodes.map((node) => {
      const [ipv4, ipv6] = [bare(node.ipv4), bare(node.ipv6)];
      return {
        node: node.node,
        ports: [...node.ports],
        ...(ipv4 === undefined ? {} : { ipv4 }),
        ...(ipv6 === undefined ? {} : { ipv6 }),
        ...(node.device === undefined ? {} : { device: node.device }),
      };
    }).toSorted((a, b) => (a.node < b.node ? -1 : 1)),
    bridges: order.bridges.toSorted(),
  };
}

export function networkOf(order: MgmtOrder): MgmtNet {
  const { mgmt } = order;
  return {
    network: mgmt.network,
    bridge: mgmt.bridge ?? '',
    bridgeMadeBy: mgmt.bridge === undefined || mgmt.bridge === '' ? 'engine' : 'us',
    mtu: mgmt.mtu,
    driverOpts: { ...mgmt.driverOpts },
    addedAddresses: [],
    keep: false,
    ...(mgmt.ipv4Subnet === undefined ? {} : { ipv4Subnet: mgmt.ipv4Subnet }),
    ...(mgmt.ipv4Gateway === undefined ? {} : { ipv4Gateway: mgmt.ipv4Gateway }),
    ...(mgmt.ipv4Range === undefined ? {} : { ipv4Range: mgmt.ipv4Range }),
    ...(mgmt.ipv6Subnet === undefined ? {} : { ipv6Subnet: mgmt.ipv6Subnet }),
    ...(mgmt.ipv6Gateway === undefined ? {} : { ipv6Gateway: mgmt.ipv6Gateway }),
    ...(mgmt.ipv6Range === undefined ? {} : { ipv6Range: mgmt.ipv6Range }),
  };
}

export function sameSubnets(a: MgmtNet, b: MgmtNet): boolean {
  return a.ipv4Subnet === b.ipv4Subnet && a.ipv6Subnet === b.ipv6Subnet && a.ipv4Gateway === b.ipv4Gateway && a.ipv6Gateway === b.ipv6Gateway;
}

/** Bridge name of a network whose bridge the file does not name: `br-` and 12 hex digits, as an engine's would be, but known before. */
export function ownBridgeName(owner: string, network: string): string {
  return `br-${createHash('sha256').update(`${owner}/${network}`).digest('hex').slice(0, 12)}`;
}

/** `labwright-<6 hex digits>`: two installations on one host must not replace each other's rules. */
export function defaultTable(owner: string): string {
  return `labwright-${createHash('sha256').update(owner).digest('hex').slice(0, 6)}`;
}
