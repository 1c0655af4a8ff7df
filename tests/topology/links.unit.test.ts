// Links in all their forms: one canonical id for a link however it is written, each interface used once.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { accepted, refused, twoNodes } from './read-fixture.ts';

const ids = (links: string): string[] => accepted(twoNodes(links)).lab.links.map((link) => link.id);
const first = (links: string): ReturnType<typeof accepted>['lab']['links'][number] | undefined => accepted(twoNodes(links)).lab.links[0];

describe('identity of a link', () => {
  it('N02: three spellings are one link', () => {
    const { lab, warnings } = accepted(
      twoNodes(`    - endpoints: ["b1:eth1", "a1:eth1"]
    - endpoints: [a1:eth1, b1:eth1]
    - type: veth
      endpoints: [{node: b1, interface: " eth1 "}, {node: a1, interface: eth1}]`),
    );
    expect(lab.links.map((link) => link.id)).toEqual(['a1:eth1--b1:eth1']);
    expect(warnings.map((issue) => issue.code)).toEqual(['link-repeated', 'link-repeated']);
  });

  it('N02: the order of ends and of links does not matter', () => {
    const end = fc.tuple(fc.constantFrom('a1', 'b1'), fc.integer({ min: 1, max: 4 })).map(([node, port]) => `${node}:eth${port}`);
    const links = fc.uniqueArray(fc.tuple(end, end), { maxLength: 4 });
    fc.assert(
      fc.property(links, fc.array(fc.boolean(), { minLength: 4, maxLength: 4 }), (list, flips) => {
        const flat = list.flat();
        fc.pre(new Set(flat).size === flat.length && flat.length > 0);
        const written = list.map(([x, y]) => `    - endpoints: ["${x}", "${y}"]`).join('\n');
        const other = list.toReversed().map(([x, y], index) => (flips[index] === true ? `    - endpoints: ["${y}", "${x}"]` : `    - endpoints: ["${x}", "${y}"]`)).join('\n');
        expect(accepted(twoNodes(written)).lab.links).toEqual(accepted(twoNodes(other)).lab.links);
      }),
      { numRuns: 40 },
    );
  });

  it('S02: a link may take the ends, and so the id, of a link that was removed', () => {
    const before = ids('    - endpoints: ["a1:eth1", "b1:eth1"]\n    - endpoints: ["a1:eth2", "b1:eth2"]');
    const after = ids('    - endpoints: ["a1:eth1", "b1:eth1"]');
    expect(before).toEqual(['a1:eth1--b1:eth1', 'a1:eth2--b1:eth2']);
    expect(after).toEqual(['a1:eth1--b1:eth1']);
    expect(ids('    - endpoints: ["b1:eth2", "a1:eth2"]')).toEqual(['a1:eth2--b1:eth2']);
  });

  it('refuses two different links that would have one id', () => {
    const text = `name: t
topology:
  defaults: {kind: linux, image: x}
  nodes: {a1: , y1: , x--y1: }
  links:
    - endpoints: ["a1:e--x", "y1:f"]
    - endpoints: ["a1:e", "x--y1:f"]
`;
    expect(refused(text)).toEqual(['link-id-taken']);
  });
});

