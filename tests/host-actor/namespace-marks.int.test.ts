// The marks that make a namespace ours, written while the process may be killed at any moment.
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { namespaceMarksIn } from '../../host-actor/link-plane/namespace-marks.ts';

const folder = await mkdtemp(join(tmpdir(), 'lw-marks-'));
afterEach(async () => rm(folder, { recursive: true, force: true }));

it('whoever reads a mark while it is replaced sees the old one or the new one', async () => {
  const marks = namespaceMarksIn(folder);
  await marks.write('n1', { mark: 'lw.h.lab', bootId: 'b', inode: 0 });
  const over = new AbortController();
  const torn: string[] = [];
  const reading = (async () => {
    while (!over.signal.aborted) {
      const text = await readFile(join(folder, 'n1.json'), 'utf8');
      if (!text.endsWith('}')) torn.push(text);
    }
  })();
  for (let inode = 1; inode <= 500; inode += 1) await marks.write('n1', { mark: 'lw.h.lab', bootId: 'b', inode });
  over.abort();
  await reading;
  expect(torn).toEqual([]);
  expect((await marks.read()).get('n1')).toEqual({ mark: 'lw.h.lab', bootId: 'b', inode: 500 });
});
