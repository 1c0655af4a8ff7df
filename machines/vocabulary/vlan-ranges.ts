// Which VLANs of a shared bridge links may take, as people write it: `100-399`, or `100-199,300`.
import { z } from 'zod';

export type VlanRange = [number, number];

const LAST_VLAN = 4094;
const RANGE = /^(\d{1,4})(?:-(\d{1,4}))?$/;

/** Text -> ranges, each with its first and last VLAN, the lower first. */
export const VlanRanges = z.string().transform((text, context): VlanRange[] => {
  const ranges = text.split(',').map((part) => readRange(part.trim()));
  const known = ranges.flatMap((range) => (range === undefined ? [] : [range]));
  if (known.length === ranges.length) return known;
  context.addIssue(`"${text}" names no VLANs: expected ranges within 1-${LAST_VLAN}, the lower number first, such as 100-399 or 100-199,300`);
  return z.NEVER;
});

function readRange(text: string): VlanRange | undefined {
  const [, first = '', last = first] = RANGE.exec(text) ?? [];
  const range: VlanRange = [Number(first), Number(last)];
  return first !== '' && range[0] >= 1 && range[0] <= range[1] && range[1] <= LAST_VLAN ? range : undefined;
}

export const renderVlans = (ranges: readonly VlanRange[]): string => ranges.map(([first, last]) => (first === last ? `${first}` : `${first}-${last}`)).join(',');
