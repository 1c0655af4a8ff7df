// Whose network namespace a node lives in, from `network-mode`.
import type { z } from 'zod';
import type { NodeNetwork } from '../machines/vocabulary/lab-spec.ts';
import { fault } from './issue.ts';
import type { Layer } from './layers.ts';
import { pick } from './layers.ts';
import type { Reading } from './reading.ts';
import { containerNameOf } from './reading.ts';

export type NetworkChoice = z.input<typeof NodeNetwork>;

/**
 * Reads `network-mode`. `container:X` is a node of the lab when X is a node's name or its container's name, else
 * a container somebody else runs. Any other word is the name of an engine network that exists.
 */
export function resolveNetworkMode(layers: readonly Layer[], nodes: readonly string[], reading: Reading): NetworkChoice {
  const mode = pick(layers, 'network-mode');
  if (mode === undefined) return { mode: 'sandbox' };
  const word = mode.value.trim();
  if (word === 'host' || word === 'none') return { mode: word };
  // The peer's own name for "the usual way".
  if (word === 'bridge' || word === 'default') return { mode: 'sandbox' };
  const [first, ...rest] = word.split(':');
  if (first === 'container') {
    const target = rest.join(':').trim();
    if (target === '') {
      reading.report(fault('network-mode-invalid', mode.path, 'container: needs the name of a node or container', { expected: 'container:NAME', got: JSON.stringify(word) }));
      return { mode: 'sandbox' };
    }
    const own = nodes.find((node) => node === target) ?? nodes.find((node) => containerNameOf(reading, node) === target);
    return own === undefined ? { mode: 'container', container: target } : { mode: 'node', node: own };
  }
  if (!/^[A-Za-z0-9][\w.-]*$/.test(word)) {
    reading.report(fault('network-mode-invalid', mode.path, 'this network mode is not known', { expected: 'host, none, container:NAME, or the name of an engine network', got: JSON.stringify(word) }));
    return { mode: 'sandbox' };
  }
  return { mode: 'engine', network: word };
}
