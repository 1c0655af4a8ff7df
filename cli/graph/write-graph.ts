// Puts a drawing where the field's tools put theirs: the folder `graph` of the lab's folder.
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { LabSpec } from '../../machines/vocabulary/lab-spec.ts';
import type { GraphFormat } from './render-graph.ts';

/** @returns the path of the file. */
export async function writeGraph(lab: Pick<LabSpec, 'id' | 'labDir'>, format: GraphFormat, text: string): Promise<string> {
  const folder = join(lab.labDir, 'graph');
  await mkdir(folder, { recursive: true });
  const path = join(folder, `${lab.id}.${format}`);
  await writeFile(path, `${text}\n`);
  return path;
}
