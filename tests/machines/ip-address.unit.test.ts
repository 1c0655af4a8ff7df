// Addresses and subnets: reading, printing in canonical form, halving pools.
import { isIP } from 'node:net';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalIp, formatIp, parseIp, parseSubnet } from '../../machines/vocabulary/ip-address.ts';
import { splitMgmtPool } from '../../machines/vocabulary/mgmt-pool.ts';

describe('addresses', () => {
  it.each([
    ['3fff:172:20:20:0:0:0:2', '3fff:172:20:20::2'],
    ['FD00::0001', 'fd00::1'],
    ['::', '::'],
    ['1::', '1::'],
    ['::ffff:192.0.2.1', '::ffff:c000:201'],
    ['1:0:0:2:0:0:0:3', '1:0:0:2::3'],
    ['1:0:2:3:4:5:6:7', '1:0:2:3:4:5:6:7'],
    ['192.0.2.1/24', '192.0.2.1/24'],
  ])('%s is written %s', (text, canonical) => {
    expect(canonicalIp(text)).toBe(canonical);
  });

  it.each(['', '1.2.3', '1.2.3.256', '01.2.3.4', '1::2::3', ':1', '1:2:3:4:5:6:7:8:9', 'g::', '1.2.3.4.5', '1.2.3.4::'])('%j is none', (text) => {
    expect(parseIp(text)).toBeUndefined();
  });

  it('are read back from what is printed, and nothing is read that the platform refuses', () => {
    fc.assert(fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), (text) => {
      const address = parseIp(text);
      expect(address?.family).toBe(isIP(text));
      expect(address && parseIp(formatIp(address))).toEqual(address);
    }));
  });

  it('drop the host bits of a subnet', () => {
    expect(parseSubnet('172.20.20.77/24')).toEqual(parseSubnet('172.20.20.0/24'));
    expect(parseSubnet('172.20.20.0/33')).toBeUndefined();
  });
});

describe('pools', () => {
  it.each([
    [{ subnet: '172.20.20.0/24' }, '172.20.20.1', '172.20.20.128/25'],
    [{ subnet: '172.20.20.0/24', gateway: '172.20.20.254' }, '172.20.20.254', '172.20.20.128/25'],
    [{ subnet: '172.20.20.0/24', range: '172.20.20.64/26' }, '172.20.20.1', '172.20.20.96/27'],
    [{ subnet: '2001:172:100:100::/80' }, '2001:172:100:100::1', '2001:172:100:100::1:0/112'],
    [{ subnet: 'fd00::/64' }, 'fd00::1', 'fd00::1:0/112'],
  ])('%j has gateway %s and leaves %s to the engine', (wanted, gateway, engine) => {
    expect(splitMgmtPool(wanted)).toMatchObject({ gatewayText: gateway, engineRange: engine });
  });

  it.each([{ subnet: '10.0.0.0/24', gateway: '10.0.1.1' }, { subnet: '10.0.0.0/24', range: '10.0.1.0/25' }, { subnet: '10.0.0.0/24', range: 'fd00::/64' }])('%j does not fit together', (wanted) => {
    expect(splitMgmtPool(wanted)).toBeUndefined();
  });
});
