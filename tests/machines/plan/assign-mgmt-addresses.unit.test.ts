// Management addresses: who gets which, what is refused, and that nothing is given twice.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { assignMgmtAddresses } from '../../../machines/plan/assign-mgmt-addresses.ts';
import type { MgmtAddressRequest } from '../../../machines/plan/assign-mgmt-addresses.ts';
import { NodeId } from '../../../machines/vocabulary/ids.ts';

const id = (text: string) => NodeId.parse(text);
const mgmt = { network: 'clab', ipv4Subnet: '172.20.20.0/24', ipv6Subnet: '3fff:172:20:20::/64' };
const ask = (changes: Partial<MgmtAddressRequest>) => assignMgmtAddresses({ mgmt, nodes: [], taken: new Set(), previous: {}, ...changes });
const given = (changes: Partial<MgmtAddressRequest>) => {
  const result = ask(changes);
  if (!result.ok) throw new Error(JSON.stringify(result.rejections));
  return result.addresses;
};
const codes = (changes: Partial<MgmtAddressRequest>) => {
  const result = ask(changes);
  return result.ok ? [] : result.rejections.map((rejection) => rejection.code);
};

describe('management addresses', () => {
  it('are the lowest free ones after the gateway, in the order of node names', () => {
    expect(given({ nodes: [{ id: id('b') }, { id: id('a') }] })).toEqual({
      a: { ipv4: '172.20.20.2/24', ipv6: '3fff:172:20:20::2/64' },
      b: { ipv4: '172.20.20.3/24', ipv6: '3fff:172:20:20::3/64' },
    });
  });

  it('are static where the file asks, and others go around them', () => {
    const nodes = [{ id: id('a') }, { id: id('b'), wantIpv4: '172.20.20.2', wantIpv6: '3fff:172:20:20:0:0:0:2' }];
    expect(given({ nodes })).toEqual({
      a: { ipv4: '172.20.20.3/24', ipv6: '3fff:172:20:20::3/64' },
      b: { ipv4: '172.20.20.2/24', ipv6: '3fff:172:20:20::2/64' },
    });
  });

  it('stay with their nodes when others come and go', () => {
    const previous = { c: { ipv4: '172.20.20.4/24', ipv6: '3fff:172:20:20::4/64' } };
    expect(given({ nodes: [{ id: id('a') }, { id: id('c') }], previous })['c' as NodeId]).toEqual(previous.c);
  });

  it('come from the range of the file', () => {
    expect(given({ mgmt: { network: 'n', ipv4Subnet: '10.0.0.0/16', ipv4Range: '10.0.7.0/24' }, nodes: [{ id: id('a') }] })).toEqual({ a: { ipv4: '10.0.7.0/16' } });
  });

  it('go on from the top of the other half when the lower one is full', () => {
    const small = { network: 'n', ipv4Subnet: '10.0.0.0/29' };
    const nodes = ['a', 'b', 'c', 'd', 'e'].map((name) => ({ id: id(name) }));
    expect(Object.values(given({ mgmt: small, nodes })).map((address) => address.ipv4)).toEqual(['10.0.0.2/29', '10.0.0.3/29', '10.0.0.6/29', '10.0.0.5/29', '10.0.0.4/29']);
  });

  it('are refused when the pool is empty, once for each node without one', () => {
    const nodes = ['a', 'b', 'c'].map((name) => ({ id: id(name) }));
    expect(codes({ mgmt: { network: 'n', ipv4Subnet: '10.0.0.0/30' }, nodes })).toEqual(['address-pool-empty', 'address-pool-empty']);
  });

  it.each([
    ['outside the subnet', '172.20.21.2', 'address-outside-subnet'],
    ['the gateway', '172.20.20.1', 'address-outside-subnet'],
    ['the broadcast address', '172.20.20.255', 'address-outside-subnet'],
    ['no address', 'nonsense', 'address-outside-subnet'],
    ['held by another lab', '172.20.20.9', 'address-taken'],
  ])('are refused when %s is asked for', (_what, wantIpv4, code) => {
    expect(codes({ nodes: [{ id: id('a'), wantIpv4 }], taken: new Set(['172.20.20.9']) })).toEqual([code]);
  });

  it('are refused for two nodes that ask for the same, and all faults come at once', () => {
    const nodes = [{ id: id('a'), wantIpv4: '172.20.20.5' }, { id: id('b'), wantIpv4: '172.20.20.5', wantIpv6: '::1' }];
    expect(codes({ nodes })).toEqual(['address-taken', 'address-outside-subnet']);
  });

  it('need a subnet of their family', () => {
    expect(codes({ mgmt: { network: 'n', ipv4Subnet: '10.0.0.0/24' }, nodes: [{ id: id('a'), wantIpv6: 'fd00::5' }] })).toEqual(['address-outside-subnet']);
  });

  it('never collide and stay the same when assigned again', () => {
    const octet = fc.integer({ min: 2, max: 60 });
    const node = fc.record({ name: fc.stringMatching(/^[a-z]{1,3}$/), want: fc.option(octet, { nil: undefined }) });
    fc.assert(fc.property(fc.uniqueArray(node, { selector: (one) => one.name, maxLength: 30 }), fc.uniqueArray(octet, { maxLength: 20 }), (wishes, taken) => {
      const used = new Set<number>(taken);
      const nodes = wishes.map(({ name, want }) => {
        const free = want !== undefined && !used.has(want) && used.add(want);
        return { id: id(name), ...(free ? { wantIpv4: `172.20.20.${want}` } : {}) };
      });
      const holders = new Set(taken.map((last) => `172.20.20.${last}`));
      const first = given({ nodes, taken: holders });
      const all = Object.values(first).flatMap((address) => [address.ipv4, address.ipv6]);
      expect(new Set(all).size).toBe(all.length);
      expect(all.some((address) => holders.has((address ?? '').split('/')[0] ?? ''))).toBe(false);
      expect(given({ nodes: nodes.toReversed(), taken: holders, previous: first })).toEqual(first);
    }));
  });
});