describe('forms of links', () => {
  it('host, mgmt-net and macvlan by brief and by long form', () => {
    expect(ids('    - endpoints: ["a1:eth1", "host:up"]')).toEqual(ids('    - {type: host, host-interface: up, endpoint: {node: a1, interface: eth1}}'));
    expect(ids('    - endpoints: ["mgmt-net:m1", "a1:eth1"]')).toEqual(ids('    - {type: mgmt-net, host-interface: m1, endpoint: {node: a1, interface: eth1}}'));
    expect(ids('    - endpoints: ["macvlan:ens3", "a1:eth1"]')).toEqual(ids('    - {type: macvlan, host-interface: ens3, endpoint: {node: a1, interface: eth1}}'));
    expect(first('    - {type: macvlan, host-interface: ens3, mode: vepa, endpoint: {node: a1, interface: eth1}}')?.b).toEqual({ at: 'macvlan', parent: 'ens3', mode: 'vepa' });
  });

  it('vxlan and vxlan-stitch, with the port of the field unless one is given', () => {
    const vxlan = first('    - {type: vxlan, remote: 192.0.2.1, vni: 100, endpoint: {node: b1, interface: eth1}}');
    expect(vxlan).toMatchObject({ id: 'b1:eth1--vxlan:192.0.2.1/100', b: { at: 'vxlan', udpPort: 14_789, stitch: false } });
    expect(first('    - {type: vxlan-stitch, remote: h2.test, vni: 7, udp-port: 5000, src-port: 6000, endpoint: {node: b1, interface: eth1}}')?.b).toEqual({ at: 'vxlan', remote: 'h2.test', vni: 7, udpPort: 5000, srcPort: 6000, stitch: true });
    expect(first('    - {type: vxlan, remote: 192.0.2.1, vni: 100, parent-interface: ens4, endpoint: {node: b1, interface: eth1}}')?.b).toMatchObject({ at: 'vxlan', parent: 'ens4' });
  });

  it('a parent interface that no interface can be called is refused', () => {
    expect(refused(twoNodes('    - {type: vxlan, remote: 192.0.2.1, vni: 100, parent-interface: "ens 4", endpoint: {node: b1, interface: eth1}}'))).toEqual(['interface-invalid']);
  });

  it('mtu, labels, vars and MAC addresses in any notation', () => {
    expect(first('    - {endpoints: ["a1:eth1", "b1:eth1"], mtu: 1400, labels: {colour: 1}, vars: {x: [1, {y: z}]}}')).toMatchObject({ mtu: 1400, labels: { colour: '1' }, vars: { x: [1, { y: 'z' }] } });
    expect(first('    - {type: veth, endpoints: [{node: a1, interface: eth1, mac: 02-AA-00-00-00-01}, {node: b1, interface: eth1, mac: 02aa.0000.0002}]}')).toMatchObject({ a: { mac: '02:aa:00:00:00:01' }, b: { mac: '02:aa:00:00:00:02' } });
  });

  it('addresses and vars of an end, whichever side of the id it comes to stand on', () => {
    const link = first('    - {type: veth, ipv4: [10.0.0.2/24, ""], endpoints: [{node: b1, interface: eth1, vars: {as: 2}}, {node: a1, interface: eth1, ipv6: "fd00::1/64"}]}');
    expect(link).toMatchObject({ a: { node: 'a1', ipv6: 'fd00::1/64' }, b: { node: 'b1', ipv4: '10.0.0.2/24' }, endVars: { a: {}, b: { as: 2 } } });
    expect([link?.a, link?.b].map((end) => Object.entries(end ?? {}).filter(([key, value]) => key.startsWith('ipv') && value !== undefined))).toEqual([[['ipv6', 'fd00::1/64']], [['ipv4', '10.0.0.2/24']]]);
    expect(first('    - endpoints: ["a1:eth1", "b1:eth1"]')).not.toHaveProperty('endVars');
    expect(refused(twoNodes('    - {endpoints: ["a1:eth1", "b1:eth1"], ipv4: [10.0.0.300/24, "fd00::1/64"]}'))).toEqual(['address-invalid', 'address-invalid']);
    expect(accepted(twoNodes('    - {endpoints: ["a1:eth1", "host:up"], ipv4: [10.0.0.1/24, 10.0.0.2/24]}')).warnings).toMatchObject([{ code: 'key-not-honoured', path: 'topology.links[0].endpoints[1].ipv4' }]);
  });

  it('bridges on the host and in the namespace of a node', () => {
    const { lab } = accepted(`name: t
topology:
  nodes:
    n1: {kind: linux, image: x}
    sw: {kind: bridge}
    br0|n1: {kind: bridge}
    br1: {kind: bridge, network-mode: "container:n1"}
    ovs: {kind: ovs-bridge}
    me: {kind: host}
  links:
    - endpoints: ["n1:eth1", "sw:p1"]
    - endpoints: ["n1:eth2", "br0|n1:p2"]
    - endpoints: ["n1:eth3", "br1:p3"]
    - endpoints: ["n1:eth4", "ovs:p4"]
    - endpoints: ["n1:eth5", "me:p5"]
`);
    expect(lab.links.map((link) => (link.a.at === 'node' ? link.b : link.a))).toEqual([
      { at: 'node-bridge', node: 'br0|n1', inside: 'n1', bridge: 'br0', interface: 'p2' },
      { at: 'node-bridge', node: 'br1', inside: 'n1', bridge: 'br1', interface: 'p3' },
      { at: 'host', interface: 'p5' },
      { at: 'bridge', node: 'sw', bridge: 'sw', interface: 'p1' },
      { at: 'bridge', node: 'ovs', bridge: 'ovs', interface: 'p4' },
    ]);
  });

  it('reads brief ends under a type with a warning', () => {
    const { lab, warnings } = accepted(twoNodes('    - {type: veth, endpoints: ["a1:eth1", "b1:eth1"]}'));
    expect(lab.links).toHaveLength(1);
    expect(warnings.map((issue) => issue.code)).toEqual(['link-form']);
  });

  it('names that the kernel does not take are renamed, and never meet unseen', () => {
    const { lab, warnings } = accepted(twoNodes('    - endpoints: ["a1:a-very-long-interface-name-1", "b1:x/y"]\n    - endpoints: ["a1:a-very-long-interface-name-2", "b1:eth1"]'));
    const names = lab.links.flatMap((link) => [link.a, link.b]).map((end) => ('interface' in end ? end.interface : ''));
    expect(names.every((name) => name.length <= 15 && !name.includes('/'))).toBe(true);
    expect(new Set(names).size).toBe(4);
    expect(warnings.map((issue) => issue.code)).toEqual(['interface-renamed', 'interface-renamed', 'interface-renamed']);
  });

  it('a name that is too long is kept as an alternative name inside a container, not elsewhere', () => {
    const { lab } = accepted(twoNodes('    - endpoints: ["a1:GigabitEthernet0/0/0/1", "b1:eth1"]\n    - endpoints: ["a1:eth2", "host:a-very-long-interface-name"]'));
    expect(lab.links.flatMap((link) => [link.a, link.b]).map((end) => ('altname' in end ? end.altname : undefined)).filter(Boolean)).toEqual(['GigabitEthernet0-0-0-1']);
    expect(lab.links.map((link) => link.id)).toEqual(['a1:GigabitE-yfj85l--b1:eth1', expect.stringMatching(/^a1:eth2--host:a-very-l-/)]);
  });
});

