// explain: each effective setting of a node, the layer it came from, and what it took the place of.
import { dirname } from 'node:path';
import { z } from 'zod';
import { explainNode } from '../../topology/explain-node.ts';
import type { ExplainedSetting, Sourced } from '../../topology/explain-node.ts';
import { renderIssue } from '../../topology/issue.ts';
import type { ReadLabInput } from '../../topology/read-lab.ts';
import { command } from '../command-spec.ts';
import { withSession } from '../context.ts';
import type { Context } from '../context.ts';
import { CliError, EXIT } from '../exit-code.ts';
import { parseLabName } from '../find-lab.ts';
import { renderTable } from '../output/table.ts';
import { readInput } from '../read-topology.ts';

export const explainCommand = command({
  usage: 'explain <node> [key]',
  summary: 'say where each setting of a node comes from',
  details: 'Layers from general to specific: default, image, defaults, kind, group, node; `lab` is what follows from the lab as a whole. KEY is a key of lab files: image, env, env.NAME.\nWith --name alone, the file as it was last deployed.',
  examples: ['labwright explain r1 -t lab.clab.yml', 'labwright explain r1 env -t lab.clab.yml', 'labwright explain r1 image --name core --json'],
  schema: z.object({}),
  run: async (context, _options, [node = '', key]) => {
    const { input, file } = await inputOf(context);
    const explained = explainNode(input, node);
    if ('faults' in explained) throw new CliError(EXIT.usage, 'lab-file-invalid', `${file} cannot be used:\n${explained.faults.map((fault) => renderIssue(fault, file)).join('\n')}`, { details: { faults: explained.faults } });
    if ('nodes' in explained) throw new CliError(EXIT.usage, 'node-not-found', `${file} has no node ${node}: it has ${explained.nodes.join(', ')}`);
    const settings = explained.settings.filter((setting) => key === undefined || setting.key === key || setting.key.startsWith(`${key}.`) || setting.key.startsWith(`${key}[`));
    if (settings.length === 0) throw new CliError(EXIT.failed, 'key-not-set', `node ${node} has no setting ${key ?? ''}: see \`labwright explain ${node}\` for those it has`);
    context.terminal.out(context.globals.json ? JSON.stringify(settings, undefined, 2) : renderExplained(settings));
    return EXIT.ok;
  },
});

/** The file of the options; or, by name alone, the text that the lab runs from. */
async function inputOf(context: Context): Promise<{ input: ReadLabInput; file: string }> {
  const { globals } = context;
  if (globals.topo !== undefined || globals.name === undefined) return await readInput(globals);
  const lab = parseLabName(globals.name);
  let found: { input: ReadLabInput; file: string } | undefined;
  await withSession(context, { start: 'known' }, async ({ ops }) => {
    const { spec } = await ops.request('spec', {}, { lab });
    if (spec.source === undefined) throw new CliError(EXIT.failed, 'no-source', `lab ${lab} was deployed without the text of a lab file: give the file with -t`);
    const { input } = await readInput({ ...globals, text: { text: spec.source, path: spec.topologyPath, folder: dirname(spec.topologyPath ?? spec.labDir) } });
    found = { input, file: spec.topologyPath ?? `lab ${lab}` };
    return EXIT.ok;
  });
  if (found === undefined) throw new CliError(EXIT.failed, 'lab-not-found', `lab ${lab} does not exist: see \`labwright ls\``);
  return found;
}

/** A row for each setting; below it what it took the place of. */
export function renderExplained(settings: readonly ExplainedSetting[]): string {
  const rows = settings.map((setting) => [
    setting.key,
    [show(setting), ...setting.overridden.map((one) => `  not ${show(one)}`)].join('\n'),
    [setting.layer, ...setting.overridden.map((one) => one.layer)].join('\n'),
    [place(setting), ...setting.overridden.map(place)].join('\n'),
    setting.note ?? '',
  ]);
  return renderTable(['Setting', 'Value', 'Layer', 'Line', 'Note'], rows);
}

const show = ({ value, layer }: Sourced): string => (value === undefined ? `as the ${layer} says` : typeof value === 'string' ? value : JSON.stringify(value));
const place = ({ line }: Sourced): string => (line === undefined ? '' : String(line));
