// Can nftables do NAT here, for IPv4 and IPv6? The way out of the management network and published ports need it.
import type { ProbeSpec } from '../probe.ts';
import { reasonOf, runInPrivateNetwork } from '../run-command.ts';

const table = (family: 'ip' | 'ip6', address: string): string => `
table ${family} probe {
  chain out { type nat hook postrouting priority srcnat; oifname "x" counter masquerade comment "probe"; }
  chain in { type nat hook prerouting priority dstnat; tcp dport 80 counter dnat to ${address}:8080 comment "probe"; }
}`;

const RULES = `${table('ip', '192.0.2.1')}\n${table('ip6', '[2001:db8::1]')}\n`;

const costs = 'Nodes have no way out of the management network, and published ports do not answer.';
const remedy = 'Use a kernel with nf_tables and nft_nat (modprobe nft_nat nft_masq), install nftables, and run as root.';

export const nftablesNatProbe: ProbeSpec = {
  id: 'nftables-nat',
  title: 'nftables NAT',
  deadlineMs: 5_000,
  costs,
  remedy,
  run: async (context) => {
    const result = await runInPrivateNetwork(context, 'nft -f -\nnft list ruleset', RULES);
    if (result.exitCode !== 0) return { status: 'missing', found: reasonOf(result), costs, remedy };
    const rules = [...result.stdout.matchAll(/(masquerade|dnat to)/g)].length;
    if (rules === 4) return { status: 'ok', found: 'masquerade and DNAT rules were taken and read back, IPv4 and IPv6' };
    return { status: 'not-effective', found: `4 rules were taken, ${rules} read back`, costs, remedy };
  },
};
