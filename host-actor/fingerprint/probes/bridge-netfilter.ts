// Would rules of this host drop frames that lab bridges forward? Bridged frames meet the host's FORWARD rules where the sysctl says so.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ProbeContext, ProbeSpec } from '../probe.ts';
import { reasonOf, runCommand } from '../run-command.ts';

const costs = 'Frames over lab bridges (management network, nodes of kind bridge) are dropped by the host; links between nodes are not concerned.';
const remedy = 'Accept forwarded traffic of lab bridges in these chains, or switch the rules off for bridged frames: sysctl -w net.bridge.bridge-nf-call-iptables=0 net.bridge.bridge-nf-call-ip6tables=0';

export const bridgeNetfilterProbe: ProbeSpec = {
  id: 'bridge-netfilter',
  title: 'Rules that drop bridged frames',
  deadlineMs: 5_000,
  costs,
  remedy,
  run: async (context) => {
    const families = await familiesOfBridged(context.procDir);
    const dropping = (await readForwardChains(context)).filter((chain) => chain.drops && families.has(chain.family));
    if (dropping.length === 0) return { status: 'ok', found: families.has('ip') ? 'bridged frames meet the host\'s rules, and no chain drops them' : 'bridged frames do not meet the host\'s rules' };
    const strange = dropping.filter((chain) => !takesOurAccepts(chain));
    if (strange.length === 0) return { status: 'ok', found: `dropped by ${nameAll(dropping)}; each lab puts its accepts there` };
    return { status: 'not-effective', found: `dropped by ${nameAll(strange)}, and an accept elsewhere does not undo it`, costs, remedy };
  },
};

type ForwardChain = {
  readonly family: string;
  readonly table: string;
  readonly name: string;
  /** By policy, or by a rule that asks for nothing. */
  readonly drops: boolean;
};

const nameAll = (chains: readonly ForwardChain[]): string => chains.map((chain) => `${chain.family} ${chain.table} ${chain.name}`).join(', ');

/** Chains in the layout of iptables take the accepts that come with each lab; a chain of somebody else's table does not. */
const takesOurAccepts = (chain: ForwardChain): boolean => (chain.family === 'ip' || chain.family === 'ip6') && chain.table === 'filter' && chain.name === 'FORWARD';

const familiesOfBridged = async (procDir: string): Promise<Set<string>> => {
  const read = async (name: string): Promise<boolean> => (await readFile(join(procDir, 'sys/net/bridge', name), 'utf8').catch(() => '0')).trim() === '1';
  const families = new Set(['bridge']);
  if (await read('bridge-nf-call-iptables')) for (const family of ['ip', 'inet']) families.add(family);
  if (await read('bridge-nf-call-ip6tables')) for (const family of ['ip6', 'inet']) families.add(family);
  return families;
};

/** Base chains with hook forward, of nftables and so also of iptables over nftables. Source: libnftables-json(5). */
const readForwardChains = async (context: ProbeContext): Promise<ForwardChain[]> => {
  const result = await runCommand(context, 'nft', ['-j', 'list', 'ruleset']);
  if (result.exitCode !== 0) throw new Error(`nft list ruleset failed: ${reasonOf(result)}`);
  const answer: unknown = JSON.parse(result.stdout);
  const items: readonly unknown[] = isObject(answer) && Array.isArray(answer['nftables']) ? answer['nftables'] : [];
  const objects = items.filter(isObject);
  const dropRules = objects.flatMap((item) => (isObject(item['rule']) && dropsAll(item['rule']['expr']) ? [keyOf(item['rule'], 'chain')] : []));
  return objects.flatMap(({ chain }) => {
    if (!isObject(chain) || chain['hook'] !== 'forward') return [];
    const drops = chain['policy'] === 'drop' || dropRules.includes(keyOf(chain, 'name'));
    return [{ family: text(chain['family']), table: text(chain['table']), name: text(chain['name']), drops }];
  });
};

/** A verdict with nothing but counters and logs before it. */
const dropsAll = (expressions: unknown): boolean =>
  Array.isArray(expressions) &&
  expressions.every((one) => isObject(one) && ['counter', 'log', 'drop', 'reject'].some((word) => word in one)) &&
  expressions.some((one) => isObject(one) && ('drop' in one || 'reject' in one));

const keyOf = (object: Record<string, unknown>, name: string): string => [object['family'], object['table'], object[name]].map(text).join(' ');

const text = (value: unknown): string => (typeof value === 'string' ? value : '');

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null;
