// What stands on this host that a lab could leave behind, as text to compare: containers, networks, links, rules, namespaces, processes.
import { execFile } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const lines = async (file: string, args: string[]): Promise<string[]> =>
  await run(file, args, { maxBuffer: 64 * 1024 * 1024 }).then(({ stdout }) => stdout.split('\n').filter(Boolean), () => [`${file} ${args.join(' ')}: not there`]);

/** Counters and handles change by themselves and are left out. */
const stable = (text: string): string => text.replaceAll(/packets \d+ bytes \d+|\[\d+:\d+\]| # handle \d+/g, '').trimEnd();

/** Switches of the whole kernel that concern packets; not that it forwards, which stays on as it does with the engine. */
const SWITCHES = ['net.ipv4.conf.all.rp_filter', 'net.ipv4.conf.all.route_localnet', 'net.ipv4.conf.default.rp_filter', 'net.ipv6.conf.all.disable_ipv6', 'net.ipv6.conf.default.disable_ipv6'];

export type Baseline = Record<string, string[]>;

/** Reads the host; two readings are equal when a lab left nothing. */
export async function readBaseline(): Promise<Baseline> {
  const [containers, networks, volumes, links, addresses, switches, qdiscs, actions, nft, iptables, ip6tables, netns, routes] = await Promise.all([
    lines('docker', ['ps', '-a', '--format', '{{.Names}} {{.ID}}']), lines('docker', ['network', 'ls', '--format', '{{.Name}} {{.Driver}}']),
    lines('docker', ['volume', 'ls', '--format', '{{.Name}}']),
    lines('ip', ['-o', 'link']), lines('ip', ['-o', 'address']), lines('sysctl', SWITCHES), lines('tc', ['qdisc', 'show']), lines('tc', ['actions', 'ls', 'action', 'mirred']), lines('nft', ['list', 'ruleset']),
    lines('iptables-save', []), lines('ip6tables-save', []), lines('ip', ['netns', 'list']), lines('ip', ['route', 'show', 'table', 'all']),
  ]);
  return {
    containers, networks, volumes, switches, qdiscs, netns, routes,
    links: links.map((line) => line.replace(/^(\d+: )([^:@]+).*/, '$2')).toSorted(),
    addresses: addresses.map((line) => line.replace(/^\d+: (\S+)\s+(inet6?) (\S+).*/, '$1 $2 $3')).toSorted(),
    actions: actions.filter((line) => line.includes('mirred')),
    nft: nft.map(stable), iptables: rules(iptables), ip6tables: rules(ip6tables),
    processes: await ourProcesses(),
    hostsFile: await readFile('/etc/hosts', 'utf8').then((text) => text.split('\n')),
    runFiles: await filesBelow('/run/labwright'),
  };
}

/** Each with its text, which names whose it is. */
async function filesBelow(folder: string): Promise<string[]> {
  const files = (await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => [])).filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return await Promise.all(files.map(async (path) => `${path} ${(await readFile(path, 'utf8').catch(() => '')).trim()}`));
}

const rules = (save: string[]): string[] => save.filter((line) => !line.startsWith('#')).map(stable);

/** Processes that a lab could have left: runtimes' shims, monitors, relays. */
async function ourProcesses(): Promise<string[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const commands = await Promise.all(pids.map(async (pid) => (await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')).replaceAll('\0', ' ').trim()));
  return commands.filter((command) => /containerd-shim|labwright-runtime|host-actor\/main|supervisor\/main|controller\/main|nats-server|^ip .*monitor|^tc monitor|^nft .*monitor/.test(command))
    .map((command) => command.replace(/-id [0-9a-f]+|\/tmp\/lw-[^\s]*/g, '')).toSorted();
}
