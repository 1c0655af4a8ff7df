// Generated fabrics are lab files that are accepted; the editor schema is made from what files are read with.
import { describe, expect, it } from 'vitest';
import { generateTopology, parseByKind, parseTiers } from '../../topology/generate-topology.ts';
import { renderLabSchema } from '../../topology/lab-schema.ts';
import { accepted } from './read-fixture.ts';

const tiers = (words: string[], kind = 'linux') => {
  const parsed = parseTiers(words, kind);
  if ('error' in parsed) throw new Error(parsed.error);
  return parsed.tiers;
};

describe('generated fabrics', () => {
  it('link every node of a tier to every node of the next', () => {
    const text = generateTopology({ name: 'fabric', tiers: tiers(['4,2,1']), images: { linux: 'alpine:3' } });
    const { lab, warnings } = accepted(text);
    expect(warnings).toEqual([]);
    expect(lab.nodes.map((node) => node.id)).toEqual(['node1-1', 'node1-2', 'node1-3', 'node1-4', 'node2-1', 'node2-2', 'node3-1']);
    expect(lab.links).toHaveLength(4 * 2 + 2);
    expect(lab.links.map((link) => link.id)).toContain('node2-1:eth5--node3-1:eth1');
    expect(lab.nodes[0]).toMatchObject({ kind: 'linux', group: 'tier-1', image: 'alpine:3' });
  });

  it('take kind and type by tier, prefixes, network and images by kind', () => {
    const text = generateTopology({ name: 'f', tiers: tiers(['1:srl:ixrd3', '1:linux']), images: { linux: 'a', srl: 'b' }, licenses: { srl: 'l.key' }, network: 'net', ipv4Subnet: '192.0.2.0/24', nodePrefix: 'n', groupPrefix: 'g' });
    expect(text).toBe(`name: f
mgmt:
  network: net
  ipv4-subnet: 192.0.2.0/24
topology:
  kinds:
    linux:
      image: a
    srl:
      image: b
      license: l.key
  nodes:
    n1-1:
      kind: srl
      type: ixrd3
      group: g-1
    n2-1:
      kind: linux
      group: g-2
  links:
    - endpoints:
        - n1-1:e1-1
        - n2-1:eth1
`);
  });

  it('refuse what is no tier', () => {
    expect(parseTiers([''], 'linux')).toHaveProperty('error');
    expect(parseTiers(['0'], 'linux')).toHaveProperty('error');
    expect(parseTiers(['2:nope'], 'linux')).toEqual({ error: 'the kind "nope" is not known' });
    expect(parseByKind(['a', 'linux=b'], 'linux')).toEqual({ error: 'kind linux is given twice' });
    expect(parseByKind(['a', 'srl=b=c'], 'linux')).toEqual({ byKind: { linux: 'a', srl: 'b=c' } });
  });
});

describe('editor schema', () => {
  it('describes name, topology and all link forms', () => {
    const schema: unknown = JSON.parse(renderLabSchema());
    expect(schema).toMatchObject({ required: ['name', 'topology'], properties: { topology: { properties: { links: { items: { anyOf: expect.any(Array) } } } } } });
  });
});
