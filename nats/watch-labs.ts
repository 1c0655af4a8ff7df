// The state of one lab, or of all, followed without a gap: first what is there, then each change folded into it.
import { setTimeout as delay } from 'node:timers/promises';
import type { NatsConnection } from '@nats-io/transport-node';
import type { LabId } from '../machines/vocabulary/ids.ts';
import type { LabView, Notice } from '../machines/vocabulary/lab-view.ts';
import { openNoticeInbox } from './notice-inbox.ts';
import type { NoticeInbox } from './notice-inbox.ts';
import { OpsRequestError } from './errors.ts';
import type { OpsRequest, OpsResponse, OpsVerb } from './ops-contract.ts';

/** `before`: the view that this one follows; unset with the first one of a lab. No `notice`: it was asked for. `present`: it was there when the watch began. */
export type Watched = { readonly view: LabView; readonly before?: LabView; readonly notice?: Notice; readonly present: boolean };

type Ask = <V extends OpsVerb>(verb: V, request: OpsRequest<V>, options?: { lab?: LabId; timeoutMs?: number }) => Promise<OpsResponse<V>>;
type Source = { readonly nc: NatsConnection; readonly ask: Ask; readonly signal: AbortSignal };
type Views = Map<LabId, LabView>;
/** Labs of which more may have happened than was heard. */
type FindStale = (views: Views) => Promise<readonly LabId[]>;

/** How long silence is believed before the state is asked for: the last notice before a silence leaves no gap behind. */
const SILENCE_MS = 5_000;
const AGAIN_EVERY_MS = 200;

/** Follows one lab. Ends with the signal. @throws {OpsRequestError} `lab-not-found` and others, at its start. */
export async function* watchLab(source: Source, lab: LabId): AsyncGenerator<Watched, void, void> {
  const inbox = openNoticeInbox(source.nc, source.signal, lab);
  try {
    // The subscription exists before the present state is asked for, so nothing falls between the two.
    await source.nc.flush();
    const view = await source.ask('inspect', {}, { lab });
    yield { view, present: true };
    yield* follow(source, inbox, new Map([[lab, view]]), async () => [lab]);
  } finally {
    inbox.close();
  }
}

/** Follows all labs, or the one named, also those that are not there yet. Ends with the signal. */
export async function* watchLabs(source: Source, only?: LabId): AsyncGenerator<Watched, void, void> {
  const inbox = openNoticeInbox(source.nc, source.signal, only);
  const views: Views = new Map();
  const findStale: FindStale = async (known) => {
    const { labs } = await source.ask('list', { destroyed: false }, { timeoutMs: 5_000 });
    const living = new Map(labs.map(({ lab, n }) => [lab, n]));
    const all = new Set([...living.keys(), ...[...known.values()].filter(isThere).map(({ lab }) => lab)]);
    return [...all].filter((lab) => (only === undefined || lab === only) && living.get(lab) !== known.get(lab)?.n);
  };
  try {
    await source.nc.flush();
    for (const lab of await findStale(views)) {
      const view = await inspect(source.ask, lab);
      if (view === undefined || !isThere(view)) continue;
      views.set(lab, view);
      yield { view, present: true };
    }
    yield* follow(source, inbox, views, findStale);
  } finally {
    inbox.close();
  }
}

const isThere = ({ state }: LabView): boolean => state !== 'destroyed' && state !== 'absent';

async function* follow(source: Source, inbox: NoticeInbox, views: Views, findStale: FindStale): AsyncGenerator<Watched, void, void> {
  const change = (view: LabView, notice?: Notice): Watched => {
    const before = views.get(view.lab);
    views.set(view.lab, view);
    return { view, present: false, ...(before === undefined ? {} : { before }), ...(notice === undefined ? {} : { notice }) };
  };
  for (;;) {
    const next = await inbox.next(SILENCE_MS);
    if (next === 'end') return;
    if (next === 'silence') {
      for (const lab of (await patiently(source.signal, async () => await findStale(views))) ?? []) {
        const now = await presentView(source, views, lab);
        if (now !== undefined) yield change(now);
      }
      continue;
    }
    const before = views.get(next.lab);
    if (next.progress) {
      if (before !== undefined) yield change(withProgress(before, next.progress), next);
      continue;
    }
    // A pruned log begins again at 1; anything else that is not newer was in the state that was asked for.
    if (before !== undefined && next.n <= before.n && next.n !== 1) continue;
    const now = before !== undefined && next.n === before.n + 1 ? foldNotice(before, next) : await presentView(source, views, next.lab);
    if (now !== undefined) yield change(now, next);
  }
}

/** The lab as it is, however long the supervisor or the server is away; undefined when that is no news, or the watch ended meanwhile. */
async function presentView({ ask, signal }: Source, views: Views, lab: LabId): Promise<LabView | undefined> {
  const answer = await patiently(signal, async () => ({ view: await inspect(ask, lab) }));
  if (answer === undefined) return undefined;
  const before = views.get(lab);
  if (before === undefined) return answer.view !== undefined && isThere(answer.view) ? answer.view : undefined;
  // Its log was pruned: what was known of it is gone.
  if (answer.view === undefined) return isThere(before) ? { ...before, state: 'destroyed', nodes: [], links: [], problems: [], deadlines: [] } : undefined;
  return answer.view.n === before.n ? undefined : answer.view;
}

async function inspect(ask: Ask, lab: LabId): Promise<LabView | undefined> {
  try {
    return await ask('inspect', {}, { lab, timeoutMs: 5_000 });
  } catch (error) {
    if (error instanceof OpsRequestError && error.code === 'lab-not-found') return undefined;
    throw error;
  }
}

async function patiently<T>(signal: AbortSignal, question: () => Promise<T>): Promise<T | undefined> {
  while (!signal.aborted) {
    try {
      return await question();
    } catch (error) {
      if (!(error instanceof OpsRequestError) || !error.retryable || error.code === 'connection-closed') throw error;
      await delay(AGAIN_EVERY_MS);
    }
  }
  return undefined;
}

function withProgress(view: LabView, { node, text }: NonNullable<Notice['progress']>): LabView {
  return { ...view, nodes: view.nodes.map((one) => (one.node === node ? { ...one, waitingFor: text } : one)) };
}

/** The view after one notice that directly follows it. */
export function foldNotice(view: LabView, notice: Notice): LabView {
  const gone = new Set(notice.gone);
  const merge = <T>(old: readonly T[], news: readonly T[], id: (item: T) => string): T[] => {
    const byId = new Map(old.filter((item) => !gone.has(id(item))).map((item) => [id(item), item]));
    for (const item of news) byId.set(id(item), item);
    return [...byId.values()].toSorted((a, b) => (id(a) < id(b) ? -1 : 1));
  };
  return {
    ...view, n: notice.n, state: notice.state, problems: notice.problems, deadlines: notice.deadlines,
    nodes: merge(view.nodes, notice.nodes, (node) => node.node),
    links: merge(view.links, notice.links, (link) => link.link),
  };
}
