// The hosts and resolv.conf files of our nodes, which the engine does not write for containers without its network.
import { mkdir, open, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/** Paths of a node's files on the host, to be bind-mounted over /etc/hosts and /etc/resolv.conf. */
export interface NodeFiles { readonly hosts: string; readonly resolvConf: string }

/** One line per address; all names stand on it. */
export interface HostsFileEntry { readonly names: readonly string[]; readonly addresses: readonly string[] }
export interface ResolvConf { readonly servers: readonly string[]; readonly search: readonly string[]; readonly options: readonly string[] }

const rendered = new WeakMap<readonly HostsFileEntry[], string>();

/** Where a node's files are kept below the state folder. */
export function nodeFiles(stateDir: string, lab: string, node: string): NodeFiles {
  const folder = join(stateDir, 'node-files', encodeURIComponent(lab), encodeURIComponent(node));
  return { hosts: join(folder, 'hosts'), resolvConf: join(folder, 'resolv.conf') };
}

/** Writes the node's hosts file, in place where it exists: a bind mount holds on to the inode. Returns the path. */
export async function writeHostsFile(stateDir: string, lab: string, node: string, entries: readonly HostsFileEntry[]): Promise<string> {
  const { hosts } = nodeFiles(stateDir, lab, node);
  await writeInPlace(hosts, hostsText(entries));
  return hosts;
}

/** Writes the node's resolv.conf: its own servers, or else the host's that a node can reach. Returns the path. */
export async function writeResolvConf(stateDir: string, lab: string, node: string, wanted: ResolvConf, hostResolvConf = '/etc/resolv.conf'): Promise<string> {
  const { resolvConf } = nodeFiles(stateDir, lab, node);
  const host = await readFile(hostResolvConf, 'utf8').catch(() => '');
  // systemd-resolved lists only its own loopback address there; the servers it asks stand in its own file.
  const upstream = host.includes('127.0.0.53') ? await readFile('/run/systemd/resolve/resolv.conf', 'utf8').catch(() => host) : host;
  await writeInPlace(resolvConf, renderResolvConf(wanted, upstream));
  return resolvConf;
}

/** Rewrites the hosts files of those nodes of a lab that have one; a node that is just being removed loses its own meanwhile. */
export async function rewriteHostsFiles(stateDir: string, lab: string, nodes: readonly string[], entries: readonly HostsFileEntry[]): Promise<void> {
  await Promise.all(nodes.map(async (node) => await overwrite(nodeFiles(stateDir, lab, node).hosts, hostsText(entries))));
}

/** Removes the files of one node, or of the whole lab. Absent is success. */
export async function removeNodeFiles(stateDir: string, lab: string, node?: string): Promise<void> {
  const folder = join(stateDir, 'node-files', encodeURIComponent(lab), ...(node === undefined ? [] : [encodeURIComponent(node)]));
  await rm(folder, { recursive: true, force: true });
}

/** All nodes of a lab have the same entries: of a thousand nodes a thousand lines are rendered once. */
function hostsText(entries: readonly HostsFileEntry[]): string {
  const text = rendered.get(entries) ?? renderHostsFile(entries);
  rendered.set(entries, text);
  return text;
}

/** Text of a hosts file: loopback names as the engine writes them, then the entries, IPv4 before IPv6. */
export function renderHostsFile(entries: readonly HostsFileEntry[]): string {
  const lines = ['127.0.0.1\tlocalhost', '::1\tlocalhost ip6-localhost ip6-loopback', 'fe00::0\tip6-localnet', 'ff00::0\tip6-mcastprefix', 'ff02::1\tip6-allnodes', 'ff02::2\tip6-allrouters'];
  const rows = entries.flatMap((entry) => entry.addresses.map((address) => ({ address: address.split('/')[0] ?? address, names: entry.names })));
  const family = (ipv6: boolean) => rows.filter(({ address }) => address.includes(':') === ipv6).map(({ address, names }) => `${address}\t${names.join(' ')}`);
  return [...lines, ...family(false), ...family(true), ''].join('\n');
}

/** Text of a resolv.conf. Servers on the host's loopback are left out, since in a node that is the node itself. */
export function renderResolvConf(wanted: ResolvConf, host: string): string {
  const hostLines = host.split('\n').map((line) => line.trim());
  const hostServers = hostLines.flatMap((line) => /^nameserver\s+(\S+)/.exec(line)?.[1] ?? []).filter((server) => !server.startsWith('127.') && server !== '::1');
  const fromHost = (key: string) => hostLines.flatMap((line) => (line.startsWith(`${key} `) ? line.split(/\s+/).slice(1) : []));
  const pick = (own: readonly string[], key: string) => (own.length > 0 ? own : fromHost(key));
  const servers = wanted.servers.length > 0 ? wanted.servers : hostServers;
  const [search, options] = [pick(wanted.search, 'search'), pick(wanted.options, 'options')];
  return [
    ...servers.map((server) => `nameserver ${server}`),
    ...(search.length > 0 ? [`search ${search.join(' ')}`] : []),
    ...(options.length > 0 ? [`options ${options.join(' ')}`] : []),
    '',
  ].join('\n');
}

/** Not synced: whatever a power cut takes, the process in the node goes too, and its next start writes the files again. */
async function writeInPlace(path: string, text: string): Promise<void> {
  if (await overwrite(path, text)) return;
  const write = () => writeFile(path, text, { mode: 0o644 });
  await write().catch(async (error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
    await mkdir(dirname(path), { recursive: true });
    await write();
  });
}

/** Overwrites a file that is there, unless that is its text; returns false where there is none. Never truncated first: a reader
 *  inside a node must not see an empty file. */
async function overwrite(path: string, text: string): Promise<boolean> {
  const file = await open(path, 'r+').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (file === undefined) return false;
  try {
    if (await file.readFile('utf8') === text) return true;
    await file.write(text, 0, 'utf8');
    await file.truncate(Buffer.byteLength(text));
    return true;
  } finally {
    await file.close();
  }
}
