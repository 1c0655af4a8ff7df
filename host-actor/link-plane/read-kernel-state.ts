// Reads devices, redirects and namespace ids back from the kernel: all in one dump each, or only those of a few wires.
import { netnsInodes } from '../namespace-inodes.ts';
import { LinkPlaneError } from './link-plane-error.ts';
import { kernelState, parseActions, parseIpOutput, type DeviceRead, type KernelState } from './kernel-state.ts';
import { hostBridgesOf, hostPortsOf, redirectsOf } from './host-ports.ts';
import type { RunTool, ToolRun } from './run-tool.ts';
import type { Wire } from './wire.ts';

/** Above this many host ends a dump of everything is cheaper than asking for each. */
const FEW_PORTS = 24;

/** Reads what the wires need to be judged; a few wires cost two small processes, many the two dumps of the namespace. */
export async function readKernelState(run: RunTool, wires: readonly Wire[]): Promise<KernelState> {
  const ports = wires.flatMap(hostPortsOf);
  if (ports.length === 0) return kernelState([], [], new Map());
  if (ports.length > FEW_PORTS) return readAll(run);
  const devices = new Set([...ports.flatMap((port) => [port.device, port.mark, ...hostBridgesOf(port)]), ...wires.flatMap((wire) => wire.formerMarks ?? [])]);
  const ipLines = [...devices].map((device) => `link show dev ${device}`);
  const tcLines = ports.flatMap(redirectsOf).map(({ index }) => `actions get action mirred index ${index}`);
  const named = ports.some(({ inner }) => inner !== undefined && inner.netns !== 'host' && 'name' in inner.netns);
  const [links, actions] = await Promise.all([
    run({ program: 'ip', args: ['-j', '-d', '-force', '-batch', '-'], stdin: `${[...ipLines, ...(named ? ['netns list-id'] : [])].join('\n')}\n` }),
    tcLines.length === 0 ? undefined : run({ program: 'tc', args: ['-j', '-force', '-batch', '-'], stdin: `${tcLines.join('\n')}\n` }),
  ]);
  return toState(links.stdout, links.stdout, actions?.stdout ?? '', named ? namesByInode() : new Map());
}

/** Reads every device of the namespace, without redirects and the names of namespaces. */
export async function readDevices(run: RunTool): Promise<KernelState> {
  const links = await run({ program: 'ip', args: ['-j', '-d', 'link'] });
  assertOk(links, 'ip -j -d link');
  return toState(links.stdout, '', '', new Map());
}

/** Reads the devices of one kind, such as vxlan. */
export async function readDevicesOfKind(run: RunTool, kind: string): Promise<readonly DeviceRead[]> {
  const links = await run({ program: 'ip', args: ['-j', '-d', 'link', 'show', 'type', kind] });
  assertOk(links, `ip -j -d link show type ${kind}`);
  return parseIpOutput(links.stdout).devices;
}

/** Reads every device and redirect of the namespace. */
export async function readAll(run: RunTool): Promise<KernelState> {
  const [links, ids, actions] = await Promise.all([
    run({ program: 'ip', args: ['-j', '-d', 'link'] }),
    run({ program: 'ip', args: ['-j', 'netns', 'list-id'] }),
    run({ program: 'tc', args: ['-j', 'actions', 'ls', 'action', 'mirred'] }),
  ]);
  assertOk(links, 'ip -j -d link');
  assertOk(actions, 'tc -j actions ls action mirred');
  return toState(links.stdout, ids.stdout, actions.stdout, namesByInode());
}

function namesByInode(): ReadonlyMap<number, readonly string[]> {
  const byInode = new Map<number, string[]>();
  for (const [name, inode] of netnsInodes()) byInode.set(inode, [...(byInode.get(inode) ?? []), name]);
  return byInode;
}

/** A namespace may bear several names, of which list-id shows one: all names of the same inode count. */
function toState(links: string, ids: string, actions: string, inodes: ReadonlyMap<number, readonly string[]>): KernelState {
  const aliases = new Map([...inodes.values()].flatMap((names) => names.map((name): [string, readonly string[]] => [name, names])));
  const netnsNames = [...parseIpOutput(ids).netnsNames].map(([id, name]): [number, ReadonlySet<string>] => [id, new Set(aliases.get(name) ?? [name])]);
  return kernelState(parseIpOutput(links).devices, parseActions(actions), new Map(netnsNames));
}

function assertOk(result: ToolRun, what: string): void {
  if (result.exitCode === 0) return;
  throw new LinkPlaneError('tool-failed', `${what} failed with exit code ${result.exitCode ?? 'none'}: ${result.stderr.trim().slice(-500)}`);
}
