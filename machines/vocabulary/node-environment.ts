// What the environment of a node says of its lab, as images made for containerlab read it: CLAB_INTFS, NO_PROXY and no_proxy. Pure.
import type { NodeId } from './ids.ts';
import type { LinkEnd, LinkSpec, NodeSpec } from './lab-spec.ts';

const ALWAYS_DIRECT = ['localhost', '127.0.0.1', '::1', '*.local'];

/** Data interfaces inside a node: `CLAB_INTFS`. */
export function interfacesIn(links: readonly Pick<LinkSpec, 'a' | 'b'>[], node: NodeId): number {
  const isInside = (end: LinkEnd): boolean => (end.at === 'node' && end.node === node) || (end.at === 'node-bridge' && end.inside === node);
  return links.flatMap(({ a, b }) => [a, b]).filter(isInside).length;
}

/** What a node reaches without a proxy: what its file says, itself, then `known` (ranges, names, addresses of the lab). */
export function noProxyOf({ env }: Pick<NodeSpec, 'env'>, known: readonly string[]): string {
  const own = [env['NO_PROXY'], env['no_proxy']].flatMap((list) => list?.split(',') ?? []).map((entry) => entry.trim());
  return [...new Set([...own, ...ALWAYS_DIRECT, ...known])].filter((entry) => entry !== '').join(',');
}

/** Names that a node has in all nodes of its lab. */
export function hostNames({ id, containerName, aliases }: Pick<NodeSpec, 'id' | 'containerName' | 'aliases'>): string[] {
  return [...new Set([containerName, id, ...aliases])];
}
