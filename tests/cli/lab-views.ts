// Builders of lab views for tests: sensible defaults, every field that matters written out by the test.
import { HostId, LabId, LinkId, NodeId } from '../../machines/vocabulary/ids.ts';
import type { LabView, LinkView, NodeView } from '../../machines/vocabulary/lab-view.ts';

export const aNodeView = (id: string, over: Partial<NodeView> = {}): NodeView => ({
  node: NodeId.parse(id), kind: 'linux', image: 'alpine:3', containerName: `clab-t-${id}`, runtimeId: `${id}`.padEnd(64, '0'), pid: 100, host: HostId.parse('h1'),
  desired: 'running', state: 'running', health: 'none', waitingFor: '', ipv4: '172.20.20.2/24', ipv6: '3fff:172:20:20::2/64', ports: [], labels: {},
  startedAt: 1_000, repairs: 0, restartPolicy: 'always', keepsLinks: true, execFailures: 0, ...over,
});

/** `aLinkView('a:eth1', 'b:eth1')` */
export const aLinkView = (a: string, b: string, over: Partial<LinkView> = {}): LinkView => {
  const end = (text: string) => {
    const [node = '', iface = ''] = text.split(':');
    return { label: text, node: NodeId.parse(node), interface: iface, device: 'lw1.1', mac: 'aa:c1:00:10:00:01', carrier: true };
  };
  return {
    link: LinkId.parse(`${a}--${b}`), type: 'veth', a: end(a), b: end(b), mtu: 9500, admin: 'up', oper: 'up', state: 'up', desired: 'present',
    impairment: {}, repairs: 0, reason: '', ...over,
  };
};

export const aLabView = (nodes: NodeView[], links: LinkView[] = [], over: Partial<LabView> = {}): LabView => ({
  lab: LabId.parse('t'), n: 10, state: 'running', topologyPath: '/labs/t.clab.yml', labDir: '/labs/clab-t', owner: 'ada', mgmtNetwork: 'clab', deployedAt: 1_000,
  nodes, links, problems: [], deadlines: [], ...over,
});
