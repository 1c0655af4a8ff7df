// Accept rules for our bridges where the host's iptables drop forwarded packets, each with our mark in its comment.
import type { HostShell } from './host-shell.ts';
import type { MgmtState } from './mgmt-network-state.ts';

/** The filter table as `iptables-save` prints it: policies (`-` for a user's chain) and rules in order. */
export interface FilterTable { readonly policies: ReadonlyMap<string, string>; readonly rules: readonly string[] }

/** Which rules (in the spelling of iptables-save) have to go and which to come for the table to be as wanted. */
export interface AcceptChanges { readonly remove: readonly string[]; readonly insert: readonly string[] }

/** One iptables front end of the host: its name is the prefix of the `-save` and `-restore` programs. */
type FrontEnd = 'iptables' | 'ip6tables' | 'iptables-legacy' | 'ip6tables-legacy';

/** Brings the accept rules of all front ends in line with the record. Returns what was changed, empty when all was right. */
export async function ensureAccepts(shell: HostShell, state: MgmtState, mark: string, signal?: AbortSignal): Promise<string[]> {
  const changed: string[] = [];
  for (const { frontEnd, changes } of await missingAccepts(shell, state, mark, signal)) {
    const lines = [...changes.remove.map((rule) => rule.replace(/^-A /, '-D ')), ...changes.insert.map((rule) => rule.replace(/^-A (\S+) /, '-I $1 1 '))];
    await shell.run(`${frontEnd}-restore`, ['-w', '10', '--noflush'], { input: ['*filter', ...lines, 'COMMIT', ''].join('\n'), signal });
    changed.push(...lines.map((line) => `${frontEnd} ${line}`));
  }
  return changed;
}

/** Compares without changing: the front ends whose rules differ from the record, and how. */
export async function missingAccepts(shell: HostShell, state: MgmtState, mark: string, signal?: AbortSignal): Promise<{ frontEnd: FrontEnd; changes: AcceptChanges }[]> {
  const tables = await Promise.all((await frontEnds(shell, signal)).map(async (frontEnd) => {
    const output = await shell.try(`${frontEnd}-save`, ['-t', 'filter'], { signal });
    return { frontEnd, changes: output.exitCode === 0 ? planAccepts(parseFilterTable(output.stdout), state, mark) : { remove: [], insert: [] } };
  }));
  return tables.filter(({ changes }) => changes.remove.length + changes.insert.length > 0);
}

/** Reads the output of `iptables-save -t filter`. */
export function parseFilterTable(text: string): FilterTable {
  const policies = new Map<string, string>();
  const rules: string[] = [];
  for (const line of text.split('\n')) {
    const chain = /^:(\S+) (\S+)/.exec(line);
    if (chain?.[1] !== undefined && chain[2] !== undefined) policies.set(chain[1], chain[2]);
    else if (line.startsWith('-A ')) rules.push(line.trimEnd());
  }
  return { policies, rules };
}

/**
 * Decides the accept rules of one filter table. Management bridges go to the chain that the engine keeps for its users,
 * or to FORWARD where there is none; other bridges to FORWARD. FORWARD gets a rule only where it would drop.
 */
export function planAccepts(table: FilterTable, state: MgmtState, mark: string): AcceptChanges {
  const ours = table.rules.filter((rule) => rule.includes(`--comment "${mark} `));
  const drops = table.policies.has('FORWARD')
    && (table.policies.get('FORWARD') !== 'ACCEPT' || table.rules.some((rule) => rule.startsWith('-A FORWARD ') && !ours.includes(rule)));
  const forward = drops ? 'FORWARD' : undefined;
  const wanted = new Set<string>();
  for (const net of state.networks) {
    const labs = state.labs.filter((lab) => lab.network === net.network);
    const chain = table.policies.has('DOCKER-USER') ? 'DOCKER-USER' : forward;
    if (labs.length === 0 || chain === undefined) continue;
    const open = labs.some((lab) => lab.externalAccess);
    for (const rule of acceptRules(chain, net.bridge, `${mark} mgmt ${net.network}`, open ? 'all' : 'answers')) wanted.add(rule);
  }
  for (const bridge of new Set(state.labs.flatMap((lab) => lab.bridges))) {
    if (forward !== undefined) for (const rule of acceptRules(forward, bridge, `${mark} bridge ${bridge}`, 'all')) wanted.add(rule);
  }
  const present = new Set<string>();
  const remove = ours.filter((rule) => !wanted.has(rule) || present.has(rule) || !present.add(rule));
  return { remove, insert: [...wanted].filter((rule) => !present.has(rule)) };
}

function acceptRules(chain: string, bridge: string, mark: string, inbound: 'all' | 'answers'): string[] {
  // A name that ends in + is a pattern for iptables, and would let foreign devices through.
  if (!/^[A-Za-z0-9_.:@-]{1,15}$/.test(bridge)) return [];
  const comment = `-m comment --comment "${mark.replace(/[^A-Za-z0-9 _.:/=-]/g, '_').slice(0, 200)}" -j ACCEPT`;
  const from = `-A ${chain} -i ${bridge} ${comment}`;
  if (inbound === 'all') return [from, `-A ${chain} -o ${bridge} ${comment}`];
  return [from, `-A ${chain} -o ${bridge} -m conntrack --ctstate RELATED,ESTABLISHED,DNAT ${comment}`];
}

/** The front ends that hold rules on this host; the legacy one only where its tables are in use beside the other. */
async function frontEnds(shell: HostShell, signal?: AbortSignal): Promise<FrontEnd[]> {
  const [kind, legacy4, legacy6] = await Promise.all([
    shell.iptablesKind(signal),
    shell.readProc('net/ip_tables_names'),
    shell.readProc('net/ip6_tables_names'),
  ]);
  if (kind === 'none') return [];
  const beside = kind === 'nftables';
  return [
    'iptables',
    'ip6tables',
    ...(beside && legacy4?.includes('filter') ? ['iptables-legacy' as const] : []),
    ...(beside && legacy6?.includes('filter') ? ['ip6tables-legacy' as const] : []),
  ];
}
