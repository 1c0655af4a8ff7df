// Follows the engine's events of our containers over lost connections and engine restarts.
import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import type { HostId } from '../../../machines/vocabulary/ids.ts';
import type { NodeEvent, NodeEventAction, VerbOptions, WatchItem } from '../provider.ts';
import { ownLabel, readIdentity } from './container-labels.ts';
import type { EngineClient } from './engine-client.ts';
import { engineText } from './engine-client.ts';
import { readLines } from './stream-frames.ts';

const actions: readonly NodeEventAction[] = ['create', 'start', 'die', 'kill', 'oom', 'stop', 'restart', 'pause', 'unpause', 'rename', 'destroy', 'health_status'];
const firstRetryMs = 50;
const lastRetryMs = 2_000;

export interface EventWatch {
  readonly hostId: HostId;
  /** Cursor of the last event that was taken; now where absent. */
  readonly since?: string;
  readonly signal: AbortSignal;
  readonly onItem: (item: WatchItem) => void;
}

/** Runs until the signal. After a lost connection it goes on behind the last event; each event is given once. */
export async function watchEngineEvents(engine: EngineClient, watch: EventWatch): Promise<void> {
  const news = new NewEvents(watch.since ?? cursorOfMs(Date.now()));
  let retryMs = firstRetryMs;
  while (!watch.signal.aborted) {
    try {
      const stream = await engine.open((docker) =>
        docker.getEvents({ ...eventsOf(watch.hostId), since: secondsOf(news.cursor), abortSignal: watch.signal }),
      );
      retryMs = firstRetryMs;
      watch.onItem({ kind: 'connected' });
      for await (const line of readLines(iterate(stream))) {
        const event = parseEngineEvent(line);
        if (event !== undefined && news.admit(event)) watch.onItem({ kind: 'event', event });
      }
      if (!watch.signal.aborted) watch.onItem({ kind: 'disconnected', reason: 'the engine ended the event stream' });
    } catch (error) {
      if (watch.signal.aborted) return;
      watch.onItem({ kind: 'disconnected', reason: engineText(error) });
    }
    await delay(retryMs, undefined, { signal: watch.signal }).catch(() => {});
    retryMs = Math.min(retryMs * 2, lastRetryMs);
  }
}

/** What the engine still remembers behind the cursor (its last 256 events of all kinds, none from before its own start). */
export async function readEngineEventsSince(engine: EngineClient, cursor: string, hostId: HostId, options: VerbOptions = {}): Promise<readonly NodeEvent[]> {
  const news = new NewEvents(cursor);
  const range = { ...eventsOf(hostId), since: secondsOf(cursor), until: Date.now() / 1000 };
  return engine.call({ what: 'reading past engine events', ...options, lane: 'read' }, async (docker, abortSignal) => {
    const stream = await docker.getEvents({ ...range, abortSignal });
    const events: NodeEvent[] = [];
    for await (const line of readLines(iterate(stream))) {
      const event = parseEngineEvent(line);
      if (event !== undefined && news.admit(event)) events.push(event);
    }
    return events;
  });
}

const engineEvent = z.object({
  Action: z.string(),
  Actor: z.object({ ID: z.string(), Attributes: z.record(z.string(), z.string()) }),
  time: z.number(),
});

/** One line of the engine's stream; undefined for what is not about one of our containers. Pure. */
export function parseEngineEvent(line: string): NodeEvent | undefined {
  const parsed = engineEvent.safeParse(parseJson(line));
  if (!parsed.success) return undefined;
  const { Action, Actor, time } = parsed.data;
  const [name = '', detail] = Action.split(': ');
  const action = actions.find((known) => known === name);
  const identity = readIdentity(Actor.Attributes);
  if (action === undefined || identity === undefined) return undefined;
  // Nanoseconds do not fit into a number, so they are taken from the text.
  const nano = /"timeNano":(\d+)/.exec(line)?.[1] ?? `${time}000000000`;
  return {
    action,
    runtimeId: Actor.ID,
    labId: identity.labId,
    nodeId: identity.nodeId,
    generation: identity.generation,
    name: Actor.Attributes['name'] ?? '',
    at: Number(nano.slice(0, -6)),
    cursor: `${nano.slice(0, -9)}.${nano.slice(-9)}`,
    exitCode: readNumber(Actor.Attributes['exitCode']),
    signal: readNumber(Actor.Attributes['signal']),
    oldName: Actor.Attributes['oldName']?.replace(/^\//, ''),
    health: action === 'health_status' ? detail : undefined,
  };
}

/** The engine is asked from the full second before, and may give events of one moment in any order: what was given is known by its key. */
class NewEvents {
  cursor: string;
  readonly #from: string;
  readonly #keys = new Set<string>();

  constructor(from: string) {
    this.#from = from;
    this.cursor = from;
  }

  admit(event: NodeEvent): boolean {
    const key = `${event.cursor} ${event.runtimeId} ${event.action}`;
    if (event.cursor <= this.#from || this.#keys.has(key)) return false;
    this.#keys.add(key);
    // Sets keep their order: the oldest key goes. The engine itself remembers 256 events.
    if (this.#keys.size > 1024) for (const oldest of [...this.#keys].slice(0, 512)) this.#keys.delete(oldest);
    if (event.cursor > this.cursor) this.cursor = event.cursor;
    return true;
  }
}

function eventsOf(hostId: HostId) {
  return { filters: { type: ['container' as const], label: [`${ownLabel.host}=${hostId}`], event: [...actions] } };
}

function secondsOf(cursor: string): number {
  return Number(cursor.split('.')[0]) - 1;
}

function cursorOfMs(ms: number): string {
  return `${Math.floor(ms / 1000)}.${String(ms % 1000).padStart(3, '0')}000000`;
}

/** The client's types promise less than the stream it gives. */
function iterate(stream: NodeJS.ReadableStream): AsyncIterable<Buffer | string> {
  return stream;
}

function parseJson(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

function readNumber(text: string | undefined): number | undefined {
  const value = Number(text);
  return text === undefined || Number.isNaN(value) ? undefined : value;
}
