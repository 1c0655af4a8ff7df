// The device towards other hosts and the world, and its MTU.
import type { ProbeSpec } from '../probe.ts';
import { runCommand } from '../run-command.ts';

const VXLAN_OVERHEAD = 50;
const costs = 'Nodes have no way out, and no link can lead to another host.';
const remedy = 'Give this host an address and a default route.';

export const underlayProbe: ProbeSpec = {
  id: 'underlay',
  title: 'Underlay and its MTU',
  deadlineMs: 3_000,
  costs,
  remedy,
  run: async (context) => {
    const device = await defaultDevice((family) => runCommand(context, 'ip', [family, '-o', 'route', 'show', 'default']).then(({ stdout }) => stdout));
    if (device === undefined) return { status: 'missing', found: 'there is no default route', costs, remedy };
    const link = await runCommand(context, 'ip', ['-o', 'link', 'show', 'dev', device]);
    const mtu = Number(/ mtu (\d+)/.exec(link.stdout)?.[1] ?? 0);
    const inner = mtu - VXLAN_OVERHEAD;
    const found = `${device} has MTU ${mtu}: links to other hosts carry ${inner} bytes in one piece over IPv4, links on this host 9500`;
    if (mtu >= 1500) return { status: 'ok', found };
    return {
      status: 'not-effective',
      found,
      costs: 'Links to other hosts are narrower than Ethernet; larger packets go in fragments (IPv4) or are refused (IPv6).',
      remedy: `Raise the MTU of ${device} and of the network behind it to 1550 or more.`,
    };
  },
};

const defaultDevice = async (read: (family: '-4' | '-6') => Promise<string>): Promise<string | undefined> => {
  for (const family of ['-4', '-6'] as const) {
    const device = / dev (\S+)/.exec(await read(family))?.[1];
    if (device !== undefined) return device;
  }
  return undefined;
};
