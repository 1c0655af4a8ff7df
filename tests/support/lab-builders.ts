// Builders of labs for tests: sensible defaults, every field that matters written out by the test.
import { CommandId, HostId, LabId, LinkId, NodeId } from '../../machines/vocabulary/ids.ts';
import type { LabSpec, LinkSpec, NodeSpec } from '../../machines/vocabulary/lab-spec.ts';
import type { Facts } from '../../machines/plan/plan-lab.ts';

export const lab = (name: string) => LabId.parse(name);
export const node = (name: string) => NodeId.parse(name);
export const host = (name: string) => HostId.parse(name);
export const command = (name: string) => CommandId.parse(name);

export function aNode(id: string, over: Partial<NodeSpec> = {}): NodeSpec {
  return {
    id: node(id), kind: 'linux', runtime: 'container', containerName: `clab-t-${id}`, hostname: id, image: 'alpine:3',
    imagePullPolicy: 'if-not-present', env: {}, labels: {}, binds: [], tmpfs: [], devices: [], ports: [], exec: [], sysctls: {},
    capAdd: [], privileged: false, securityOpts: [], dns: { servers: [], search: [], options: [] }, aliases: [],
    restartPolicy: 'always', autoRemove: false, startupDelaySeconds: 0, stages: {}, network: { mode: 'sandbox' }, ...over,
  };
}

/** `aLink('a:eth1', 'b:eth1')`; ends are put into canonical order. */
export function aLink(left: string, right: string, over: Partial<LinkSpec> = {}): LinkSpec {
  const [a = '', b = ''] = [left, right].toSorted();
  const end = (text: string) => {
    const [name = '', iface = ''] = text.split(':');
    return { at: 'node' as const, node: node(name), interface: iface };
  };
  return { id: LinkId.parse(`${a}--${b}`), a: end(a), b: end(b), labels: {}, vars: {}, ...over };
}

export function aLab(nodes: NodeSpec[], links: LinkSpec[] = [], over: Partial<LabSpec> = {}): LabSpec {
  return {
    id: lab('t'), topologyPath: '/tmp/t/t.clab.yml', labDir: '/tmp/t/clab-t',
    mgmt: {
      network: 'clab', ipv4Subnet: '172.20.20.0/24', ipv6Subnet: '3fff:172:20:20::/64', externalAccess: true, isolated: false, driverOpts: {},
    },
    nodes: nodes.toSorted((x, y) => (x.id < y.id ? -1 : 1)),
    links: links.toSorted((x, y) => (x.id < y.id ? -1 : 1)),
    ...over,
  };
}

export function facts(over: Partial<Facts> = {}): Facts {
  return {
    now: 1_000, hosts: [{ id: host('h1'), state: 'joined' }], labNumber: 1, takenAddresses: () => new Set(),
    allocated: () => ({ cpuMillis: 0, memoryMiB: 0, diskMiB: 0, ports: 0 }), takenVnis: new Set(), takenVlans: () => new Set(), spans: () => undefined, takenPorts: new Map(), takenNames: new Map(), ...over,
  };
}
