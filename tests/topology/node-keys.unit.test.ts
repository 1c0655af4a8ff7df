// Single keys of a node: paths, magic variables, limits, network modes, names, environment files.
import { describe, expect, it } from 'vitest';
import { derivedEnvironment } from '../../topology/node-environment.ts';
import { accepted, nodeOf, refused } from './read-fixture.ts';

const one = (keys: string, extras: Parameters<typeof accepted>[1] = {}): ReturnType<typeof nodeOf> => nodeOf(accepted(`name: t\ntopology:\n  nodes:\n    n1: {kind: linux, image: "alpine:3", ${keys}}\n`, extras).lab, 'n1');

describe('keys of a node', () => {
  it('makes bind sources absolute: beside the file, at home, in the lab folder', () => {
    expect(one('binds: ["conf/a:/a", "~/.ssh:/b:ro", "__clabNodeDir__/c:/c", "__clabDir__/d:/d", "/e/../f:/e", "/only"]').binds).toEqual([
      '/labs/conf/a:/a',
      '/home/me/.ssh:/b:ro',
      '/labs/clab-t/n1/c:/c',
      '/labs/clab-t/d:/d',
      '/f:/e',
      '/only',
    ]);
    expect(one('volumes: ["data:/data"]').binds).toEqual(['data:/data']);
  });

  it('puts the lab folder below CLAB_LABDIR_BASE when that is set', () => {
    expect(accepted('name: t\ntopology: {nodes: {b0: {kind: bridge}}}', { env: { CLAB_LABDIR_BASE: '/var/labs' } }).lab.labDir).toBe('/var/labs/clab-t');
  });

  it('replaces magic variables in exec and env', () => {
    expect(one('exec: ["echo __clabNodeName__ __clabLabName__"], env: {ME: __clabNodeName__}')).toMatchObject({ exec: ['echo n1 clab-t'], env: { ME: 'n1' } });
  });

  it('reads memory by thousands, shm-size by 1024, as their tools do', () => {
    expect(one('memory: 1G, shm-size: 256M, cpu: 0.5, cpu-set: "0-1,3"')).toMatchObject({ memoryBytes: 1_000_000_000, shmSizeBytes: 268_435_456, cpus: 0.5, cpuSet: '0-1,3' });
    expect(one('memory: 512MiB').memoryBytes).toBe(536_870_912);
    expect(refused('name: t\ntopology: {nodes: {n1: {kind: linux, image: x, memory: 1}}}')).toEqual(['memory-too-small']);
  });

  it('knows where a node lives', () => {
    expect(one('network-mode: host').network).toEqual({ mode: 'host' });
    expect(one('network-mode: none').network).toEqual({ mode: 'none' });
    expect(one('network-mode: bridge').network).toEqual({ mode: 'sandbox' });
    expect(one('network-mode: "container:else"').network).toEqual({ mode: 'container', container: 'else' });
    expect(one('network-mode: team-net').network).toEqual({ mode: 'engine', network: 'team-net' });
    const { lab } = accepted('name: t\ntopology:\n  defaults: {kind: linux, image: "alpine:3"}\n  nodes: {n1: , n2: {network-mode: "container:n1"}, n3: {network-mode: "container:clab-t-n1"}}\n');
    expect(nodeOf(lab, 'n2').network).toEqual({ mode: 'node', node: 'n1' });
    expect(nodeOf(lab, 'n3').network).toEqual({ mode: 'node', node: 'n1' });
  });

  it('names containers by the prefix rules', () => {
    const name = (prefix: string): string => nodeOf(accepted(`name: lab1\n${prefix}\ntopology: {nodes: {n1: {kind: linux, image: x}}}`).lab, 'n1').containerName;
    expect(name('')).toBe('clab-lab1-n1');
    expect(name('prefix: ""')).toBe('n1');
    expect(name('prefix: __lab-name')).toBe('lab1-n1');
    expect(name('prefix: me')).toBe('me-lab1-n1');
  });

  it('N05: names are exact: a.b and ab are two containers', () => {
    const { lab } = accepted('name: t\ntopology: {defaults: {kind: linux, image: x}, nodes: {a.b: , ab: , a-b: , a_b: }}');
    expect(lab.nodes.map((node) => node.containerName)).toEqual(['clab-t-a-b', 'clab-t-a.b', 'clab-t-a_b', 'clab-t-ab']);
  });

  it('N05: a name that the engine does not take is refused, never cleaned', () => {
    expect(refused('name: t\ntopology: {nodes: {"a+b": {kind: linux, image: x}}}')).toEqual(['node-name-invalid']);
  });

  it('N05: two nodes that would be one container are refused', () => {
    expect(refused('name: t\ntopology: {nodes: {n1: {kind: linux, image: x}, clab-t-n1: {kind: ext-container}}}')).toEqual(['container-name-twice']);
  });

  it('reads env-files through the caller, env has the last word', () => {
    const files: Readonly<Record<string, string>> = { '/labs/base.env': '# comment\nA=1\nexport B="two words"\n' };
    expect(one('env-files: [base.env], env: {A: 9}', { readTextFile: (path) => files[path] }).env).toEqual({ A: '9', B: 'two words' });
    expect(refused('name: t\ntopology: {nodes: {n1: {kind: linux, image: x, env-files: [none.env]}}}', { readTextFile: () => undefined })).toEqual(['env-file-unreadable']);
  });

  it('imports the environment of the shell only where the file says so', () => {
    expect(one('env: {__IMPORT_ENVS: true, A: own}', { env: { A: 'shell', B: 'shell' } }).env).toEqual({ A: 'own', B: 'shell' });
    expect(one('env: {A: own}', { env: { B: 'shell' } }).env).toEqual({ A: 'own' });
  });

  it('derives what every node is told of its lab, outside of its own definition', () => {
    const { lab } = accepted('name: t\ntopology:\n  defaults: {kind: linux, image: x}\n  nodes: {n1: {mgmt-ipv4: 172.20.20.5}, n2: {env: {NO_PROXY: mine}}}\n  links:\n    - endpoints: ["n1:eth1", "n2:eth1"]\n    - endpoints: ["n1:eth2", "n1:eth3"]\n');
    expect(derivedEnvironment(lab, nodeOf(lab, 'n1')).CLAB_INTFS).toBe('3');
    expect(derivedEnvironment(lab, nodeOf(lab, 'n2')).NO_PROXY).toBe('mine,localhost,127.0.0.1,::1,*.local,172.20.20.0/24,3fff:172:20:20::/64,clab-t-n1,n1,172.20.20.5,clab-t-n2,n2');
  });

  it('takes the health check with the defaults of the engine', () => {
    expect(one('healthcheck: {test: [CMD-SHELL, "true"], interval: 5}').healthcheck).toEqual({ test: ['CMD-SHELL', 'true'], startPeriodSeconds: 0, intervalSeconds: 5, timeoutSeconds: 30, retries: 3 });
  });

  it('splits cmd and entrypoint as a shell would, without expanding', () => {
    expect(one('cmd: ash -c "echo $X > /tmp/a b", entrypoint: /bin/run \'a b\' c\\ d').cmd).toEqual(['ash', '-c', 'echo $X > /tmp/a b']);
  });
});
