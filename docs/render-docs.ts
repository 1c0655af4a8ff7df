// Writes the documents that are derived from code; a test checks that they are up to date. Run: node docs/render-docs.ts
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { labMachine } from '../machines/lab/lab-machine.ts';
import { linkMachine } from '../machines/link/link-machine.ts';
import { nodeMachine } from '../machines/node/node-machine.ts';
import { renderDiagram } from '../machines/evolve/render-diagram.ts';
import { renderComingFrom } from './derive/render-coming-from.ts';
import { renderLabFile } from './derive/render-lab-file.ts';
import { renderOpsApi } from './derive/render-ops-api.ts';
import { renderSettings } from './derive/render-settings.ts';
import { renderSubjects } from './derive/render-subjects.ts';

/** Path below docs/ and text of each derived document. */
export function derivedDocs(): Record<string, string> {
  const machines = { Lab: labMachine, Node: nodeMachine, Link: linkMachine };
  const diagrams = Object.entries(machines).map(([title, machine]) => `## ${title}\n\n\`\`\`mermaid\n${renderDiagram(machine)}\`\`\`\n`);
  return {
    'machines.md': `# The machines\n\nDrawn from the code by \`node docs/render-docs.ts\`; do not edit.\n\n${diagrams.join('\n')}`,
    'ops-api.md': renderOpsApi(example('follow-lab.ts')),
    'subjects.md': renderSubjects(),
    'settings.md': renderSettings(),
    'lab-file.md': renderLabFile(example('every-link.clab.yml')),
    'coming-from-containerlab.md': renderComingFrom(),
  };
}

const example = (name: string): string => readFileSync(join(import.meta.dirname, 'examples', name), 'utf8');

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  for (const [path, text] of Object.entries(derivedDocs())) await writeFile(join(import.meta.dirname, path), text);
}
