// node: one node in full, and what can be done to it alone.
import { z } from 'zod';
import type { NodeView } from '../../machines/vocabulary/lab-view.ts';
import { command } from '../command-spec.ts';
import { withSession } from '../context.ts';
import { CliError, EXIT } from '../exit-code.ts';
import { parseLabName } from '../find-lab.ts';
import { inspectIfThere } from '../lab-exists.ts';
import { addressOf } from '../output/node-table.ts';
import { paintState } from '../output/print-nodes.ts';
import { renderDuration } from '../render-duration.ts';
import { actOnNodes, nodeNamed } from './lifecycle.ts';
import type { Terminal } from '../terminal.ts';

const Action = z.enum(['show', 'start', 'stop', 'restart']);

export const nodeCommand = command({
  usage: 'node <lab> <node> [action]',
  summary: 'show one node, or start, stop or restart it',
  details: 'ACTION is show (when absent), start, stop or restart.',
  examples: ['labwright node core r1', 'labwright node core r1 restart', 'labwright node core r1 show --json'],
  schema: z.object({}),
  run: async (context, _options, [labName = '', nodeName = '', actionName]) => {
    const action = Action.safeParse(actionName ?? 'show');
    if (!action.success) throw new CliError(EXIT.usage, 'bad-action', `${JSON.stringify(actionName)} is none of show, start, stop, restart`);
    const lab = parseLabName(labName);
    return await withSession(context, { start: 'known' }, async (session) => {
      const view = await inspectIfThere(session.ops, lab);
      if (view === undefined) throw new CliError(EXIT.failed, 'lab-not-found', `lab ${lab} does not exist: see \`labwright ls\``);
      const id = nodeNamed(view, nodeName);
      if (action.data !== 'show') return await actOnNodes(context, session, { view, action: action.data, nodes: [id] });
      const node = await session.ops.request('node', { node: id }, { lab });
      if (context.globals.json) context.terminal.out(JSON.stringify(node, undefined, 2));
      else context.terminal.out(renderNode(node, context.terminal));
      return EXIT.ok;
    });
  },
});

function renderNode(node: NodeView, terminal: Terminal): string {
  const ports = node.ports.map((port) => `${port.hostIp ?? ''}${port.hostIp === undefined ? '' : ':'}${port.hostPort}->${port.containerPort}/${port.protocol}`);
  const rows: [string, string][] = [
    ['node', node.node], ['container', `${node.containerName}${node.runtimeId === undefined ? '' : ` (${node.runtimeId.slice(0, 12)})`}`],
    ['kind', [node.kind, node.type].filter(Boolean).join(' ')], ['image', node.image ?? '-'], ['host', node.host],
    ['state', `${paintState(terminal, node.state)} (wanted: ${node.desired})`], ['health', node.health], ['waits for', node.waitingFor || '-'],
    ['pid', node.pid === undefined ? '-' : String(node.pid)], ['up for', node.startedAt === undefined ? '-' : renderDuration(Date.now() - node.startedAt)],
    ['IPv4', addressOf(node.ipv4)], ['IPv6', addressOf(node.ipv6)], ['ports', ports.join(', ') || '-'],
    ['restart policy', node.restartPolicy], ['repairs', String(node.repairs)], ['failed exec lines', String(node.execFailures)],
    ['links survive a restart', node.keepsLinks ? 'yes' : 'no: the engine attaches it, links are re-made after each start'],
    ...(node.failure === undefined ? [] : [['failure', `${node.failure.code}: ${node.failure.message}`] as [string, string], ...node.failure.log.map((line): [string, string] => ['', `│ ${line}`])]),
  ];
  const width = Math.max(...rows.map(([key]) => key.length));
  return rows.map(([key, value]) => `${key.padEnd(width)}  ${value}`).join('\n');
}
