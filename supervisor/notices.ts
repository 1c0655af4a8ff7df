// News for people after each entry: what changed, as views; derived, never the truth.
import type { NatsConnection } from '@nats-io/transport-node';
import type { Evolution } from '../machines/evolve/evolve.ts';
import { deadlinesOf, labStateOf, linkView, nodeView, problemsOf } from '../machines/evolve/lab-view.ts';
import type { LabState } from '../machines/evolve/lab-state.ts';
import type { LogEntry } from '../machines/vocabulary/event.ts';
import type { Notice } from '../machines/vocabulary/lab-view.ts';
import { noticeSubject } from '../nats/subjects.ts';
import { secretsOf, withoutSecrets } from './secrets.ts';

/** Renders the notice of one committed entry. */
export function renderNotice(entry: LogEntry, evolution: Evolution): Notice {
  const { state, nodes, links, gone, news } = evolution;
  // Everybody hears notices.
  return withoutSecrets<Notice>({
    v: 1, lab: entry.lab, n: entry.n, at: entry.at, state: labStateOf(state),
    nodes: nodes.flatMap((id) => nodeView(state, id) ?? []),
    links: links.flatMap((id) => linkView(state, id) ?? []),
    gone: [...gone], news: [...news],
    problems: problemsOf(state), deadlines: deadlinesOf(state),
  }, secretsOf(state.spec));
}

/** Renders how far a long step has come; it stands in no entry, so it bears the number of the last one. */
export function renderProgress(state: LabState, at: number, progress: NonNullable<Notice['progress']>): Notice {
  return { v: 1, lab: state.id, n: state.n, at, state: labStateOf(state), nodes: [], links: [], gone: [], news: [], problems: [], deadlines: [], progress };
}

/** Sends it to whoever listens; a lost notice shows as a gap in `n`. */
export function publishNotice(nc: NatsConnection, notice: Notice): void {
  if (!nc.isClosed()) nc.publish(noticeSubject(notice.lab), JSON.stringify(notice));
}
