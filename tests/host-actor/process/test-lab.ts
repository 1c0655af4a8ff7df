// Orders of a small lab as the supervisor would render them.
import type { Order } from '../../../machines/vocabulary/effect.ts';
import { EffectId, LabId, LinkId, NodeId } from '../../../machines/vocabulary/ids.ts';
import type { HostId } from '../../../machines/vocabulary/ids.ts';
import type { MgmtPlan } from '../../../machines/vocabulary/lab-plan.ts';
import { NodeSpec } from '../../../machines/vocabulary/lab-spec.ts';

type OrderOf<T extends Order['type']> = Extract<Order, { type: T }>;
type NodeOrderType = 'node.prepare' | 'node.start' | 'node.stop' | 'node.remove' | 'node.exec';

/** Wide, so that a test with many faults is not ended by it. */
const budget = { count: 30, windowMs: 30_000, backoffMs: 50, backoffMaxMs: 200 };

export interface TestLabOptions {
  readonly name: string;
  readonly host: HostId;
  /** Third octet of 10.213.x.0/24 and so on: unique for each test. */
  readonly number: number;
  readonly nodes: readonly string[];
  readonly spec?: Partial<NodeSpec>;
  readonly labDir?: string;
  /** Empty = the host names it. */
  readonly bridge?: string;
}

/** Renders orders; each call of an order function takes the next effect id. */
export class TestLab {
  readonly lab: LabId;
  readonly mgmt: MgmtPlan;
  readonly #options: TestLabOptions;
  #entry = 1;

  constructor(options: TestLabOptions) {
    this.#options = options;
    this.lab = LabId.parse(options.name);
    const n = options.number;
    this.mgmt = {
      network: `${options.name}-net`, bridge: options.bridge ?? `tha-br${n}`, ipv4Subnet: `10.213.${n}.0/24`, ipv4Gateway: `10.213.${n}.1`,
      mtu: 1500, externalAccess: true, isolated: false,
    };
  }

  /** From here on effect ids belong to the next log entry. */
  nextEntry(): this {
    this.#entry += 1;
    this.#n = 0;
    return this;
  }

  #n = 0;
  #head() {
    const id = EffectId.parse(`${this.lab}/${this.#entry}/${this.#n}`);
    this.#n += 1;
    return { id, lab: this.lab, host: this.#options.host, term: 1 };
  }

  containerName(node: string): string {
    return `clab-${this.lab}-${node}`;
  }

  network(type: 'network.ensure' | 'network.remove'): Order {
    const head = this.#head();
    const labDir = this.#options.labDir ?? `/tmp/clab-${this.lab}`;
    if (type === 'network.remove') return { type, ...head, mgmt: this.mgmt, keep: false, cleanup: false, labDir };
    const nodes = this.#options.nodes.map((node, index) => ({ node: NodeId.parse(node), containerName: this.containerName(node), ports: [], ipv4: this.#ipv4(index) }));
    const hosts = nodes.map(({ node, containerName, ipv4 }) => ({ names: [containerName, node], addresses: [ipv4] }));
    return { type, ...head, mgmt: this.mgmt, labDir, hosts, nodes, bridges: [] };
  }

  node<T extends NodeOrderType>(type: T, node: string, more: Partial<OrderOf<T>> & { spec?: Partial<NodeSpec> } = {}): Order {
    const index = this.#options.nodes.indexOf(node);
    const { spec, ...rest } = more;
    const order = {
      type, ...this.#head(),
      node: this.#spec(node, spec), netns: this.containerName(node), budget,
      plan: {
        host: this.#options.host, generation: 1, ports: [],
        mgmt: { ipv4: `${this.#ipv4(index)}/24`, port: { device: `tha${this.#options.number}m${index}`, index: this.#options.number * 1000 + index + 1, mac: this.#mac(200 + index) } },
      },
      context: { labDir: this.#options.labDir ?? `/tmp/clab-${this.lab}`, mgmt: this.mgmt },
      ...(type === 'node.stop' ? { graceMs: 500 } : {}), ...(type === 'node.exec' ? { commands: [] } : {}), ...rest,
    };
    return order as unknown as Order;
  }

  /** A link between `a:eth1` and `b:eth1` style ends; addresses are set by us. */
  link(type: 'link.ensure' | 'link.remove', index: number, ends: readonly [string, string], more: Partial<OrderOf<'link.ensure'>> = {}): Order {
    const [a, b] = ends.map((end, side) => this.#end(end, index, side));
    if (a === undefined || b === undefined) throw new Error('two ends');
    const order = {
      type, ...this.#head(), link: LinkId.parse(`${ends[0]}--${ends[1]}`),
      plan: { host: this.#options.host, mtu: 9500, a: a.lease, b: b.lease }, a: a.attachment, b: b.attachment,
      ...(type === 'link.ensure' ? { admin: 'up' as const, impairment: {}, mgmtBridge: this.mgmt.bridge, budget: { count: 20, windowMs: 60_000, backoffMs: 0, backoffMaxMs: 2_000 } } : {}),
      ...more,
    };
    return order as unknown as Order;
  }

  linkAddress(index: number, side: 0 | 1): string {
    return `10.214.${index}.${side + 1}`;
  }

  #end(end: string, index: number, side: number) {
    const [node = '', name = ''] = end.split(':');
    const port = 2 * index + side;
    return {
      lease: { device: `tha${this.#options.number}p${port}`, index: this.#options.number * 1000 + 500 + port, mac: this.#mac(port) },
      attachment: {
        end: { at: 'node' as const, node: NodeId.parse(node), interface: name, ipv4: `${this.linkAddress(index, side === 0 ? 0 : 1)}/24` },
        netns: this.containerName(node), node: NodeId.parse(node),
      },
    };
  }

  #ipv4(index: number): string {
    return `10.213.${this.#options.number}.${index + 10}`;
  }

  #mac(port: number): string {
    return `aa:c1:${this.#options.number.toString(16).padStart(2, '0')}:00:00:${port.toString(16).padStart(2, '0')}`;
  }

  #spec(node: string, more: Partial<NodeSpec> = {}): NodeSpec {
    return NodeSpec.parse({
      id: node, kind: 'linux', runtime: 'container', containerName: this.containerName(node), hostname: node, image: 'labwright/linux:local', imagePullPolicy: 'if-not-present',
      entrypoint: [], cmd: ['sleep', 'infinity'], env: {}, labels: {}, binds: [], tmpfs: [], devices: [], ports: [], exec: [], sysctls: {}, capAdd: [], privileged: false, securityOpts: [],
      dns: { servers: [], search: [], options: [] }, aliases: [], restartPolicy: 'always', autoRemove: false, startupDelaySeconds: 0, stages: {}, network: { mode: 'sandbox' },
      ...this.#options.spec, ...more,
    });
  }
}
