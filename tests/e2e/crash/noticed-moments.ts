// A life of a lab that is struck at a moment which a follower of its states sees.
import { expect } from 'vitest';
import type { Notice } from '../../../machines/vocabulary/lab-view.ts';
import { lab } from '../../support/lab-builders.ts';
import { openTestBed } from '../../support/test-bed.ts';
import type { TestBed } from '../../support/test-bed.ts';
import { liveOneLife, outlineOf, undisturbed } from '../lab-life.ts';
import type { LifeOf } from '../lab-life.ts';

/** What a person would see at that moment; `round` counts how often the lab was seen running before. */
export type Moment = (notice: Notice, round: number) => boolean;

const node = (...states: string[]) => (notice: Notice) => notice.nodes.some((one) => states.includes(one.state));
export const MOMENTS: Readonly<Record<string, Moment>> = {
  'deploy is in the log': (notice) => notice.n === 1,
  // One whose links are settled by then is started in the same entry.
  'a node was prepared': node('waiting', 'starting'),
  'a link came up': (notice) => notice.links.some((one) => one.state === 'up'),
  'a node was started': node('configuring'),
  'a node runs': node('running'),
  'the lab runs': (notice) => notice.state === 'running',
  'converge is in the log': (notice, round) => round > 0 && notice.state === 'deploying',
  'the third node is gone': (notice, round) => round > 0 && notice.gone.includes('c'),
  'the changed node is made anew': (notice, round) => round > 0 && node('preparing')(notice),
  'the changed node starts': (notice, round) => round > 0 && node('configuring')(notice),
  'destroy is in the log': (notice) => notice.state === 'destroying',
  'a node was removed': (notice) => notice.state === 'destroying' && notice.gone.length > 0,
};

/** Lives one life on a bed of its own; at the moment `strike` is called, once. Returns whether it came. */
export async function liveStruck(of: LifeOf, moment: Moment, strike: (bed: TestBed) => Promise<void>): Promise<boolean> {
  const bed = await openTestBed();
  const over = new AbortController();
  let struck = false;
  const watching = (async () => {
    let round = 0;
    for await (const notice of bed.ops.notices(over.signal, lab(of.name))) {
      if (moment(notice, round)) {
        struck = true;
        return await strike(bed);
      }
      if (notice.state === 'running') round += 1;
    }
  })();
  try {
    expect(outlineOf(await liveOneLife(bed, of))).toEqual(undisturbed(of));
  } finally {
    over.abort();
    await watching;
    await bed.up();
    await bed.close();
  }
  return struck;
}
