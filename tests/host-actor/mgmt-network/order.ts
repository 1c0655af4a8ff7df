// Builder of management network orders for tests.
import type { MgmtOrder } from '../../../host-actor/mgmt-network/mgmt-order.ts';

/** An order with the subnets that the tests use. */
export function order(lab: string, changes: Partial<Omit<MgmtOrder, 'mgmt'>> & { mgmt?: Partial<MgmtOrder['mgmt']> } = {}): MgmtOrder {
  return {
    lab,
    nodes: changes.nodes ?? [],
    bridges: changes.bridges ?? [],
    ...(changes.tunnel === undefined ? {} : { tunnel: changes.tunnel }),
    mgmt: {
      network: 'tmgmt-net', bridge: 'tmgmt0', ipv4Subnet: '172.31.240.0/24', ipv6Subnet: 'fd00:31:240::/64', mtu: 1500,
      externalAccess: true, isolated: false, ...changes.mgmt,
    },
  };
}
