// host cordon, uncordon, drain: what is wished for a host; a drain is followed until no node that may go is left.
import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import type { HostWish } from '../../../machines/vocabulary/host-view.ts';
import type { HostId } from '../../../machines/vocabulary/ids.ts';
import type { OpsResponse } from '../../../nats/ops-contract.ts';
import { command } from '../../command-spec.ts';
import type { CommandSpec } from '../../command-spec.ts';
import { withSession } from '../../context.ts';
import type { Context } from '../../context.ts';
import { EXIT } from '../../exit-code.ts';
import type { ExitCode } from '../../exit-code.ts';
import { newCommandId } from '../../new-command-id.ts';
import type { Session } from '../../open-client.ts';
import { parseHostName } from './host-name.ts';

const LOOK_EVERY_MS = 500;
const DRAIN_WAIT_MS = 10 * 60_000;

const wishCommand = (usage: string, wish: HostWish, rest: Pick<CommandSpec, 'summary' | 'details' | 'examples'>, done: string): CommandSpec => command({
  usage, ...rest,
  schema: z.object({}),
  run: async (context, _options, [name = '']) => {
    const host = parseHostName(name);
    return await withSession(context, { start: 'never' }, async ({ ops }) => {
      const answer = await ops.request('host-wish', { commandId: newCommandId(), host, wish });
      if (context.globals.json) context.terminal.out(JSON.stringify(answer.host, undefined, 2));
      else context.terminal.log('INFO', done, { host, state: answer.host.state });
      return EXIT.ok;
    });
  },
});

export const hostCordonCommand = wishCommand('cordon <host>', 'cordoned', {
  summary: 'let no new nodes onto a host', details: 'What it has stays. Holds over restarts, until `uncordon` or `drain`.', examples: ['labwright host cordon rack2-4a1f9c'],
}, 'The host gets no new nodes');

export const hostUncordonCommand = wishCommand('uncordon <host>', 'open', {
  summary: 'let nodes onto a host again, after a cordon or a drain', details: 'Nothing moves back by itself.', examples: ['labwright host uncordon rack2-4a1f9c'],
}, 'The host gets new nodes again');

export const hostDrainCommand = command({
  usage: 'drain <host>',
  summary: 'move all nodes away from a host, and let no new ones onto it',
  details: 'Nodes move one by one, each with its configuration as far as its kind can save it. Those that a lab file pins to the host stay and are named. A node whose configuration cannot be saved moves without it, and is named with the reason. Waits until no other node is left: exit code 4 when the time (--timeout, 10 minutes) is over, while the drain goes on.',
  examples: ['labwright host drain rack2-4a1f9c', 'labwright host drain rack2-4a1f9c --timeout 2m', 'labwright host drain rack2-4a1f9c --no-wait'],
  options: [{ flags: '--no-wait', text: 'say what is wished and do not wait' }],
  schema: z.object({ wait: z.boolean().default(true) }),
  run: async (context, { wait }, [name = '']) => {
    const host = parseHostName(name);
    return await withSession(context, { start: 'never' }, async (session) => {
      await session.ops.request('host-wish', { commandId: newCommandId(), host, wish: 'draining' });
      return wait ? await followDrain(context, session, host) : EXIT.ok;
    });
  },
});

async function followDrain({ terminal, globals }: Context, { ops }: Session, host: HostId): Promise<ExitCode> {
  const endAt = performance.now() + (globals.timeout ?? DRAIN_WAIT_MS);
  let [said, complained] = ['', ''];
  const unsaved = new Map<string, OpsResponse<'host'>['unsaved'][number]>();
  const seen = new Set<string>();
  for (;;) {
    const answer = await ops.request('host', { host });
    const { going, staying } = split(answer);
    for (const node of going) seen.add(nameOf(node));
    // What became of a node here is known only until it is saved elsewhere.
    for (const node of answer.unsaved) if (seen.has(nameOf(node))) unsaved.set(nameOf(node), node);
    const why = answer.stuck.map(({ lab, reason }) => `lab ${lab}: ${reason}`).join('\n');
    if (going.length === 0 || performance.now() > endAt) {
      if (globals.json) terminal.out(JSON.stringify({ host: answer.host, left: going, pinned: staying, stuck: answer.stuck, unsaved: [...unsaved.values()] }, undefined, 2));
      if (staying.length > 0) terminal.log('WARN', 'Nodes that their lab files pin to the host stay there', { nodes: staying.map(nameOf).join(', ') });
      for (const [reason, nodes] of Map.groupBy(unsaved.values(), (node) => node.reason)) terminal.log('WARN', 'Nodes lost their configuration, or a part of it', { nodes: nodes.map(nameOf).join(', '), why: reason });
      if (going.length === 0) terminal.log('INFO', 'The host is drained', { host });
      else terminal.log('ERRO', 'The time is over, the drain goes on', { host, left: going.map(nameOf).join(', '), ...(why === '' ? {} : { why }) });
      return going.length === 0 ? EXIT.ok : EXIT.timeout;
    }
    const words = `${going.length} node${going.length === 1 ? '' : 's'} left`;
    if (words !== said) terminal.log('INFO', 'Draining', { host, left: going.length, nodes: going.slice(0, 8).map(nameOf).join(', ') });
    said = words;
    if (why !== '' && why !== complained) terminal.log('WARN', 'Nodes cannot leave now; it is tried again', { why });
    complained = why;
    await delay(LOOK_EVERY_MS);
  }
}

function split({ nodes }: OpsResponse<'host'>) {
  return { going: nodes.filter((node) => !node.pinned), staying: nodes.filter((node) => node.pinned) };
}

const nameOf = ({ lab, node }: { lab: string; node: string }): string => `${lab}/${node}`;
