// Inheritance of node settings: defaults < kind < group < node, each key by its own rule.
import { describe, expect, it } from 'vitest';
import { accepted, nodeOf, refused } from './read-fixture.ts';

const layered = (key: string, values: { defaults?: string; kind?: string; group?: string; node?: string }): string => {
  const line = (value: string | undefined): string => (value === undefined ? '' : `, ${key}: ${value}`);
  return `name: t
topology:
  defaults: {image: "alpine:3"${line(values.defaults)}}
  kinds: {linux: {image: "alpine:3"${line(values.kind)}}}
  groups: {g: {image: "alpine:3"${line(values.group)}}}
  nodes: {n1: {kind: linux, group: g${line(values.node)}}}
`;
};

const read = (key: string, values: Parameters<typeof layered>[1]): ReturnType<typeof nodeOf> => nodeOf(accepted(layered(key, values)).lab, 'n1');

describe('inheritance', () => {
  it('scalars: the most specific layer has the last word', () => {
    expect(read('user', { defaults: 'd', kind: 'k', group: 'g', node: 'n' }).user).toBe('n');
    expect(read('user', { defaults: 'd', kind: 'k', group: 'g' }).user).toBe('g');
    expect(read('user', { defaults: 'd', kind: 'k' }).user).toBe('k');
    expect(read('user', { defaults: 'd' }).user).toBe('d');
  });

  it('booleans: an explicit false is not undone by a more general true', () => {
    expect(read('privileged', { defaults: 'true', node: 'false' }).privileged).toBe(false);
  });

  it('exec: all layers, general first', () => {
    expect(read('exec', { defaults: '[d]', kind: '[k]', group: '[g]', node: '[n, d]' }).exec).toEqual(['d', 'k', 'g', 'n', 'd']);
  });

  it('binds: by destination, the more specific source wins', () => {
    expect(read('binds', { defaults: '["/d:/a", "/d:/b:ro"]', group: '["/g:/b"]', node: '["./n:/c"]' }).binds).toEqual(['/d:/a', '/g:/b', '/labs/n:/c']);
  });

  it('env, labels, sysctls: merged entry by entry', () => {
    expect(read('env', { defaults: '{A: 1, B: 1}', kind: '{B: 2}', node: '{C: 3}' }).env).toEqual({ A: '1', B: '2', C: '3' });
    expect(read('labels', { kind: '{a: x}', node: '{b: y}' }).labels).toEqual({ a: 'x', b: 'y' });
    expect(read('sysctls', { group: '{net.ipv4.ip_forward: 1}', node: '{net.ipv4.ip_forward: 0}' }).sysctls).toEqual({ 'net.ipv4.ip_forward': '0' });
  });

  it('cap-add and devices: joined, each once', () => {
    expect(read('cap-add', { defaults: '[NET_ADMIN]', node: '[sys_admin, NET_ADMIN]' }).capAdd).toEqual(['NET_ADMIN', 'SYS_ADMIN']);
  });

  it('ports: only the most specific list', () => {
    expect(read('ports', { kind: '["1:1"]', node: '["2:2"]' }).ports).toEqual([{ hostPort: 2, containerPort: 2, protocol: 'tcp' }]);
  });

  it('dns and healthcheck: the most specific one as a whole', () => {
    expect(read('dns', { kind: '{servers: [192.0.2.1]}', node: '{search: [lab.test]}' }).dns).toEqual({ servers: [], search: ['lab.test'], options: [] });
  });

  it('stages: waits and commands of all layers are joined', () => {
    const { lab } = accepted(`name: t
topology:
  defaults: {kind: linux, image: "alpine:3"}
  kinds: {linux: {stages: {create: {wait-for: [{node: first, stage: healthy}], exec: [{command: one}]}}}}
  nodes:
    first: {healthcheck: {test: [CMD, "true"]}, kind: ext-container}
    n1: {stages: {create: {wait-for: [{node: first, stage: healthy}, {node: n2, stage: create}], exec: [{command: two, phase: on-exit, target: host}]}}}
    n2: {kind: bridge}
`);
    expect(nodeOf(lab, 'n1').stages).toEqual({
      create: {
        waitFor: [{ node: 'first', stage: 'healthy' }, { node: 'n2', stage: 'create' }],
        exec: [{ command: 'one', phase: 'on-enter', target: 'container' }, { command: 'two', phase: 'on-exit', target: 'host' }],
      },
    });
  });

  it('a kind may come from the group, also from the group of the defaults; a group from the kind', () => {
    const { lab } = accepted(`name: t
topology:
  defaults: {group: g}
  kinds: {bridge: {group: switches}}
  groups: {g: {kind: linux, image: "alpine:3"}}
  nodes: {n1: , n2: {kind: bridge}}
`);
    expect(nodeOf(lab, 'n1')).toMatchObject({ kind: 'linux', group: 'g', image: 'alpine:3' });
    expect(nodeOf(lab, 'n2')).toMatchObject({ kind: 'bridge', group: 'switches' });
  });

  it('kinds are found by any of their names', () => {
    expect(refused('name: t\ntopology:\n  kinds: {ceos: {group: x}}\n  nodes: {n: {kind: arista_ceos}}\n')).toEqual(['kind-not-runnable']);
  });

  it('restart policy: always for kind linux, no with auto-remove, what the file says otherwise', () => {
    expect(read('user', {}).restartPolicy).toBe('always');
    expect(read('auto-remove', { node: 'true' })).toMatchObject({ restartPolicy: 'no', autoRemove: true });
    expect(read('restart-policy', { kind: 'unless-stopped' }).restartPolicy).toBe('unless-stopped');
    expect(read('restart-policy', { node: 'no' }).restartPolicy).toBe('no');
  });
});
