// validate and schema: a lab file is checked, or described for an editor; nothing else is touched.
import { z } from 'zod';
import { renderLabSchema } from '../../topology/lab-schema.ts';
import { command } from '../command-spec.ts';
import { EXIT } from '../exit-code.ts';
import { readTopology } from '../read-topology.ts';

export const validateCommand = command({
  usage: 'validate',
  summary: 'check a lab file without touching anything',
  details: 'Warnings name what is accepted but odd or not honoured. Exit code 2 when the file cannot be used.',
  examples: ['labwright validate -t lab.clab.yml', 'labwright validate -t lab.clab.yml --json'],
  options: [{ flags: '--node-filter <nodes>', text: 'only these nodes and the links between them, with commas', many: 'split' }],
  schema: z.object({ nodeFilter: z.array(z.string()).optional() }),
  run: async ({ terminal, globals }, options) => {
    const { lab } = await readTopology({ ...globals, nodeFilter: options.nodeFilter }, terminal);
    if (globals.json) terminal.out(JSON.stringify(lab, undefined, 2));
    else terminal.log('INFO', 'The lab file can be used', { lab: lab.id, nodes: lab.nodes.length, links: lab.links.length });
    return EXIT.ok;
  },
});

export const schemaCommand = command({
  usage: 'schema',
  summary: 'print the JSON schema of lab files, for editors',
  examples: ['labwright schema > clab.schema.json'],
  schema: z.object({}),
  run: async ({ terminal }) => {
    terminal.out(renderLabSchema().trimEnd());
    return EXIT.ok;
  },
});
