// A link added by hand: its ends, and what is refused.
import { describe, expect, it } from 'vitest';
import { addLink } from '../../cli/add-link.ts';
import { aLab, aLink, aNode } from '../support/lab-builders.ts';

const lab = aLab([aNode('a'), aNode('b')], [aLink('a:eth1', 'b:eth1')]);

describe('addLink', () => {
  it('takes nodes by their own and their container names, and keeps links in order', () => {
    const { lab: after, link } = addLink(lab, { a: `${lab.nodes[1]?.containerName}:eth2`, b: 'a:eth2', mtu: 1400 });
    expect(link).toMatchObject({ id: 'a:eth2--b:eth2', a: { at: 'node', node: 'a', interface: 'eth2' }, b: { at: 'node', node: 'b', interface: 'eth2' }, mtu: 1400 });
    expect(after.links.map(({ id }) => id)).toEqual(['a:eth1--b:eth1', 'a:eth2--b:eth2']);
  });

  it('makes interface names fit as lab files do; the whole name is a second one', () => {
    const { link } = addLink(lab, { a: 'a:GigabitEthernet0/0/0/1', b: 'b:eth2' });
    expect(link.a).toMatchObject({ interface: expect.stringMatching(/^GigabitE-\w{6}$/), altname: 'GigabitEthernet0-0-0-1' });
  });

  it.each([
    ['a:eth1', 'b:eth2', 'interface-taken'],
    ['c:eth1', 'b:eth2', 'bad-endpoint'],
    ['a:', 'b:eth2', 'bad-endpoint'],
    ['a:lo', 'b:eth2', 'bad-endpoint'],
    ['bridge:br0:x:y', 'b:eth2', 'bad-endpoint'],
    ['bridge:br0:x', 'b:eth2', 'bad-endpoint'],
    ['host:v1', 'mgmt-net:v2', 'link-without-node'],
  ])('refuses %s with %s: %s', (a, b, code) => {
    expect(() => addLink(lab, { a, b })).toThrow(expect.objectContaining({ code }));
  });
});
