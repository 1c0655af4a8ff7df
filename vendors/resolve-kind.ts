// The one resolver from a kind's name, in any of its spellings, to its catalogue entry.
import { kindCatalogue } from './kind-catalogue.ts';
import type { KindEntry } from './kind-entry.ts';

const byName: ReadonlyMap<string, KindEntry> = new Map(
  kindCatalogue.flatMap((entry) => [entry.name, ...entry.aliases].map((name) => [name.toLowerCase(), entry])),
);

/** Finds the catalogue entry of a kind by name or alias, whatever its case; undefined for a name that nobody knows. */
export function resolveKind(name: string): KindEntry | undefined {
  return byName.get(name.trim().toLowerCase());
}

/** All names and aliases that resolve, sorted; for "did you mean" and for the editor schema. */
export function kindNames(): readonly string[] {
  return [...byName.keys()].toSorted();
}
