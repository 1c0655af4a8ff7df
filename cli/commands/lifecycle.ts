// start, stop, restart: of the nodes named, or of all; links and addresses stay. And redeploy, retry.
import { z } from 'zod';
import { NodeId } from '../../machines/vocabulary/ids.ts';
import type { LabView, NodeView } from '../../machines/vocabulary/lab-view.ts';
import { awaitLab, isBusyNode, isSettled, verdict } from '../await-lab.ts';
import { command } from '../command-spec.ts';
import type { CommandSpec } from '../command-spec.ts';
import type { Context } from '../context.ts';
import { CliError, EXIT } from '../exit-code.ts';
import type { ExitCode } from '../exit-code.ts';
import { withLab } from '../find-lab.ts';
import { inspectIfThere } from '../lab-exists.ts';
import { newCommandId } from '../new-command-id.ts';
import type { Session } from '../open-client.ts';
import { printNodes } from '../output/print-nodes.ts';

const TIMEOUT_MS = 300_000;

export type NodeAction = 'start' | 'stop' | 'restart';

const DONE: Readonly<Record<NodeAction, string>> = { start: 'running', restart: 'running', stop: 'stopped' };

function lifecycle(action: NodeAction, details: string): CommandSpec {
  return command({
    usage: action,
    summary: `${action} nodes; links and addresses stay`,
    details,
    examples: [`labwright ${action} -t lab.clab.yml --node r1`, `labwright ${action} --name core`],
    options: [{ flags: '-n, --node <nodes>', text: 'these nodes, with commas; all when absent', many: 'split' }],
    schema: z.object({ node: z.array(z.string()).optional() }),
    run: async (context, options) => await withLab(context, { start: 'known' }, async (session, lab) => {
      const view = await inspectIfThere(session.ops, lab);
      if (view === undefined) throw new CliError(EXIT.failed, 'lab-not-found', `lab ${lab} does not exist: see \`labwright ls\``);
      return await actOnNodes(context, session, { view, action, nodes: options.node });
    }),
  });
}

export const startCommand = lifecycle('start', 'Ends when the nodes run.');
export const stopCommand = lifecycle('stop', 'Ends when their processes are gone; nothing starts them again until you do.');
export const restartCommand = lifecycle('restart', 'Neighbours see one carrier flap. Ends when the nodes run again.');

/** Sends the wish and waits until each node is where it should be. @param wish.nodes - all when absent or empty */
export async function actOnNodes(context: Context, { ops }: Session, wish: { view: LabView; action: NodeAction; nodes: readonly string[] | undefined }): Promise<ExitCode> {
  const { terminal, globals } = context;
  const { view, action } = wish;
  const nodes = wish.nodes !== undefined && wish.nodes.length > 0 ? wish.nodes.map((name) => nodeNamed(view, name)) : view.nodes.map((node) => node.node);
  const [first, ...rest] = nodes;
  if (first === undefined) return EXIT.ok;
  const before = new Map(view.nodes.map((node) => [node.node, node]));
  const accepted = await ops.request(`node-${action}`, { commandId: newCommandId(), nodes: [first, ...rest] }, { lab: view.lab });
  const followed = await awaitLab(ops, view.lab, {
    n: accepted.n, timeoutMs: globals.timeout ?? TIMEOUT_MS, terminal, before: view,
    until: (now) => nodes.every((id) => isDone(now.nodes.find((node) => node.node === id), action, accepted.outcome === 'nothing' ? undefined : before.get(id))),
  });
  if (globals.json) terminal.out(JSON.stringify(followed.view, undefined, 2));
  else printNodes([{ ...followed.view, nodes: followed.view.nodes.filter((node) => nodes.includes(node.node)) }], terminal);
  return verdict(followed, terminal, `${DONE[action]}`);
}

/** By node name or by container name. @throws {CliError} failed: there is no such node. */
export function nodeNamed(view: LabView, name: string): NodeId {
  const found = view.nodes.find((node) => node.node === name) ?? view.nodes.find((node) => node.containerName === name);
  if (found) return found.node;
  throw new CliError(EXIT.failed, 'node-not-found', `lab ${view.lab} has no node ${name}: it has ${view.nodes.map((node) => node.node).join(', ')}`);
}

function isDone(node: NodeView | undefined, action: NodeAction, before: NodeView | undefined): boolean {
  if (node === undefined || isBusyNode(node)) return false;
  if (node.state === 'failed') return true;
  if (action === 'stop') return node.state === 'stopped' || node.state === 'exited';
  return action !== 'restart' || node.startedAt !== before?.startedAt || node.state === 'exited';
}

export const retryCommand = command({
  usage: 'retry',
  summary: 'try failed nodes and links again, with a fresh budget',
  examples: ['labwright retry -t lab.clab.yml', 'labwright retry --name core --node r1 --link r1:eth1--r2:eth1'],
  options: [
    { flags: '-n, --node <nodes>', text: 'these nodes, with commas', many: 'split' },
    { flags: '--link <links>', text: 'these links, with commas', many: 'split' },
  ],
  schema: z.object({ node: z.array(NodeId).default([]), link: z.array(z.string()).default([]) }),
  run: async (context, options) => await withLab(context, { start: 'known' }, async ({ ops }, lab) => {
    const view = await ops.request('inspect', {}, { lab });
    const links = options.link.map((text) => view.links.find((link) => link.link === text || link.a.label === text || link.b.label === text)?.link ?? missingLink(view, text));
    const accepted = await ops.request('retry', { commandId: newCommandId(), nodes: options.node, links }, { lab });
    const followed = await awaitLab(ops, lab, { n: accepted.n, until: (now) => isSettled(now) && !isBusy(now), timeoutMs: context.globals.timeout ?? TIMEOUT_MS, terminal: context.terminal, before: view });
    if (context.globals.json) context.terminal.out(JSON.stringify(followed.view, undefined, 2));
    else printNodes([followed.view], context.terminal);
    return verdict(followed, context.terminal, 'running');
  }),
});

const isBusy = (view: LabView): boolean => view.nodes.some(isBusyNode) || view.links.some((link) => ['waiting', 'joining', 'repairing'].includes(link.state));

export function missingLink(view: LabView, text: string): never {
  throw new CliError(EXIT.failed, 'link-not-found', `lab ${view.lab} has no link ${text}: it has ${view.links.map((link) => link.link).join(', ') || 'none'}`);
}
