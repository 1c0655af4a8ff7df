// Logs that older code wrote must fold to the state recorded beside them; a recorded log is never edited, only added to.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { evolve } from '../../machines/evolve/evolve.ts';
import { initialLab } from '../../machines/evolve/lab-state.ts';
import { labView } from '../../machines/evolve/lab-view.ts';
import { RecordedEntry, upcast } from '../../machines/evolve/upcast.ts';
import { lab } from '../support/lab-builders.ts';

const FOLDER = join(import.meta.dirname, 'recorded-logs');
const logs = readdirSync(FOLDER).filter((file) => file.endsWith('.jsonl'));

describe('recorded logs', () => {
  it('are there', () => expect(logs.length).toBeGreaterThan(0));

  it.each(logs)('%s folds to the views recorded beside it, entry by entry', (file) => {
    const lines = readFileSync(join(FOLDER, file), 'utf8').trim().split('\n').map((line): { entry: unknown; view: unknown } => JSON.parse(line));
    const folded: unknown[] = [];
    let state = initialLab(lab('t'));
    for (const { entry } of lines) {
      state = evolve(state, RecordedEntry.parse(entry)).state;
      folded.push(JSON.parse(JSON.stringify(labView(state))));
    }
    expect(folded).toEqual(lines.map(({ view }) => view));
  });
});

describe('upcast', () => {
  const upcasters = { 1: (entry: Record<string, unknown>) => ({ ...entry, two: true }), 2: (entry: Record<string, unknown>) => ({ ...entry, three: true }) };

  it('goes step by step from any older version to the present one', () => {
    expect(upcast({ v: 1, x: 1 }, { upcasters, to: 3 })).toEqual({ v: 3, x: 1, two: true, three: true });
    expect(upcast({ v: 2 }, { upcasters, to: 3 })).toEqual({ v: 3, three: true });
  });

  it('leaves what is present, newer or no entry for the schema to judge', () => {
    expect(upcast({ v: 3 }, { upcasters, to: 3 })).toEqual({ v: 3 });
    expect(upcast({ v: 9 }, { upcasters, to: 3 })).toEqual({ v: 9 });
    expect(upcast('x', { upcasters, to: 3 })).toBe('x');
    expect(RecordedEntry.safeParse({ v: 9, events: [] }).success).toBe(false);
  });
});
