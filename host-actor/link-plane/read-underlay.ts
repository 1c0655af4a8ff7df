// Reads by which device and address of this host packets to other addresses leave, and how large they may be there.
import { isIP } from 'node:net';
import { z } from 'zod';
import { jsonEntries, parseIpOutput } from './kernel-state.ts';
import type { RunTool } from './run-tool.ts';

export type Underlay = { readonly device: string; readonly local: string; /** Bytes. */ readonly mtu: number };

const Route = z.object({ dst: z.string(), dev: z.string(), prefsrc: z.string().optional(), metrics: z.array(z.object({ mtu: z.number().optional() })).optional() });

/** The way to each address, of all ways or those by one device; those without a route are left out. */
export async function readUnderlays(run: RunTool, remotes: readonly string[], by?: string): Promise<ReadonlyMap<string, Underlay>> {
  const asked = [...new Set(remotes)].filter((remote) => isIP(remote) !== 0 && !remote.includes('%'));
  if (asked.length === 0) return new Map();
  const answer = await run({ program: 'ip', args: ['-j', '-force', '-batch', '-'], stdin: `${asked.map((remote) => `route get ${remote}${by === undefined ? '' : ` oif ${by}`}\n`).join('')}link show\n` });
  const mtus = new Map(parseIpOutput(answer.stdout).devices.map((device) => [device.name, device.mtu]));
  const routes = jsonEntries(answer.stdout).flatMap((entry) => Route.safeParse(entry).data ?? []);
  return new Map(
    routes.map(({ dst, dev, prefsrc, metrics }): [string, Underlay] => [dst, { device: dev, local: prefsrc ?? '', mtu: metrics?.flatMap(({ mtu }) => mtu ?? [])[0] ?? mtus.get(dev) ?? 0 }]),
  );
}
