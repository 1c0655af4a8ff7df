// The management network of a lab file: default ranges, what replaces them, addresses that fit.
import { describe, expect, it } from 'vitest';
import { accepted, refused } from './read-fixture.ts';

const lab = (mgmt: string, node = ''): string => `name: t\n${mgmt}\ntopology: {nodes: {n1: {kind: linux, image: x${node}}}}`;

describe('management network', () => {
  it('is called clab and has both usual ranges', () => {
    expect(accepted(lab('')).lab.mgmt).toEqual({ network: 'clab', ipv4Subnet: '172.20.20.0/24', ipv6Subnet: '3fff:172:20:20::/64', externalAccess: true, isolated: false, driverOpts: {} });
  });

  it('keeps the usual ranges under another name', () => expect(accepted(lab('mgmt: {network: mine}')).lab.mgmt).toMatchObject({ network: 'mine', ipv4Subnet: '172.20.20.0/24', ipv6Subnet: '3fff:172:20:20::/64' }));

  it('has only the ranges that are given, an empty one is none', () => {
    expect(accepted(lab('mgmt: {ipv4-subnet: 192.0.2.0/24, ipv6-subnet: ""}')).lab.mgmt.ipv6Subnet).toBeUndefined();
    expect(accepted(lab('mgmt: {ipv6-subnet: "2001:db8::/64"}')).lab.mgmt.ipv4Subnet).toBeUndefined();
  });

  it('takes all its other keys', () => {
    expect(accepted(lab('mgmt: {bridge: br-x, mtu: 1400, external-access: false, ipv4-subnet: 192.0.2.0/24, ipv4-gw: 192.0.2.254, ipv4-range: 192.0.2.128/25, driver-opts: {a: 1}}')).lab.mgmt).toEqual({
      network: 'clab',
      bridge: 'br-x',
      ipv4Subnet: '192.0.2.0/24',
      ipv4Gateway: '192.0.2.254',
      ipv4Range: '192.0.2.128/25',
      mtu: 1400,
      externalAccess: false,
      isolated: false,
      driverOpts: { a: '1' },
    });
  });

  it('writes fixed addresses in one form and finds them twice in any form', () => {
    expect(accepted(lab('', ', mgmt-ipv6: "3FFF:172:20:20:0::99"')).lab.nodes[0]?.mgmtIpv6).toBe('3fff:172:20:20::99');
    expect(refused('name: t\ntopology: {defaults: {kind: linux, image: x}, nodes: {n1: {mgmt-ipv6: "3fff:172:20:20::99"}, n2: {mgmt-ipv6: "3fff:172:20:20:0::0099"}}}')).toEqual(['address-twice']);
  });

  it('refuses the gateway as address of a node', () => expect(refused(lab('', ', mgmt-ipv4: 172.20.20.1'))).toEqual(['address-reserved']));

  it('only warns of an address outside when the network may exist already', () => {
    expect(refused(lab('', ', mgmt-ipv4: 10.0.0.5'))).toEqual(['address-outside']);
    expect(accepted(lab('mgmt: {network: theirs}', ', mgmt-ipv4: 10.0.0.5')).warnings.map((issue) => issue.code)).toEqual(['address-outside']);
  });

  it('refuses host ports that meet, and only those', () => {
    const two = (a: string, b: string): string => `name: t\ntopology: {defaults: {kind: linux, image: x}, nodes: {n1: {ports: ["${a}"]}, n2: {ports: ["${b}"]}}}`;
    expect(refused(two('80:80', '127.0.0.1:80:8080'))).toEqual(['host-port-twice']);
    expect(refused(two('0.0.0.0:80:80', '192.0.2.1:80:80'))).toEqual(['host-port-twice']);
    expect(accepted(two('127.0.0.1:80:80', '127.0.0.2:80:80')).warnings).toEqual([]);
    expect(accepted(two('53:53/udp', '53:53/tcp')).warnings).toEqual([]);
    expect(accepted(two('80', '80')).warnings).toEqual([]);
  });
});
