// events: what happens to containers and interfaces of the labs, as it happens.
import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import type { LabId } from '../../machines/vocabulary/ids.ts';
import type { LabView } from '../../machines/vocabulary/lab-view.ts';
import { command } from '../command-spec.ts';
import { Duration, withSession } from '../context.ts';
import type { Context } from '../context.ts';
import { EXIT } from '../exit-code.ts';
import type { ExitCode } from '../exit-code.ts';
import { withLab } from '../find-lab.ts';
import type { Session } from '../open-client.ts';
import { counterEvents, readCounters } from '../output/interface-counters.ts';
import type { Counters } from '../output/interface-counters.ts';
import { eventsBetween, renderEvent, snapshotEvents } from '../output/lab-events.ts';
import type { LabEvent } from '../output/lab-events.ts';

const STATS_INTERVAL_MS = 1_000;

const Options = z.object({
  format: z.enum(['plain', 'json']).default('plain'),
  initialState: z.boolean().default(false),
  interfaceStats: z.union([z.boolean(), z.enum(['true', 'false']).transform((text) => text === 'true')]).default(false),
  interfaceStatsInterval: Duration.optional(),
});
type Options = z.infer<typeof Options>;

export const eventsCommand = command({
  usage: 'events',
  summary: 'stream what happens to containers and interfaces',
  details: 'Of all labs, or of the one that -t or --name names. Ends with Ctrl-C.',
  examples: ['labwright events', 'labwright events --format json --initial-state'],
  options: [
    { flags: '-f, --format <format>', text: 'output format', choices: ['plain', 'json'] },
    { flags: '-i, --initial-state', text: 'begin with what is there' },
    { flags: '-s, --interface-stats [bool]', text: 'also counters of the interfaces, read in the nodes' },
    { flags: '--interface-stats-interval <duration>', text: 'time between two readings' },
  ],
  schema: Options,
  run: async (context, options) => {
    const { topo, name } = context.globals;
    if (topo === undefined && name === undefined) return await withSession(context, { start: 'known' }, async (session) => await stream(context, session, { options }));
    return await withLab(context, { start: 'known' }, async (session, lab) => await stream(context, session, { options, only: lab }));
  },
});

async function stream(context: Context, session: Session, { options, only }: { options: Options; only?: LabId }): Promise<ExitCode> {
  const abort = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => abort.abort());
  const asJson = context.globals.json || options.format === 'json';
  const print = (events: readonly LabEvent[]) => {
    for (const event of events) context.terminal.out(asJson ? JSON.stringify(event) : renderEvent(event));
  };
  const views = new Map<LabId, LabView>();
  const counting = options.interfaceStats ? count(session, { views, print, intervalMs: options.interfaceStatsInterval ?? STATS_INTERVAL_MS, signal: abort.signal }) : undefined;
  for await (const { view, before, notice, present } of session.ops.watchAll(abort.signal, only)) {
    views.set(view.lab, view);
    if (!present) print(eventsBetween(before, view, notice?.at ?? Date.now()));
    else if (options.initialState) print(snapshotEvents(view, Date.now()));
  }
  abort.abort();
  await counting;
  return EXIT.ok;
}

type Counting = { views: ReadonlyMap<LabId, LabView>; print: (events: readonly LabEvent[]) => void; intervalMs: number; signal: AbortSignal };

async function count({ ops }: Session, { views, print, intervalMs, signal }: Counting): Promise<void> {
  const last = new Map<string, Counters>();
  while (!signal.aborted) {
    for (const view of views.values()) {
      const [first, ...rest] = view.nodes.filter((node) => node.state === 'running').map((node) => node.node);
      if (first === undefined) continue;
      const answer = await ops.request('node-exec', { nodes: [first, ...rest], argv: ['cat', '/proc/net/dev'], timeoutMs: 5_000 }, { lab: view.lab, timeoutMs: 10_000 }).catch(() => undefined);
      const at = Date.now();
      for (const result of answer?.results ?? []) {
        const node = view.nodes.find((one) => one.node === result.node);
        if (node === undefined || result.exitCode !== 0) continue;
        const now: Counters = { at, interfaces: readCounters(result.stdout) };
        print(counterEvents({ view, node, before: last.get(node.containerName), now }));
        last.set(node.containerName, now);
      }
    }
    await delay(intervalMs, undefined, { signal }).catch(() => undefined);
  }
}
