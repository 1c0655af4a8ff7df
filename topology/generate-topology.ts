// Makes the text of a lab file for a Clos fabric, as `labwright generate` writes it.
import { stringify } from 'yaml';
import { vendorInterfaceName } from '../vendors/interface-naming.ts';
import { resolveKind } from '../vendors/resolve-kind.ts';

/** One tier of the fabric; each node of a tier is linked to each node of the next one. */
export type Tier = { count: number; kind: string; type?: string };

export type FabricInput = {
  name: string;
  tiers: readonly Tier[];
  /** Image by kind. */
  images?: Readonly<Record<string, string>>;
  /** Licence path by kind. */
  licenses?: Readonly<Record<string, string>>;
  network?: string;
  ipv4Subnet?: string;
  ipv6Subnet?: string;
  /** Start of node names; `node` by default. */
  nodePrefix?: string;
  /** Start of group names; `tier` by default. */
  groupPrefix?: string;
};

/** A fabric, or what is wrong with what was asked. */
export type ParsedTiers = { tiers: Tier[] } | { error: string };

/** Reads `--nodes`: `COUNT[:KIND[:TYPE]]` for each tier, several in one text by commas. */
export function parseTiers(words: readonly string[], defaultKind: string): ParsedTiers {
  const tiers: Tier[] = [];
  for (const word of words.flatMap((item) => item.split(',')).map((item) => item.trim())) {
    const [countText = '', kindText, type, ...rest] = word.split(':');
    const count = /^\d{1,4}$/.test(countText) ? Number(countText) : 0;
    if (count < 1 || rest.length > 0) return { error: `${JSON.stringify(word)} is no tier: write COUNT, COUNT:KIND or COUNT:KIND:TYPE` };
    const kind = kindText === undefined || kindText === '' ? defaultKind : kindText;
    if (resolveKind(kind) === undefined) return { error: `the kind ${JSON.stringify(kind)} is not known` };
    tiers.push({ count, kind, ...(type === undefined || type === '' ? {} : { type }) });
  }
  return tiers.length === 0 ? { error: 'no tier is given: write e.g. --nodes 4,2' } : { tiers };
}

/** Reads `--image` and `--license`: `VALUE` for the default kind or `KIND=VALUE`. */
export function parseByKind(words: readonly string[], defaultKind: string): { byKind: Record<string, string> } | { error: string } {
  const byKind: Record<string, string> = {};
  for (const word of words) {
    const [kind, value] = word.includes('=') ? [word.slice(0, word.indexOf('=')), word.slice(word.indexOf('=') + 1)] : [defaultKind, word];
    if (Object.hasOwn(byKind, kind)) return { error: `kind ${kind} is given twice` };
    byKind[kind] = value;
  }
  return { byKind };
}

/** The lab file as YAML text. Interfaces count from the first one: towards the tier below first, then the tier above. */
export function generateTopology(input: FabricInput): string {
  const nodes: Record<string, unknown> = {};
  const links: { endpoints: string[] }[] = [];
  for (const [index, tier] of input.tiers.entries()) {
    for (let number = 1; number <= tier.count; number += 1) {
      const name = nodeName(input, index, number);
      nodes[name] = { kind: tier.kind, ...(tier.type === undefined ? {} : { type: tier.type }), group: `${input.groupPrefix ?? 'tier'}-${index + 1}` };
      links.push(...linksUp(input, index, number));
    }
  }
  const mgmt = { network: input.network, 'ipv4-subnet': input.ipv4Subnet, 'ipv6-subnet': input.ipv6Subnet };
  const hasMgmt = Object.values(mgmt).some((value) => value !== undefined);
  const kinds = kindsOf(input);
  return stringify(
    { name: input.name, ...(hasMgmt ? { mgmt } : {}), topology: { ...(Object.keys(kinds).length === 0 ? {} : { kinds }), nodes, ...(links.length === 0 ? {} : { links }) } },
    { lineWidth: 0, keepUndefined: false, flowCollectionPadding: false },
  );
}

function nodeName(input: FabricInput, tierIndex: number, number: number): string {
  return `${input.nodePrefix ?? 'node'}${tierIndex + 1}-${number}`;
}

function kindsOf(input: FabricInput): Record<string, { image?: string; license?: string }> {
  const names = [...new Set([...Object.keys(input.images ?? {}), ...Object.keys(input.licenses ?? {})])].toSorted();
  return Object.fromEntries(
    names.map((name) => {
      const image = input.images?.[name];
      const license = input.licenses?.[name];
      return [name, { ...(image === undefined ? {} : { image }), ...(license === undefined ? {} : { license }) }];
    }),
  );
}

function linksUp(input: FabricInput, tierIndex: number, number: number): { endpoints: string[] }[] {
  const tier = input.tiers[tierIndex];
  const above = input.tiers[tierIndex + 1];
  if (tier === undefined || above === undefined) return [];
  const below = input.tiers[tierIndex - 1]?.count ?? 0;
  return Array.from({ length: above.count }, (_, index) => ({
    endpoints: [`${nodeName(input, tierIndex, number)}:${interfaceOf(tier.kind, below + index + 1)}`, `${nodeName(input, tierIndex + 1, index + 1)}:${interfaceOf(above.kind, number)}`],
  }));
}

// The names that lab files use: devices of SR Linux containers are e1-N, all others ethN.
function interfaceOf(kind: string, port: number): string {
  const entry = resolveKind(kind);
  return entry?.name === 'nokia_srlinux' ? vendorInterfaceName(entry, port) : `eth${port}`;
}