describe('interfaces', () => {
  it('refuses one that is used twice, also over nodes that share a namespace and on the host', () => {
    expect(refused(twoNodes('    - endpoints: ["a1:eth1", "b1:eth1"]\n    - endpoints: ["a1:eth1", "b1:eth2"]'))).toEqual(['interface-twice']);
    expect(refused(twoNodes('    - endpoints: ["a1:eth1", "host:x"]\n    - endpoints: ["b1:eth1", "mgmt-net:x"]'))).toEqual(['interface-twice']);
    expect(refused('name: t\ntopology: {defaults: {kind: linux, image: x}, nodes: {n1: , n2: {network-mode: "container:n1"}, n3: }, links: [{endpoints: ["n1:eth1", "n3:eth1"]}, {endpoints: ["n2:eth1", "n3:eth2"]}]}')).toEqual(['interface-twice']);
  });

  it('keeps eth0 for management unless the node has none', () => {
    expect(refused(twoNodes('    - endpoints: ["a1:eth0", "b1:eth1"]'))).toEqual(['interface-reserved']);
    expect(accepted('name: t\ntopology: {defaults: {kind: linux, image: x, network-mode: none}, nodes: {n1: , n2: }, links: [{endpoints: ["n1:eth0", "n2:eth0"]}]}').lab.links).toHaveLength(1);
  });

  it('sees nodes in the network of the host as the host', () => {
    expect(accepted('name: t\ntopology: {defaults: {kind: linux, image: x}, nodes: {n1: , n2: {network-mode: host}}, links: [{endpoints: ["n1:eth1", "n2:up"]}]}').lab.links[0]?.id).toBe('host:up--n1:eth1');
  });
});

describe('node filter', () => {
  const text = 'name: t\ntopology: {defaults: {kind: linux, image: x}, nodes: {n1: , n2: , n3: {kind: srl}}, links: [{endpoints: ["n1:eth1", "n2:eth1"]}, {endpoints: ["n2:eth2", "n3:e1-1"]}, {endpoints: ["n1:eth3", "host:h3"]}]}';

  it('keeps the named nodes and the links between them, and judges nothing else', () => {
    const { lab } = accepted(text, { nodeFilter: ['n1', 'n2'] });
    expect(lab.nodes.map((node) => node.id)).toEqual(['n1', 'n2']);
    expect(lab.links.map((link) => link.id)).toEqual(['host:h3--n1:eth3', 'n1:eth1--n2:eth1']);
    expect(accepted(text, { nodeFilter: ['n1'] }).lab.links.map((link) => link.id)).toEqual(['host:h3--n1:eth3']);
  });

  it('refuses names that are no nodes', () => expect(refused(text, { nodeFilter: ['n1', 'n9'] })).toEqual(['node-filter-unknown']));
});
