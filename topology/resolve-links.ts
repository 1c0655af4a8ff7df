// All links of a lab in canonical form: one id for a link however it is written, every interface used once.
import type { z } from 'zod';
import type { LinkSpec } from '../machines/vocabulary/lab-spec.ts';
import { compareText, fault, warning } from './issue.ts';
import type { LinkContext, PlacedEnd } from './link-ends.ts';
import { placeEnd, placeFarEnd } from './link-ends.ts';
import type { RawEnd, RawLink } from './link-forms.ts';

export type LinkInput = z.input<typeof LinkSpec>;

type Side = PlacedEnd & { vars: Record<string, unknown> | undefined };
type PlacedLink = { raw: RawLink; id: string; a: Side; b: Side };

/** Resolves links. Refused ones are left out (and reported), repeated ones count once. Sorted by id. */
export function resolveLinks(raws: readonly RawLink[], context: LinkContext): LinkInput[] {
  const links = new Map<string, PlacedLink>();
  for (const raw of raws) {
    const link = placeLink(raw, context);
    if (link === undefined) continue;
    const earlier = links.get(link.id);
    if (earlier === undefined) links.set(link.id, link);
    else repeated(earlier, link, context);
  }
  checkInterfaces([...links.values()], context);
  return [...links.values()].map(toSpec).toSorted((x, y) => compareText(x.id, y.id));
}

/** Canonical id of a link: the texts of its ends in code unit order. */
export function linkIdOf(a: string, b: string): string {
  return compareText(a, b) <= 0 ? `${a}--${b}` : `${b}--${a}`;
}

function placeLink(raw: RawLink, context: LinkContext): PlacedLink | undefined {
  const first = placeEnd(raw.ends.a, context);
  const second = 'node' in raw.ends.b ? placeEnd(raw.ends.b, context) : placeFarEnd(raw.ends.b, raw.ends.a, { path: raw.path }, context);
  if (first === undefined || second === undefined) return undefined;
  if (!canJoin(first, second)) {
    context.report(fault('link-ends', raw.path, `a link cannot join ${first.id} and ${second.id}`, { hint: 'one end must be an interface of a node' }));
    return undefined;
  }
  if (raw.mtu !== undefined && (raw.mtu < 64 || raw.mtu > 65_535)) context.report(fault('mtu-invalid', `${raw.path}.mtu`, 'this MTU is not possible', { expected: '64 to 65535', got: String(raw.mtu) }));
  const ends = [[raw.ends.a, first], [raw.ends.b, second]] as const;
  for (const [written, { end }] of ends) if ('node' in written && end.at !== 'node') warnAddresses(written, context);
  const sides: [Side, Side] = [{ ...first, vars: raw.ends.a.vars }, { ...second, vars: 'node' in raw.ends.b ? raw.ends.b.vars : undefined }];
  const [a, b] = compareText(first.id, second.id) <= 0 ? sides : [sides[1], sides[0]];
  return { raw, id: linkIdOf(a.id, b.id), a, b };
}

function warnAddresses(end: RawEnd, { report }: LinkContext): void {
  for (const key of ['ipv4', 'ipv6'] as const) {
    if ((end[key] ?? '').trim() !== '') report(warning('key-not-honoured', `${end.path}.${key}`, `${key} has no effect: this end is no interface of a node`));
  }
}

const needsNode = new Set(['macvlan', 'dummy', 'vxlan']);

function canJoin(a: PlacedEnd, b: PlacedEnd): boolean {
  if (needsNode.has(a.end.at)) return b.end.at === 'node';
  return !needsNode.has(b.end.at) || a.end.at === 'node';
}

function repeated(earlier: PlacedLink, later: PlacedLink, context: LinkContext): void {
  if (earlier.a.id !== later.a.id || earlier.b.id !== later.b.id) {
    context.report(fault('link-id-taken', later.raw.path, `two different links would be called ${later.id}`, { hint: 'avoid -- in names of nodes and interfaces' }));
    return;
  }
  const differs = JSON.stringify([earlier.raw.mtu, earlier.raw.labels, earlier.raw.vars]) !== JSON.stringify([later.raw.mtu, later.raw.labels, later.raw.vars]);
  context.report(warning('link-repeated', later.raw.path, `the link ${later.id} stands in the file already and counts once${differs ? '; the settings of the first one hold' : ''}`));
}

function checkInterfaces(links: readonly PlacedLink[], context: LinkContext): void {
  const users = new Map<string, string>();
  for (const link of links) {
    for (const { device, path } of [link.a, link.b]) {
      if (device === undefined) continue;
      const key = `${device.place} ${device.name}`;
      const user = users.get(key);
      if (user === undefined) users.set(key, link.id);
      else if (user === link.id) context.report(fault('interface-twice', path, `both ends of this link are the interface ${device.name} of ${device.place}`));
      else context.report(fault('interface-twice', path, `the interface ${device.name} of ${device.place} is used twice`, { hint: `the link ${user} uses it too` }));
    }
  }
}

function toSpec({ raw, id, a, b }: PlacedLink): LinkInput {
  return { id, a: a.end, b: b.end, mtu: raw.mtu, labels: raw.labels, vars: raw.vars, ...(a.vars === undefined && b.vars === undefined ? {} : { endVars: { a: a.vars ?? {}, b: b.vars ?? {} } }) };
}
