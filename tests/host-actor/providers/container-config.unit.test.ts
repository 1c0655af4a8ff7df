// What the engine is asked for, given a node and its place.
import { describe, expect, it } from 'vitest';
import { addedCapabilities, impossibleCapabilities, missingCapabilities } from '../../../host-actor/providers/docker/capabilities.ts';
import { renderCreateRequest } from '../../../host-actor/providers/docker/container-config.ts';
import { renderEnv } from '../../../host-actor/providers/docker/container-env.ts';
import { ownershipMark, readIdentity, renderLabels, specDigest } from '../../../host-actor/providers/docker/container-labels.ts';
import { containerNameFault } from '../../../host-actor/providers/docker/ensure-created.ts';
import { LabId, NodeId } from '../../../machines/vocabulary/ids.ts';
import { buildPlacement, buildSpec } from './test-nodes.ts';

const engine = { joinsNamespaces: true, securityModules: ['seccomp'], sharedDevices: [] as string[] };
const request = (spec = buildSpec(), placement = buildPlacement(), traits = engine) => renderCreateRequest(spec, placement, traits);

describe('create request', () => {
  it('N10: never lets the engine restart or remove a node', () => {
    const made = request(buildSpec({ restartPolicy: 'always', autoRemove: true }));
    expect(made.HostConfig.RestartPolicy).toEqual({ Name: 'no' });
    expect(made.HostConfig.AutoRemove).toBeUndefined();
  });

  it('N05: uses the exact name', () => {
    expect(request(buildSpec(), buildPlacement({ containerName: 'clab-l-a.b' })).name).toBe('clab-l-a.b');
    expect(containerNameFault('clab-l-a.b')).toBeUndefined();
    expect(['a', '-ab', 'a b', 'a/b', 'ä1', ''].map(containerNameFault)).toEqual(Array.from({ length: 6 }, () => expect.stringContaining('is not possible')));
  });

  it('joins our namespace by our runtime and takes no network of the engine', () => {
    expect(request()).toMatchObject({ NetworkDisabled: true, Tty: true, OpenStdin: true, HostConfig: { Runtime: 'labwright', Sysctls: { 'net.ipv6.conf.all.disable_ipv6': '0' } } });
    expect(request().HostConfig.NetworkMode).toBeUndefined();
  });

  it('takes no network and no runtime where the engine knows none of ours', () => {
    const made = request(buildSpec(), buildPlacement(), { ...engine, joinsNamespaces: false });
    expect(made.NetworkDisabled).toBe(true);
    expect(made.HostConfig.Runtime).toBeUndefined();
  });

  it("leaves the engine's modes as the file writes them", () => {
    const sysctls = { 'net.ipv4.ip_forward': '1' };
    const ports = [{ hostPort: 8080, containerPort: 80, protocol: 'tcp' as const }];
    const inMode = (engineMode: string) => request(buildSpec({ sysctls: engineMode === 'host' ? {} : sysctls, ports }), buildPlacement({ sandbox: { engineMode } }));
    expect(inMode('host')).toMatchObject({ HostConfig: { NetworkMode: 'host', Sysctls: {} }, Hostname: 'n1' });
    expect(inMode('container:abc').Hostname).toBeUndefined();
    expect(inMode('container:abc').HostConfig.PortBindings).toBeUndefined();
    expect(inMode('lan')).toMatchObject({ NetworkingConfig: { EndpointsConfig: { lan: { Aliases: ['n1'] } } }, HostConfig: { PortBindings: { '80/tcp': [{ HostIp: '', HostPort: '8080' }] } } });
    for (const mode of ['host', 'none', 'container:abc', 'lan']) expect(inMode(mode).NetworkDisabled).toBeUndefined();
  });

  it('writes limits, health check, devices and files as the engine wants them', () => {
    const spec = buildSpec({
      cpus: 1.5,
      memoryBytes: 1_000_000_000,
      tmpfs: ['/run:size=1m', '/tmp'],
      devices: ['/dev/net/tun', '/dev/kvm:/dev/kvm:rw', '/dev/null:r'],
      healthcheck: { test: ['CMD', 'true'], startPeriodSeconds: 1.5, intervalSeconds: 5, timeoutSeconds: 2, retries: 3 },
      binds: ['/a:/etc/hosts:ro', '/b:/b'],
    });
    const made = request(spec, buildPlacement({ hostsFile: '/lab/hosts', resolvConf: '/lab/resolv' }));
    expect(made.Healthcheck).toEqual({ Test: ['CMD', 'true'], StartPeriod: 1_500_000_000, Interval: 5_000_000_000, Timeout: 2_000_000_000, Retries: 3 });
    expect(made.HostConfig).toMatchObject({
      CpuPeriod: 100_000,
      CpuQuota: 150_000,
      Memory: 1_000_000_000,
      Tmpfs: { '/run': 'size=1m', '/tmp': '' },
      Binds: ['/a:/etc/hosts:ro', '/b:/b', '/lab/resolv:/etc/resolv.conf'],
      Devices: [
        { PathOnHost: '/dev/net/tun', PathInContainer: '/dev/net/tun', CgroupPermissions: 'rwm' },
        { PathOnHost: '/dev/kvm', PathInContainer: '/dev/kvm', CgroupPermissions: 'rw' },
        { PathOnHost: '/dev/null', PathInContainer: '/dev/null', CgroupPermissions: 'r' },
      ],
    });
  });

  it('gives each node the tunnel device of the host, once', () => {
    const withTun = { ...engine, sharedDevices: ['/dev/net/tun'] };
    const devices = (own: string[]) => request(buildSpec({ devices: own }), buildPlacement(), withTun).HostConfig.Devices.map((device: { PathOnHost: string; CgroupPermissions: string }) => `${device.PathOnHost} ${device.CgroupPermissions}`);
    expect(devices([])).toEqual(['/dev/net/tun rwm']);
    expect(devices(['/dev/net/tun:/dev/net/tun:r', '/dev/null'])).toEqual(['/dev/net/tun r', '/dev/null rwm']);
  });

  it('opens network sysctls and keeps those of the host shut', () => {
    const paths = request().HostConfig.ReadonlyPaths ?? [];
    expect(paths).toContain('/proc/sys/kernel');
    expect(paths.filter((path) => '/proc/sys/net'.startsWith(path))).toEqual([]);
    expect(request(buildSpec({ privileged: true })).HostConfig.ReadonlyPaths).toBeUndefined();
  });

  it('lifts a security module that would forbid the node its work, unless the file names its own', () => {
    const armoured = { ...engine, securityModules: ['apparmor', 'selinux'] };
    expect(request(buildSpec(), buildPlacement(), armoured).HostConfig.SecurityOpt).toEqual(['apparmor=unconfined', 'label=disable']);
    expect(request(buildSpec({ securityOpts: ['apparmor=mine'] }), buildPlacement(), armoured).HostConfig.SecurityOpt).toEqual(['apparmor=mine', 'label=disable']);
    expect(request().HostConfig.SecurityOpt).toEqual([]);
  });
});

