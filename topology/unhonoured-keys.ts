// Names keys of a node that are read but have no effect yet, so that nobody relies on them.
import { warning } from './issue.ts';
import type { Layer } from './layers.ts';
import { pick } from './layers.ts';
import type { NodeKey } from './node-file-schema.ts';
import type { Reading } from './reading.ts';

const withoutEffect: readonly (readonly [NodeKey, string])[] = [
  ['license', 'licences are not placed into containers of this kind; mount the file with binds'],
  ['startup-config', 'nodes of this kind take no startup configuration; mount it with binds'],
  ['enforce-startup-config', 'nodes of this kind take no startup configuration'],
  ['suppress-startup-config', 'nodes of this kind take no startup configuration'],
  ['extras', 'extras of kinds are not carried out yet'],
  ['components', 'nodes of several components are not supported yet'],
  ['config', 'configuration templates are not carried out yet'],
  ['link-apply-mode', 'links are always changed while the node runs'],
  ['credentials', 'nodes of this kind are not logged in to'],
  ['auto-remove', 'a node whose process ended stays until it is started or destroyed, so that its last words can be read'],
];

/** Reports, once a layer value that reaches a node, what will not be carried out. `seen` keeps repeats away. */
export function warnUnhonouredKeys(layers: readonly Layer[], reading: Reading, seen: Set<string>): void {
  const tell = (path: string, key: string, why: string): void => {
    if (seen.has(path)) return;
    seen.add(path);
    reading.report(warning('key-not-honoured', path, `${key} has no effect: ${why}`));
  };
  for (const [key, why] of withoutEffect) {
    const given = pick(layers, key);
    if (given !== undefined && given.value !== false) tell(given.path, key, why);
  }
  const runtime = pick(layers, 'runtime');
  if (runtime !== undefined && runtime.value !== 'docker') tell(runtime.path, 'runtime', 'containers run on Docker');
}
