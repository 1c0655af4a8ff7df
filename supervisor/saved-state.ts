// The form of a folded state in its snapshot: what its nodes and links share with the lab's spec and plan is written once.
import { STATE_VERSION } from '../machines/evolve/lab-state.ts';
import type { LabState, LinkRecord, NodeRecord } from '../machines/evolve/lab-state.ts';
import type { LinkId, NodeId } from '../machines/vocabulary/ids.ts';

/** Rises with the state's own version and with this form's; other versions are left alone, since the log is enough. */
export const SAVED_VERSION = STATE_VERSION * 100 + 1;

/** A spec or plan that is absent is the one of the same id in the lab's. */
type SavedRecord<R extends { spec: unknown; plan: unknown }> = Omit<R, 'spec' | 'plan'> & Partial<Pick<R, 'spec' | 'plan'>>;
export type SavedState = Omit<LabState, 'nodes' | 'links'> & {
  readonly nodes: Readonly<Record<NodeId, SavedRecord<NodeRecord>>>;
  readonly links: Readonly<Record<LinkId, SavedRecord<LinkRecord>>>;
};

/** Leaves out what is the very same object; an equal copy is written out, which costs only room. */
export function toSaved(state: LabState): SavedState {
  const shared = sharedBy(state);
  return {
    ...state,
    nodes: mapValues(state.nodes, (record, id) => without(record, shared.nodes(id))) ?? {},
    links: mapValues(state.links, (record, id) => without(record, shared.links(id))) ?? {},
  };
}

/** Puts back what was left out, as the one object it was; null when the lab does not have it. */
export function fromSaved(saved: SavedState): LabState | null {
  const shared = sharedBy(saved);
  const nodes = mapValues(saved.nodes, (record, id) => completed(record, shared.nodes(id)));
  const links = mapValues(saved.links, (record, id) => completed(record, shared.links(id)));
  return nodes === null || links === null ? null : { ...saved, nodes, links };
}

type Shared<R extends { spec: unknown; plan: unknown }> = { readonly spec: R['spec'] | undefined; readonly plan: R['plan'] | undefined };

function sharedBy({ spec, plan }: Pick<LabState, 'spec' | 'plan'>): { nodes: (id: NodeId) => Shared<NodeRecord>; links: (id: LinkId) => Shared<LinkRecord> } {
  const nodes = new Map(spec?.nodes.map((node) => [node.id, node]));
  const links = new Map(spec?.links.map((link) => [link.id, link]));
  return { nodes: (id) => ({ spec: nodes.get(id), plan: plan?.nodes[id] }), links: (id) => ({ spec: links.get(id), plan: plan?.links[id] }) };
}

function without<R extends { spec: unknown; plan: unknown }>(record: R, shared: Shared<R>): SavedRecord<R> {
  const { spec, plan, ...rest } = record;
  return { ...rest, ...(spec === shared.spec ? {} : { spec }), ...(plan === shared.plan ? {} : { plan }) };
}

function completed<R extends { spec: unknown; plan: unknown }>(record: SavedRecord<R>, shared: Shared<R>): R | null {
  const { spec = shared.spec, plan = shared.plan } = record;
  // The rest of a generic record together with its two parts is the record, which the compiler does not see.
  return spec === undefined || plan === undefined ? null : ({ ...record, spec, plan } as unknown as R);
}

/** Null when `map` gives null for one. */
function mapValues<K extends string, V, W>(record: Readonly<Record<K, V>>, map: (value: V, key: K) => W | null): Record<K, W> | null {
  const mapped: Record<string, W> = {};
  // Object.keys forgets the key type.
  for (const key of Object.keys(record) as K[]) {
    const value = map(record[key], key);
    if (value === null) return null;
    mapped[key] = value;
  }
  return mapped;
}