describe('capabilities', () => {
  it('gives network nodes little, and nothing twice', () => {
    expect(addedCapabilities({ capAdd: ['CAP_SYS_NICE', 'net_admin'], privileged: false })).toEqual(['NET_ADMIN', 'NET_RAW', 'SYS_ADMIN', 'SYS_NICE']);
    expect(addedCapabilities({ capAdd: ['SYS_NICE'], privileged: true })).toEqual([]);
  });

  it('reads what the host lacks from its bounding set', () => {
    expect(missingCapabilities('000001fffeffffff', 40)).toEqual(['SYS_RESOURCE']);
    expect(missingCapabilities('000001ffffffffff', 40)).toEqual([]);
  });

  it('names what cannot be given', () => {
    expect(impossibleCapabilities({ capAdd: [], privileged: true }, ['SYS_RESOURCE'])).toEqual(['SYS_RESOURCE']);
    expect(impossibleCapabilities({ capAdd: ['ALL'], privileged: false }, ['SYS_RESOURCE'])).toEqual(['SYS_RESOURCE']);
    expect(impossibleCapabilities({ capAdd: ['SYS_NICE'], privileged: false }, ['SYS_RESOURCE'])).toEqual([]);
  });
});

describe('labels and environment', () => {
  it('marks a node with its whole identity and reads the same back', () => {
    const placement = buildPlacement({ generation: 7 });
    const labels = renderLabels(buildSpec({ labels: { 'labwright.lab': 'forged', colour: 'blue' } }), placement);
    expect(readIdentity(labels)).toEqual({ labId: 'tprov', nodeId: 'n1', hostId: 'tprov-host', generation: 7, specDigest: labels['labwright.spec'] });
    expect(labels).toMatchObject({ containerlab: 'tprov', 'clab-node-name': 'n1', 'clab-node-kind': 'linux', colour: 'blue' });
  });

  it('takes nothing with half a mark for ours', () => {
    expect(readIdentity({ containerlab: 'tprov', 'clab-node-name': 'n1' })).toBeUndefined();
    expect(readIdentity({ 'labwright.lab': 'l', 'labwright.node': 'n', 'labwright.host': 'h' })).toBeUndefined();
    expect(readIdentity({ 'labwright.lab': 'l', 'labwright.node': '', 'labwright.host': 'h', 'labwright.generation': '1' })).toBeUndefined();
  });

  it('D06: marks of r1 and r10, and of a/b c and a b/c, differ', () => {
    const mark = (lab: string, node: string) => ownershipMark(buildPlacement({ labId: LabId.parse(lab), nodeId: NodeId.parse(node) }));
    expect(mark('l', 'r1')).not.toBe(mark('l', 'r10'));
    expect(mark('a', 'b/c')).not.toBe(mark('a/b', 'c'));
  });

  it('changes the digest with what the container is made from, and with nothing else', () => {
    const placement = buildPlacement();
    const plain = specDigest(buildSpec({ env: { A: '1', B: '2' } }), placement);
    expect(specDigest(buildSpec({ env: { B: '2', A: '1' } }), placement)).toBe(plain);
    expect(specDigest(buildSpec({ env: { A: '1', B: '2' }, exec: ['ls'], restartPolicy: 'always', startupDelaySeconds: 3 }), placement)).toBe(plain);
    expect(specDigest(buildSpec({ env: { A: '1', B: '2' } }), buildPlacement({ sandbox: { netnsPath: '/run/netns/other' }, generation: 9 }))).toBe(plain);
    expect(specDigest(buildSpec({ env: { A: '1' } }), placement)).not.toBe(plain);
    expect(specDigest(buildSpec({ env: { A: '1', B: '2' } }), buildPlacement({ sandbox: { engineMode: 'none' } }))).not.toBe(plain);
  });

  it('gives images the variables that they read', () => {
    const mgmt = { network: 'clab', bridge: 'br-1', subnets: ['172.20.20.0/24'], neighbours: ['r1', '172.20.20.2'] };
    const env = renderEnv(buildSpec({ env: { NO_PROXY: 'mine', CLAB_INTFS: '9' }, labels: { 'my-label.x': 'v' } }), buildPlacement({ mgmt, interfaceCount: 3 }));
    const noProxy = 'mine,localhost,127.0.0.1,::1,*.local,172.20.20.0/24,r1,172.20.20.2';
    expect(env).toEqual(expect.arrayContaining(['CLAB_INTFS=9', 'CLAB_LABEL_MY_LABEL_X=v', 'CLAB_LABEL_CLAB_NODE_NAME=n1', 'CLAB_LABEL_CLAB_MGMT_NET_BRIDGE=br-1', `NO_PROXY=${noProxy}`, `no_proxy=${noProxy}`]));
    expect(env).toEqual(env.toSorted());
  });
});
