// A provider without machines: containers are records in memory, with the events, deaths and refusals that a test wants.
import { setTimeout as delay } from 'node:timers/promises';
import type { HostId, LabId, NodeId } from '../../../machines/vocabulary/ids.ts';
import type { NodeSpec } from '../../../machines/vocabulary/lab-spec.ts';
import { ProviderError } from '../provider-error.ts';
import type { ContainerFile, CreatedNode, EngineInfo, ExecOnce, ExecResult, ImageReady, InspectedNode, LogTail, NodeEvent, NodeEventAction, NodeKey, NodePlacement, NodeProvider, ObservedNode, StartedNode, WatchItem } from '../provider.ts';

export type SimulatedVerb = 'create' | 'start' | 'stop' | 'remove' | 'exec';

/** How the world behaves; may be changed at any moment. */
export type SimulatedKnobs = {
  /** How long each verb takes. */
  delayMs: number;
  /** An error here is thrown by the verb. */
  fail: (verb: SimulatedVerb, node: NodeId) => Error | undefined;
  /** Exit code of a process that ends as soon as it was started; undefined for one that stays. */
  endsAtOnce: (node: NodeId) => number | undefined;
};

export class SimulatedProvider implements NodeProvider {
  readonly knobs: SimulatedKnobs = { delayMs: 0, fail: () => undefined, endsAtOnce: () => undefined };
  /** Calls of each verb so far. */
  readonly calls: Record<SimulatedVerb, number> = { create: 0, start: 0, stop: 0, remove: 0, exec: 0 };
  readonly #nodes = new Map<string, ObservedNode>();
  /** By container, then by path. */
  readonly #files = new Map<string, Map<string, ContainerFile>>();
  readonly #events: NodeEvent[] = [];
  readonly #execs = new Map<string, ExecResult>();
  readonly #watchers = new Set<(item: WatchItem) => void>();
  readonly #now: () => number;
  #count = 0;

  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  /** All containers there are. */
  get nodes(): readonly ObservedNode[] {
    return [...this.#nodes.values()];
  }

  /** What people and processes do by themselves: end a process, with or without a signal before it. */
  end(labId: LabId, nodeId: NodeId, how: { exitCode: number; by: 'itself' | 'hand' }): void {
    const node = this.#running(labId, nodeId);
    if (how.by === 'hand') this.#tell('kill', node, { signal: 9 });
    this.#die(node, how.exitCode);
  }

  /** `docker rm -f` */
  removeByHand(labId: LabId, nodeId: NodeId): void {
    const node = this.#running(labId, nodeId);
    this.#tell('kill', node, { signal: 9 });
    this.#tell('destroy', this.#die(node, 137));
    this.#nodes.delete(node.runtimeId);
  }

  async ensureImage(image: string): Promise<ImageReady> {
    return { image, imageId: `sha256:${image}`, outcome: 'present' };
  }

  async hasImage(): Promise<boolean> {
    return true;
  }

  async ensureCreated(spec: NodeSpec, placement: NodePlacement): Promise<CreatedNode> {
    await this.#act('create', placement.nodeId);
    const before = this.#find(placement);
    if (before?.generation === placement.generation) return { outcome: 'reused', node: before };
    if (before !== undefined) this.#nodes.delete(before.runtimeId);
    const node = this.#make(spec, placement);
    this.#tell('create', node);
    return { outcome: before === undefined ? 'created' : 'recreated', node };
  }

  async ensureStarted(runtimeId: string): Promise<StartedNode> {
    const node = this.#require(runtimeId);
    await this.#act('start', node.nodeId);
    const now = this.#require(runtimeId);
    if (now.status === 'running') return { outcome: 'was-running', node: now };
    this.#count += 1;
    const started = this.#put({ ...now, status: 'running', pid: 1000 + this.#count, startedAt: this.#now(), finishedAt: undefined, exitCode: 0 });
    this.#tell('start', started);
    const exitCode = this.knobs.endsAtOnce(node.nodeId);
    return { outcome: 'started', node: exitCode === undefined ? started : this.#die(started, exitCode) };
  }

  async ensureStopped(runtimeId: string): Promise<InspectedNode> {
    const node = this.#require(runtimeId);
    await this.#act('stop', node.nodeId);
    if (this.#require(runtimeId).status !== 'running') return { found: 'ours', node: this.#require(runtimeId) };
    this.#tell('kill', node, { signal: 15 });
    const ended = this.#die(node, 143);
    this.#tell('stop', ended);
    return { found: 'ours', node: ended };
  }

  async ensureRemoved(key: NodeKey): Promise<{ removed: readonly string[] }> {
    await this.#act('remove', key.nodeId);
    const node = this.#find(key);
    if (node === undefined) return { removed: [] };
    await this.removeOne(node.runtimeId);
    return { removed: [node.runtimeId] };
  }

  async removeOne(runtimeId: string): Promise<void> {
    const node = this.#nodes.get(runtimeId);
    if (node === undefined) return;
    const last = node.status === 'running' ? this.#die(node, 137) : node;
    this.#nodes.delete(runtimeId);
    this.#tell('destroy', last);
  }

  /** Somebody copies a node's container, marks and all, under another name. */
  copyByHand(labId: LabId, nodeId: NodeId, name: string): ObservedNode {
    this.#count += 1;
    return this.#put({ ...this.#running(labId, nodeId), runtimeId: `c${this.#count}`, name });
  }

  async kill(runtimeId: string): Promise<InspectedNode> {
    const node = this.#require(runtimeId);
    this.#tell('kill', node, { signal: 9 });
    return { found: 'ours', node: this.#die(node, 137) };
  }

  async inspect(key: NodeKey): Promise<InspectedNode> {
    const node = this.#find(key);
    return node === undefined ? { found: 'absent' } : { found: 'ours', node };
  }

  async listOwned(filter: { hostId: HostId; labId?: LabId; nodeId?: NodeId }): Promise<readonly ObservedNode[]> {
    return this.nodes.filter((node) => node.hostId === filter.hostId && (filter.labId ?? node.labId) === node.labId && (filter.nodeId ?? node.nodeId) === node.nodeId);
  }

  async logTail(): Promise<LogTail> {
    return { lines: [{ stream: 'stdout', text: 'last words' }], truncated: false };
  }

  async exec(runtimeId: string, command: string | readonly string[], { once }: { once?: ExecOnce } = {}): Promise<ExecResult> {
    const node = this.#require(runtimeId);
    if (node.status !== 'running') throw new ProviderError('not-running', `cannot run a command in ${node.name}: it is ${node.status}`);
    const before = this.#execs.get(once?.begun ?? '');
    if (before !== undefined) return { ...before, stdout: '' };
    this.#count += 1;
    const execId = `e${this.#count}`;
    await once?.note(execId);
    await this.#act('exec', node.nodeId);
    const words = typeof command === 'string' ? command : command.join(' ');
    const result = { exitCode: words === 'false' ? 1 : 0, stdout: words, stderr: '', engineError: undefined, truncated: false };
    this.#execs.set(execId, result);
    return result;
  }

  async readFile(runtimeId: string, path: string): Promise<ContainerFile | undefined> {
    return this.#files.get(this.#require(runtimeId).runtimeId)?.get(path);
  }

  async processes(): Promise<readonly string[]> {
    return [];
  }

  async putFiles(runtimeId: string, files: readonly ContainerFile[]): Promise<void> {
    const before = this.#files.get(this.#require(runtimeId).runtimeId) ?? [];
    this.#files.set(runtimeId, new Map([...before, ...files.map((file) => [file.path, file] as const)]));
  }

  async watchEvents(watch: { since?: string; signal: AbortSignal; onItem: (item: WatchItem) => void }): Promise<void> {
    watch.onItem({ kind: 'connected' });
    for (const event of this.#after(watch.since)) watch.onItem({ kind: 'event', event });
    this.#watchers.add(watch.onItem);
    await new Promise<void>((resolve) => watch.signal.addEventListener('abort', () => resolve(), { once: true }));
    this.#watchers.delete(watch.onItem);
  }

  async readEventsSince(cursor: string): Promise<readonly NodeEvent[]> {
    return this.#after(cursor);
  }

  async joinsNamespaces(): Promise<boolean> {
    return true;
  }

  async engineInfo(): Promise<EngineInfo> {
    return { version: 'simulated', apiVersion: '0', runtimes: [], joinsNamespaces: true, securityOptions: [], cgroupVersion: '2', cgroupDriver: 'none', storageDriver: 'none', dataDir: '', liveRestore: false, warnings: [] };
  }

  async #act(verb: SimulatedVerb, node: NodeId): Promise<void> {
    this.calls[verb] += 1;
    if (this.knobs.delayMs > 0) await delay(this.knobs.delayMs);
    const error = this.knobs.fail(verb, node);
    if (error !== undefined) throw error;
  }

  #make(spec: NodeSpec, placement: NodePlacement): ObservedNode {
    this.#count += 1;
    const { labId, nodeId, hostId, generation, containerName, sandbox } = placement;
    return this.#put({
      labId, nodeId, hostId, generation, specDigest: '', runtimeId: `c${this.#count}`, name: containerName, status: 'created', pid: 0, exitCode: 0, oomKilled: false, error: '',
      createdAt: this.#now(), startedAt: undefined, finishedAt: undefined, health: 'none', image: spec.image ?? '', imageId: '', tty: true,
      wiring: 'netnsPath' in sandbox ? 'before-start' : 'engine', engineNetworks: {},
    });
  }

  #put(node: ObservedNode): ObservedNode {
    this.#nodes.set(node.runtimeId, node);
    return node;
  }

