// Names of the waits of a lab: what kind, and of which object.
import type { HostId, NodeId } from '../vocabulary/ids.ts';
import type { PendingEffect } from '../vocabulary/effect.ts';

/** The wait after which a failed order of this object is tried again. */
export function retryName(effect: Pick<PendingEffect, 'type' | 'target'>): string {
  if (effect.type.startsWith('node.')) return `retry-node/${effect.target}`;
  return effect.type.startsWith('link.') ? `retry-link/${effect.target}` : `retry-network/${effect.target}`;
}

/** The wait for the next answer of a host. */
export const answerName = (host: HostId): string => `answer/${host}`;

/** The wait for a node's configuration to be saved. */
export const saveName = (node: NodeId): string => `save/${node}`;

/** Kind and object of a wait's name. */
export function splitDeadline(name: string): [string, string] {
  const slash = name.indexOf('/');
  return slash < 0 ? [name, ''] : [name.slice(0, slash), name.slice(slash + 1)];
}
