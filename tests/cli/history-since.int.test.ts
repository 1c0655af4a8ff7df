// The log of a lab read page by page: each entry once, in order, none left out.
import { afterAll, beforeAll, expect, it } from 'vitest';
import { historySince } from '../../cli/history-since.ts';
import { smallLab, startSupervisors } from '../support/supervisors.ts';
import type { Supervisors } from '../support/supervisors.ts';

let world: Supervisors;
beforeAll(async () => {
  world = await startSupervisors(5);
  await world.start();
});
afterAll(async () => await world.stop());

it('reads all entries of the log, whatever fits on a page', async () => {
  const spec = smallLab('pages');
  await world.deploy(spec);
  await world.settles(spec.id);
  const { entries, last } = await world.ops.request('history', { after: 0, limit: 1000 }, { lab: spec.id });
  const all = entries.map(({ entry }) => entry.n);
  expect(all).toEqual(Array.from({ length: last }, (_, index) => index + 1));
  for (const pageSize of [1, 2, last - 1, last, last + 1]) {
    expect((await historySince(world.ops, spec.id, { after: 0, pageSize })).map(({ entry }) => entry.n)).toEqual(all);
    expect((await historySince(world.ops, spec.id, { after: 2, pageSize })).map(({ entry }) => entry.n)).toEqual(all.slice(2));
  }
});
