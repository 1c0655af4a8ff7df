// Which supervisor owns a lab: the same for all who know the same members, even, and with few changes when one comes or goes.
import { describe, expect, it } from 'vitest';
import { chooseOwner } from '../../supervisor/members.ts';

const LABS = Array.from({ length: 600 }, (_, index) => `lab-${index}`);
const owners = (members: readonly string[]) => new Map(LABS.map((lab) => [lab, chooseOwner(members, lab)]));

describe('owner of a lab', () => {
  it('is nobody without members, and does not hang on their order', () => {
    expect(chooseOwner([], 'x')).toBeUndefined();
    expect(owners(['a', 'b', 'c'])).toEqual(owners(['c', 'a', 'b']));
  });

  it('is each member for about its share', () => {
    const counts = Map.groupBy(owners(['a', 'b', 'c']).values(), (owner) => owner);
    for (const labs of counts.values()) expect(labs.length).toBeGreaterThan(150);
  });

  it('changes only for labs of who went, or who came', () => {
    const [before, after] = [owners(['a', 'b', 'c']), owners(['a', 'c'])];
    const moved = LABS.filter((lab) => before.get(lab) !== after.get(lab));
    expect(moved).toEqual(LABS.filter((lab) => before.get(lab) === 'b'));
  });
});
