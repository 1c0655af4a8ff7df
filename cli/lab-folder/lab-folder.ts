// Files of a lab on this machine: its folder beside the lab file, inventories for other tools, a backup of the lab file.
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import type { LabSpec } from '../../machines/vocabulary/lab-spec.ts';
import type { LabView } from '../../machines/vocabulary/lab-view.ts';
import { renderAnsibleInventory } from './ansible-inventory.ts';
import { renderExport } from './export-template.ts';
import { renderNornirInventory } from './nornir-inventory.ts';
import { renderTopologyData } from './topology-data.ts';

/** Makes the lab's folder with one for each node. @param options.fresh - empties it first. */
export async function makeLabFolder(lab: LabSpec, options: { fresh: boolean }): Promise<void> {
  if (options.fresh) await removeLabFolder(lab.labDir);
  await mkdir(lab.labDir, { recursive: true });
  await Promise.all(lab.nodes.filter((node) => node.runtime === 'container').map(async (node) => await mkdir(join(lab.labDir, node.id), { recursive: true })));
}

/** Absent already is success. Only what is named as a lab's folder is removed. */
export async function removeLabFolder(labDir: string): Promise<void> {
  if (!basename(labDir).startsWith('clab-')) return;
  await rm(labDir, { recursive: true, force: true });
}

/** Writes what Ansible, Nornir and own scripts read, as the lab is now. @param template - text of a template that topology-data.json is made by */
export async function writeInventories(lab: LabSpec, view: LabView, template?: string): Promise<void> {
  await Promise.all([
    writeFile(join(lab.labDir, 'ansible-inventory.yml'), renderAnsibleInventory(lab, view)),
    writeFile(join(lab.labDir, 'nornir-simple-inventory.yml'), renderNornirInventory(lab, view)),
    writeFile(join(lab.labDir, 'topology-data.json'), template === undefined ? renderTopologyData(lab, view) : renderExport(template, lab, view)),
  ]);
}

/** Keeps the lab file as it was read, byte for byte, in `.clab/bak` of the temporary folder. Nothing for standard input and URLs. */
export async function backUpTopology(path: string | undefined, text: Uint8Array): Promise<void> {
  if (path === undefined) return;
  const folder = join(tmpdir(), '.clab', 'bak');
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, `${timestamp(new Date())}_${basename(path)}`), text);
}

/** `YYMMDD_HHMMSS`, local time. */
function timestamp(at: Date): string {
  const two = (value: number) => String(value).padStart(2, '0');
  return `${two(at.getFullYear() % 100)}${two(at.getMonth() + 1)}${two(at.getDate())}_${two(at.getHours())}${two(at.getMinutes())}${two(at.getSeconds())}`;
}
