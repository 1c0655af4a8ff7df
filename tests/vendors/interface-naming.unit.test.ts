// The resolver of kinds and the one of interface names: bijective for every kind, never the management interface.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalInterfaceName, dataPortOf, vendorInterfaceName } from '../../vendors/interface-naming.ts';
import { kindCatalogue } from '../../vendors/kind-catalogue.ts';
import type { KindEntry } from '../../vendors/kind-entry.ts';
import { resolveKind } from '../../vendors/resolve-kind.ts';

const kind = (name: string): KindEntry => {
  const entry = resolveKind(name);
  if (entry === undefined) throw new Error(`no kind ${name}`);
  return entry;
};

describe('catalogue of kinds', () => {
  it('gives every name and alias to one kind only', () => {
    const names = kindCatalogue.flatMap((entry) => [entry.name, ...entry.aliases].map((name) => name.toLowerCase()));
    expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([]);
  });

  it('finds a kind by any name, whatever its case', () => {
    expect(resolveKind('vr-sros')?.name).toBe('nokia_sros');
    expect(resolveKind('CEOS')?.name).toBe('arista_ceos');
    expect(resolveKind('no-such-kind')).toBeUndefined();
  });

  it('runs the kinds of this release', () => {
    expect(kindCatalogue.filter((entry) => entry.runnable).map((entry) => entry.name)).toEqual(['linux', 'bridge', 'ovs-bridge', 'host', 'ext-container']);
  });
});

describe('interface names', () => {
  it('N01: back(forward(n)) = n for every kind and port, and never eth0', () => {
    fc.assert(
      fc.property(fc.constantFrom(...kindCatalogue), fc.integer({ min: 1, max: 4096 }), (entry, port) => {
        const vendor = vendorInterfaceName(entry, port);
        expect(dataPortOf(entry, vendor)).toBe(port);
        expect(canonicalInterfaceName(entry, vendor)).toBe(`eth${port}`);
        expect(canonicalInterfaceName(entry, `eth${port}`)).toBe(`eth${port}`);
      }),
    );
  });

  it('N01: no two ports of a kind share a name', () => {
    for (const entry of kindCatalogue) {
      const names = Array.from({ length: 200 }, (_, index) => vendorInterfaceName(entry, index + 1));
      expect(new Set(names).size).toBe(200);
    }
  });

  it('N01: the management interface is never a data port', () => {
    for (const entry of kindCatalogue) {
      const management = entry.interfaces?.management;
      if (management === undefined) continue;
      expect(canonicalInterfaceName(entry, management)).toBe('eth0');
      expect(dataPortOf(entry, management)).toBeUndefined();
    }
  });

  it('N03: the first data interface of each kind is what its vendor shows', () => {
    const golden: Readonly<Record<string, string>> = {
      nokia_srlinux: 'e1-1',
      arista_ceos: 'Ethernet1',
      juniper_vmx: 'ge-0/0/0',
      juniper_vjunosswitch: 'ge-0/0/0',
      cisco_xrv9k: 'GigabitEthernet0/0/0/0',
      cisco_xrd: 'GigabitEthernet0/0/0/0',
      cisco_vios: 'GigabitEthernet0/0',
      cisco_csr1000v: 'GigabitEthernet1',
      cisco_c8000v: 'GigabitEthernet1',
      cisco_n9kv: 'Ethernet1/1',
      cisco_cat9kv: 'GigabitEthernet1/0/1',
      cisco_iol: 'Ethernet0/0',
      paloalto_panos: 'ethernet1/1',
      fortinet_fortigate: 'port1',
      'sonic-vs': 'Ethernet0',
      nvidia_cumulusvx: 'swp1',
      linux: 'eth1',
    };
    expect(Object.fromEntries(Object.keys(golden).map((name) => [name, vendorInterfaceName(kind(name), 1)]))).toEqual(golden);
  });

  it('N03: a number below the first interface of a kind is no interface', () => {
    expect(dataPortOf(kind('cisco_csr1000v'), 'GigabitEthernet0')).toBeUndefined();
    expect(dataPortOf(kind('arista_ceos'), 'Ethernet0')).toBeUndefined();
    expect(dataPortOf(kind('cisco_vios'), 'GigabitEthernet0/0')).toBe(1);
    expect(dataPortOf(kind('cisco_csr1000v'), 'GigabitEthernet01')).toBeUndefined();
  });

  it('N04: Ethernet1/0 of an IOL with slots of four is its fifth data port', () => {
    expect(dataPortOf(kind('cisco_iol'), 'Ethernet1/0')).toBe(5);
    expect(vendorInterfaceName(kind('cisco_iol'), 8)).toBe('Ethernet1/3');
    expect(dataPortOf(kind('cisco_iol'), 'Ethernet0/4')).toBeUndefined();
  });

  it('takes abbreviations and other spellings of a vendor name', () => {
    expect(dataPortOf(kind('cisco_vios'), 'Gi0/3')).toBe(4);
    expect(dataPortOf(kind('arista_ceos'), 'et7')).toBe(7);
    expect(dataPortOf(kind('nokia_srlinux'), 'ethernet-1/49')).toBe(49);
    // Zero based kinds: "Eth1" is our eth1, not the vendor's second port.
    expect(dataPortOf(kind('sonic-vs'), 'Eth1')).toBe(1);
    expect(dataPortOf(kind('sonic-vs'), 'Ethernet1')).toBe(2);
  });

  it('refuses ports that do not count from 1', () => {
    expect(() => vendorInterfaceName(kind('linux'), 0)).toThrow(RangeError);
  });
});
