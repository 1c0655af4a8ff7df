// Builds nodes, placements and network namespaces for the provider tests, and removes what they made.
import { randomUUID } from 'node:crypto';
import { execa } from 'execa';
import type { DockerProvider } from '../../../host-actor/providers/docker/docker-provider.ts';
import type { NodePlacement, ObservedNode } from '../../../host-actor/providers/provider.ts';
import { HostId, LabId, NodeId } from '../../../machines/vocabulary/ids.ts';
import type { NodeSpec } from '../../../machines/vocabulary/lab-spec.ts';

export const image = 'alpine:3';

/** A Linux node that sleeps. */
export function buildSpec(overrides: Partial<NodeSpec> = {}): NodeSpec {
  return {
    id: NodeId.parse('n1'),
    kind: 'linux',
    runtime: 'container',
    containerName: 'unused-by-the-provider',
    hostname: 'n1',
    image,
    imagePullPolicy: 'never',
    cmd: ['sleep', 'infinity'],
    env: {},
    labels: {},
    binds: [],
    tmpfs: [],
    devices: [],
    ports: [],
    exec: [],
    sysctls: {},
    capAdd: [],
    privileged: false,
    securityOpts: [],
    dns: { servers: [], search: [], options: [] },
    aliases: [],
    restartPolicy: 'no',
    autoRemove: false,
    startupDelaySeconds: 0,
    stages: {},
    network: { mode: 'sandbox' },
    ...overrides,
  };
}

/** Where a node of this test run goes. */
export function buildPlacement(overrides: Partial<NodePlacement> = {}): NodePlacement {
  const nodeId = overrides.nodeId ?? NodeId.parse('n1');
  const labId = overrides.labId ?? LabId.parse('tprov');
  return {
    labId,
    nodeId,
    hostId: HostId.parse('tprov-host'),
    containerName: `clab-${labId}-${nodeId}`,
    generation: 1,
    sandbox: { netnsPath: '/run/netns/none' },
    nodeDir: `/tmp/clab-${labId}/${nodeId}`,
    interfaceCount: 0,
    labels: {},
    ...overrides,
  };
}

/** One test run's own lab, with namespaces and containers that it takes away again. */
export class TestLab {
  readonly labId: LabId;
  readonly hostId: HostId;
  readonly #placed: NodePlacement[] = [];
  readonly #namespaces: string[] = [];
  readonly #foreign: string[] = [];

  constructor(word: string) {
    const run = randomUUID().slice(0, 6);
    this.labId = LabId.parse(`tprov-${word}-${run}`);
    this.hostId = HostId.parse(`tprov-host-${run}`);
  }

  /** Makes a namespace with `lo` up and gives its path. */
  async namespace(word: string): Promise<string> {
    const name = `${this.labId}-${word}`;
    await execa('ip', ['netns', 'add', name]);
    this.#namespaces.push(name);
    await execa('ip', ['-n', name, 'link', 'set', 'lo', 'up']);
    return `/run/netns/${name}`;
  }

  /** A placement in this lab, in a namespace of its own unless another sandbox is given. */
  async place(node: string, overrides: Partial<NodePlacement> = {}): Promise<NodePlacement> {
    const sandbox = overrides.sandbox ?? { netnsPath: await this.namespace(node) };
    const placement = buildPlacement({ labId: this.labId, hostId: this.hostId, nodeId: NodeId.parse(node), ...overrides, sandbox });
    this.#placed.push(placement);
    return placement;
  }

  /** Creates and starts a node. */
  async run(provider: DockerProvider, node: string, overrides: Partial<NodeSpec> = {}): Promise<{ node: ObservedNode; placement: NodePlacement }> {
    const placement = await this.place(node);
    const made = await provider.ensureCreated(buildSpec(overrides), placement);
    const started = await provider.ensureStarted(made.node.runtimeId, placement.sandbox);
    return { node: started.node, placement };
  }

  /** A container made by the command line, as a stranger would; gives its id. */
  async foreign(...args: string[]): Promise<string> {
    const { stdout } = await execa('docker', ['create', ...args]);
    this.#foreign.push(stdout.trim());
    return stdout.trim();
  }

  /** Removes what this run made: its own lab's containers, named strangers, namespaces. */
  async clear(provider: DockerProvider): Promise<void> {
    for (const key of this.#placed.splice(0)) await provider.ensureRemoved(key);
    for (const id of this.#foreign.splice(0)) await execa('docker', ['rm', '-f', id], { reject: false });
    for (const name of this.#namespaces.splice(0)) await execa('ip', ['netns', 'del', name], { reject: false });
  }
}
