// What a test does to nodes and host by hand, and what it reads there: engine, namespaces, kernel.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { LabView, LinkView } from '../../machines/vocabulary/lab-view.ts';
import { eventually } from '../support/eventually.ts';
import { lab } from '../support/lab-builders.ts';
import type { TestBed } from '../support/test-bed.ts';

const run = promisify(execFile);

/** Runs a program and returns what it printed. @throws when it ends with another exit code than 0. */
export async function sh(file: string, ...args: string[]): Promise<string> {
  return (await run(file, args, { maxBuffer: 16 * 1024 * 1024 })).stdout.trim();
}

/** One node of a lab with the usual name. */
export class NodeHands {
  readonly container: string;

  constructor(labName: string, node: string) {
    this.container = `clab-${labName}-${node}`;
  }

  /** Runs a program in the node. */
  async exec(...argv: string[]): Promise<string> {
    return await sh('docker', 'exec', this.container, ...argv);
  }

  /** Reads in the node's namespace, whether its process runs or not. */
  async inNetns(...argv: string[]): Promise<string> {
    return await sh('ip', 'netns', 'exec', this.container, ...argv);
  }

  /** Waits until a ping out of the node is answered; returns milliseconds since the call. */
  async pings(address: string): Promise<number> {
    const from = performance.now();
    await eventually(async () => await this.exec('ping', '-c', '1', '-W', '1', address), { timeoutMs: 60_000, what: `ping from ${this.container} to ${address}` });
    return Math.round(performance.now() - from);
  }

  /** What must outlive all that happens to a neighbour: the device itself; and how often its carrier changed. */
  async interfaceState(name: string): Promise<{ ifindex: number; carrierChanges: number }> {
    const [ifindex, changes] = (await this.inNetns('cat', `/sys/class/net/${name}/ifindex`, `/sys/class/net/${name}/carrier_changes`)).split('\n').map(Number);
    return { ifindex: ifindex ?? -1, carrierChanges: changes ?? -1 };
  }

  async pid(): Promise<number> {
    return Number(await sh('docker', 'inspect', '-f', '{{.State.Pid}}', this.container));
  }

  /** Addresses of an interface, without those that the kernel makes by itself. */
  async addresses(name: string): Promise<string[]> {
    const lines = (await this.inNetns('ip', '-o', 'address', 'show', 'dev', name, 'scope', 'global')).split('\n');
    return lines.flatMap((line) => / inet6? (\S+)/.exec(line)?.[1] ?? []).toSorted();
  }
}

export function linkOf(view: LabView, id: string): LinkView {
  const found = view.links.find((one) => one.link === id);
  if (found === undefined) throw new Error(`lab ${view.lab} has no link ${id}`);
  return found;
}

/** Sentences of the history after entry `n`. */
export async function newsAfter(bed: Pick<TestBed, 'ops'>, name: string, n: number): Promise<string[]> {
  const { entries } = await bed.ops.request('history', { after: n, limit: 1000 }, { lab: lab(name) });
  return entries.flatMap(({ news }) => news);
}

/** Waits until the history after entry `after` holds a sentence that fits. @throws with all that it holds. */
export async function hasNews(bed: TestBed, name: string, { after, fits }: { after: number; fits: RegExp }): Promise<string> {
  return await eventually(async () => (await newsAfter(bed, name, after)).find((one) => fits.test(one)), { timeoutMs: 30_000, what: `news of ${name} like ${fits}`, everyMs: 100 })
    .catch(async (cause: unknown) => {
      throw new Error(`no news like ${fits}; but: ${(await newsAfter(bed, name, after)).join(' | ')}`, { cause });
    });
}
