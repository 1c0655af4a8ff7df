// Where each setting of a node comes from: the layer, the line, and what it took the place of.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { explainNode } from '../../topology/explain-node.ts';
import { mergeRuleOf } from '../../topology/merge-rules.ts';
import type { NodeKey } from '../../topology/node-file-schema.ts';

const FILE = `name: t
topology:
  defaults:
    image: alpine:1
    env: {A: d, B: d}
    exec: [one]
    cap-add: [NET_ADMIN]
    mgmt-ipv4: 172.20.20.7
  kinds:
    linux: {image: "alpine:2", restart-policy: "no", license: k.lic}
  groups:
    g: {exec: [two], binds: ["/g:/a", "/g:/b"]}
  nodes:
    n1:
      kind: linux
      group: g
      image: alpine:\${V:=3}
      env: {B: n, NO_PROXY: own}
      binds: ["/n:/a"]
      cap-add: [SYS_ADMIN, NET_ADMIN]
    n2: {kind: linux}
`;

function explain(key: string, node = 'n1') {
  const explained = explainNode({ text: FILE, path: '/labs/t.clab.yml', folder: '/labs', env: {} }, node);
  if (!('settings' in explained)) throw new Error(JSON.stringify(explained));
  return explained.settings.filter((setting) => setting.key === key || setting.key.startsWith(`${key}.`) || setting.key.startsWith(`${key}[`));
}

describe('explain', () => {
  it('names the layer and line of a value, and each value that it took the place of', () => {
    expect(explain('image')).toEqual([{
      key: 'image', value: 'alpine:3', layer: 'node', path: 'topology.nodes.n1.image', line: 17, column: 14,
      overridden: [expect.objectContaining({ value: 'alpine:2', layer: 'kind', line: 10 }), expect.objectContaining({ value: 'alpine:1', layer: 'defaults', line: 4 })],
    }]);
  });
  it('takes maps entry by entry', () => {
    const written = explain('env').filter(({ layer }) => layer !== 'lab');
    expect(written.map(({ key, value, layer }) => [key, value, layer])).toEqual([['env.A', 'd', 'defaults'], ['env.B', 'n', 'node'], ['env.NO_PROXY', expect.stringMatching(/^own,localhost/), 'node']]);
    expect(explain('env.B')[0]?.overridden).toMatchObject([{ value: 'd', layer: 'defaults' }]);
    expect(explain('env.CLAB_INTFS')).toMatchObject([{ value: '0', layer: 'lab' }]);
  });
  it('adds lists up, or takes each once, or by destination', () => {
    expect(explain('exec').map(({ key, value, layer }) => [key, value, layer])).toEqual([['exec[0]', 'one', 'defaults'], ['exec[1]', 'two', 'group']]);
    expect(explain('cap-add').map(({ value, layer }) => [value, layer])).toEqual([['NET_ADMIN', 'defaults'], ['SYS_ADMIN', 'node']]);
    expect(explain('binds').map(({ key, value, layer }) => [key, value, layer])).toEqual([['binds[/a]', '/n:/a', 'node'], ['binds[/b]', '/g:/b', 'group']]);
  });
  it('says what holds where nothing is said, and what the image decides', () => {
    expect(explain('hostname')).toMatchObject([{ value: 'n1', layer: 'default' }]);
    expect(explain('restart-policy')).toMatchObject([{ value: 'no', layer: 'kind' }]);
    expect(explain('cmd')).toEqual([{ key: 'cmd', value: undefined, layer: 'image', overridden: [] }]);
  });
  it('leaves out what does not reach the node, and notes what has no effect', () => {
    expect(explain('mgmt-ipv4')).toEqual([]);
    expect(explain('license')[0]?.note).toContain('license has no effect');
    expect(explain('binds', 'n2')).toEqual([]);
  });
  it('lists the nodes where there is none of the name, and the faults of a file', () => {
    const input = { text: FILE, folder: '/labs', env: {} };
    expect(explainNode(input, 'n9')).toEqual({ nodes: ['n1', 'n2'] });
    expect(explainNode({ ...input, text: 'name: t' }, 'n1')).toHaveProperty('faults');
  });
  it('goes by the rules that nodes are resolved by', () => {
    const folder = join(import.meta.dirname, '..', '..', 'topology');
    const code = readdirSync(folder).filter((name) => name.startsWith('resolve-')).map((name) => readFileSync(join(folder, name), 'utf8')).join('\n');
    const keys = (pattern: RegExp) => [...new Set([...code.matchAll(pattern)].map((match) => match[1] as NodeKey))].toSorted();
    for (const key of keys(/\bcollect\(layers, '([a-z-]+)'/g)) expect([key, mergeRuleOf(key)]).toEqual([key, expect.stringMatching(/append|unique|by-destination/)]);
    for (const key of keys(/\bunique\(collect\(layers, '([a-z-]+)'/g)) expect([key, mergeRuleOf(key)]).toEqual([key, 'unique']);
    for (const key of keys(/\bmergeMap\(layers, '([a-z-]+)'/g)) expect([key, mergeRuleOf(key)]).toEqual([key, 'entries']);
    for (const key of keys(/\b(?:pick|mostSpecificList)\(layers, '([a-z-]+)'/g)) expect([key, mergeRuleOf(key)]).toEqual([key, 'most-specific']);
  });
});
