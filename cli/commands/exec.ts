// exec: runs commands in the nodes that labels choose, in one lab or in all.
import { z } from 'zod';
import type { LabView, NodeView } from '../../machines/vocabulary/lab-view.ts';
import type { NodeExecResult } from '../../nats/ops-contract.ts';
import { splitCommand } from '../../topology/split-command.ts';
import { command } from '../command-spec.ts';
import { withSession } from '../context.ts';
import type { Context } from '../context.ts';
import { CliError, EXIT } from '../exit-code.ts';
import { newCommandId } from '../new-command-id.ts';
import type { Session } from '../open-client.ts';
import { execJson, execRecord } from '../output/exec-records.ts';
import type { ExecJson } from '../output/exec-records.ts';
import { matchesLabels, nodeLabels } from '../output/node-labels.ts';
import { readViews } from '../read-views.ts';

const EXEC_TIMEOUT_MS = 600_000;
/** The answer travels back after the command's own time is over. */
const ANSWER_MS = 5_000;

type Target = { readonly view: LabView; readonly node: NodeView };
type Line = { readonly text: string; readonly argv: readonly string[] };

export const execCommand = command({
  usage: 'exec',
  summary: 'run commands in nodes',
  details: 'Without -t and --name, in the nodes of all labs that the labels choose. A command is split into words; no shell is involved.\nThe exit code is 0 also when a command fails in a node; --json tells.',
  examples: ['labwright exec -t lab.clab.yml --cmd "ip address"', `labwright exec -t lab.clab.yml --label clab-node-name=r1 --cmd 'vtysh -c "show ip route"' --format json`],
  options: [
    { flags: '--cmd <command>', text: 'the command; may be given several times', many: 'repeat' },
    { flags: '--label <label=value>', text: 'only nodes with this label; may be given several times', many: 'split' },
    { flags: '-f, --format <format>', text: 'output format', choices: ['plain', 'json'] },
  ],
  schema: z.object({ cmd: z.array(z.string()).default([]), label: z.array(z.string()).default([]), format: z.enum(['plain', 'json']).default('plain') }),
  run: async (context, options, args) => {
    const lines = parseLines([...options.cmd, ...(args.length > 0 ? [args.join(' ')] : [])]);
    const everywhere = context.globals.topo === undefined && context.globals.name === undefined && options.label.length > 0;
    const targets = findTargets(await readViews(context, { all: everywhere }), options.label);
    if (targets.length === 0) throw new CliError(EXIT.failed, 'no-match', 'filter did not match any containers');
    return await withSession(context, { start: 'never' }, async (session) => {
      const asJson = context.globals.json || options.format === 'json';
      const found = await runAll(context, session, { targets, lines });
      if (asJson) context.terminal.out(JSON.stringify(collect(found, lines), undefined, 2));
      else for (const { target, result } of found) say(context, target, result);
      return EXIT.ok;
    });
  },
});

/** @throws {CliError} usage. */
function parseLines(commands: readonly string[]): Line[] {
  if (commands.length === 0) throw new CliError(EXIT.usage, 'no-command', 'no command to run: give one with --cmd');
  return commands.map((text) => {
    const split = splitCommand(text);
    if ('error' in split) throw new CliError(EXIT.usage, 'bad-command', `--cmd ${JSON.stringify(text)} cannot be split into words: ${split.error}`);
    if (split.words.length === 0) throw new CliError(EXIT.usage, 'no-command', 'an empty --cmd cannot be run');
    return { text, argv: split.words };
  });
}

function findTargets(views: readonly LabView[], labels: readonly string[]): Target[] {
  return views.flatMap((view) => view.nodes.filter((node) => isRunnable(node) && matchesLabels(nodeLabels(view, node), labels)).map((node) => ({ view, node })));
}

/** A node whose process may be there; bridges and the host itself have none of their own. */
const isRunnable = (node: NodeView): boolean => !['bridge', 'ovs-bridge', 'host'].includes(node.kind) && ['running', 'configuring', 'starting', 'recovering'].includes(node.state);

type Found = { readonly target: Target; readonly result: NodeExecResult };

/** Lines one after the other, nodes at once; the outcome ordered by node, then line. */
async function runAll({ globals }: Context, { ops }: Session, { targets, lines }: { targets: readonly Target[]; lines: readonly Line[] }): Promise<Found[]> {
  const timeoutMs = globals.timeout ?? EXEC_TIMEOUT_MS;
  const byNode = new Map<Target, Found[]>(targets.map((target) => [target, []]));
  for (const { text, argv } of lines) {
    await Promise.all([...Map.groupBy(targets, ({ view }) => view.lab)].map(async ([lab, group]) => {
      const { results } = await ops.request('node-exec', { commandId: newCommandId(), nodes: group.map(({ node }) => node.node), argv: [...argv], timeoutMs }, { lab, timeoutMs: timeoutMs + ANSWER_MS });
      for (const result of results) {
        const target = group.find(({ node }) => node.node === result.node);
        if (target) byNode.get(target)?.push({ target, result: { ...result, command: text } });
      }
    }));
  }
  return [...byNode.values()].flat();
}

function collect(found: readonly Found[], lines: readonly Line[]): Record<string, ExecJson[]> {
  const argv = new Map(lines.map((line) => [line.text, line.argv]));
  const byContainer = Object.groupBy(found, ({ target }) => target.node.containerName);
  return Object.fromEntries(Object.entries(byContainer).map(([name, items = []]) => [name, items.map(({ result }) => execJson(result, argv.get(result.command) ?? []))]));
}

function say({ terminal }: Context, { node }: Target, result: NodeExecResult): void {
  const record = execRecord(node.containerName, result);
  terminal.log(record.level, record.message, record.fields);
}
