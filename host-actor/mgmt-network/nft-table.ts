// Puts our nftables rules into the kernel in one transaction and reads them back.
import type { HostShell } from './host-shell.ts';

/** Replaces our tables by the rendered ones and returns what the kernel then lists, the yardstick for later checks. */
export async function applyNftTable(shell: HostShell, rendered: string, table: string, families: readonly string[], signal?: AbortSignal): Promise<string> {
  await shell.run('nft', ['-f', '-'], { input: rendered, signal });
  return readNftTable(shell, table, families, signal);
}

/** Our tables of these families as the kernel lists them, without handles and counters; empty when there are none. */
export async function readNftTable(shell: HostShell, table: string, families: readonly string[], signal?: AbortSignal): Promise<string> {
  const parts = await Promise.all(families.map((family) => shell.try('nft', ['list', 'table', family, table], { signal })));
  return parts.filter((part) => part.exitCode === 0).map((part) => part.stdout).join('');
}

/**
 * The mark with which an engine that keeps its rules in nftables lets packets pass its drops (`bridge-accept-fwmark`), or
 * `missing` when such an engine has none set; undefined when the engine uses no nftables of its own.
 */
export async function readEngineMark(shell: HostShell, signal?: AbortSignal): Promise<number | 'missing' | undefined> {
  const output = await shell.try('nft', ['-nn', 'list', 'table', 'ip', 'docker-bridges'], { signal });
  return output.exitCode === 0 ? (parseEngineMark(output.stdout) ?? 'missing') : undefined;
}

/** Finds the rule of the engine that accepts a mark, with or without mask. */
export function parseEngineMark(listing: string): number | undefined {
  const match = /meta mark (?:& 0x[0-9a-f]+ == )?(0x[0-9a-f]+|\d+)(?:\/0x[0-9a-f]+)?(?: counter packets \d+ bytes \d+)?(?: counter)? accept/i.exec(listing);
  return match?.[1] === undefined ? undefined : Number(match[1]);
}