  #die(node: ObservedNode, exitCode: number): ObservedNode {
    const ended = this.#put({ ...node, status: 'exited', pid: 0, exitCode, finishedAt: this.#now() });
    this.#tell('die', ended, { exitCode });
    return ended;
  }

  #find(key: Pick<NodeKey, 'labId' | 'nodeId'>): ObservedNode | undefined {
    return this.nodes.find((node) => node.labId === key.labId && node.nodeId === key.nodeId);
  }

  #running(labId: LabId, nodeId: NodeId): ObservedNode {
    const node = this.#find({ labId, nodeId });
    if (node?.status !== 'running') throw new ProviderError('not-running', `node ${nodeId} of lab ${labId} does not run`);
    return node;
  }

  #require(runtimeId: string): ObservedNode {
    const node = this.#nodes.get(runtimeId);
    if (node === undefined) throw new ProviderError('container-absent', `container ${runtimeId} is gone`);
    return node;
  }

  #tell(action: NodeEventAction, node: ObservedNode, more: { exitCode?: number; signal?: number } = {}): void {
    const { labId, nodeId, generation, runtimeId, name } = node;
    const at = this.#now();
    const cursor = `${String(this.#events.length + 1).padStart(12, '0')}`;
    const event: NodeEvent = { action, labId, nodeId, generation, runtimeId, name, at, cursor, exitCode: more.exitCode, signal: more.signal, oldName: undefined, health: undefined };
    this.#events.push(event);
    // As an engine's: heard after the call that caused it, not in it.
    setImmediate(() => {
      for (const onItem of this.#watchers) onItem({ kind: 'event', event });
    });
  }

  #after(cursor: string | undefined): readonly NodeEvent[] {
    return this.#events.filter((event) => cursor === undefined || event.cursor > cursor);
  }
}
