// Files that are odd but mean something are read; whatever the text, reading ends with an answer.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readLab } from '../../topology/read-lab.ts';
import { accepted, nodeOf, refused } from './read-fixture.ts';

describe('YAML', () => {
  it('is read as 1.2: no base-60 numbers, no octals, no "no" as false', () => {
    const { lab, warnings } = accepted('name: 010\ntopology: {nodes: {n1: {kind: linux, image: 3.10, restart-policy: no, ports: [22:22], env: {A: 1e3, B: 0777, C: yes, D: }}}}');
    expect(lab.id).toBe('010');
    expect(nodeOf(lab, 'n1')).toMatchObject({ image: '3.10', restartPolicy: 'no', ports: [{ hostPort: 22, containerPort: 22 }], env: { A: '1e3', B: '0777', C: 'yes', D: '' } });
    expect(warnings).toEqual([]);
  });

  it('knows anchors, aliases and merge keys', () => {
    const { lab } = accepted('name: t\nx-base: &base {kind: linux, image: one, user: u}\ntopology:\n  nodes:\n    n1: {<<: *base, image: two}\n    n2: *base\n');
    expect(nodeOf(lab, 'n1')).toMatchObject({ image: 'two', user: 'u' });
    expect(nodeOf(lab, 'n2')).toMatchObject({ image: 'one' });
  });

  it('stops a file that multiplies itself by aliases', () => {
    const lines = Array.from({ length: 12 }, (_, index) => `a${index + 1}: &a${index + 1} [${Array.from({ length: 10 }, () => `*a${index}`).join(', ')}]`);
    expect(refused(`name: t\na0: &a0 [x]\n${lines.join('\n')}\ntopology: {nodes: {n1: {kind: linux, image: x}}}`)).toContain('file-too-large');
  });

  it('takes empty sections as none', () => {
    expect(accepted('name: t\nmgmt:\ntopology:\n  defaults:\n  kinds:\n  groups:\n  nodes: {n1: {kind: linux, image: x, exec: , binds: , env: }}\n  links:\n').warnings).toEqual([]);
  });
});

describe('refusals', () => {
  it.each([['', ['file-invalid']], ['just text', ['file-invalid']], ['- a', ['file-invalid']], ['name: t', ['missing-key', 'nodes-missing']], ['topology: {nodes: {n1: {kind: bridge}}}', ['missing-key']], ['name: t\ntopology: {nodes: [a]}', ['nodes-missing', 'wrong-type']]])('%j', (text, codes) => {
    expect(refused(text).toSorted()).toEqual(codes);
  });

  it('takes a name from outside where the file has none', () => expect(accepted('topology: {nodes: {b1: {kind: bridge}}}', { name: 'mine' }).lab.id).toBe('mine'));

  it('gives every issue a place in the text', () => {
    const text = 'name: t\ntopology:\n  nodes:\n    n1: {kind: linux}\n    n2:\n      kind: bad\n      colour: red\n';
    const result = readLab({ text, folder: '/', env: {} });
    expect('faults' in result && [...result.faults, ...result.warnings].map(({ code, line, column }) => `${code} ${line}:${column}`)).toEqual(['image-missing 4:5', 'kind-unknown 6:13', 'unknown-key 7:7']);
  });
});

describe('any text', () => {
  const value: fc.Arbitrary<unknown> = fc.letrec((tie) => ({
    any: fc.oneof({ depthSize: 'small' }, fc.constantFrom('linux', 'a1:eth1', 'b1:eth1', 'host', '', '1', 'x y'), fc.integer(), fc.boolean(), fc.constant(null), fc.array(tie('any'), { maxLength: 3 }), fc.dictionary(fc.constantFrom('node', 'interface', 'type', 'endpoints', 'create', 'wait-for', 'exec', 'test', 'servers', 'n'), tie('any'), { maxKeys: 3 })),
  })).any;
  const keys = ['kind', 'image', 'env', 'exec', 'binds', 'ports', 'stages', 'dns', 'healthcheck', 'labels', 'network-mode', 'cpu', 'memory', 'cmd', 'restart-policy', 'certificate', 'mgmt-ipv4', 'group', 'extras', 'tmpfs'];
  const node = fc.dictionary(fc.constantFrom(...keys), value, { maxKeys: 5 });
  const file = fc.record({ name: value, mgmt: value, prefix: value, topology: fc.record({ defaults: node, kinds: fc.dictionary(fc.constantFrom('linux', 'bridge'), node), groups: value, nodes: fc.dictionary(fc.constantFrom('a1', 'b1', 'c'), fc.oneof(node, value)), links: fc.oneof(fc.array(value, { maxLength: 4 }), value) }, { requiredKeys: [] }) }, { requiredKeys: [] });

  it('is answered with a lab or with faults, and never with an exception', () => {
    fc.assert(
      fc.property(file, (document) => {
        const result = readLab({ text: JSON.stringify(document), folder: '/', env: {} });
        expect('lab' in result || result.faults.length > 0).toBe(true);
      }),
      { numRuns: 300 },
    );
    fc.assert(
      fc.property(fc.string({ maxLength: 60 }), (text) => {
        const result = readLab({ text: `name: t\ntopology:\n  nodes:\n    ${text}\n`, folder: '/', env: {}, vars: {} });
        expect('lab' in result || result.faults.length > 0).toBe(true);
      }),
      { numRuns: 200 },
    );
  });
});
