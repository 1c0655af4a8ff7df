// Follows all labs, or one, from their present state on: first what is there, then each change with the view before it.
import type { LabId } from '../machines/vocabulary/ids.ts';
import type { LabView, Notice } from '../machines/vocabulary/lab-view.ts';
import { foldNotice } from '../nats/ops-client.ts';
import { inspectIfThere } from './lab-exists.ts';
import type { Session } from './open-client.ts';

export type LabChange =
  | { readonly kind: 'present'; readonly view: LabView }
  | { readonly kind: 'changed'; readonly before: LabView | undefined; readonly view: LabView; readonly notice: Notice };

/** Nothing falls between the present state and the first change. Ends with the signal. */
export async function* watchLabs({ ops, nc }: Session, signal: AbortSignal, only?: LabId): AsyncGenerator<LabChange, void, void> {
  const live = ops.notices(signal, only);
  // The subscription exists before the present state is asked for.
  const first = live.next();
  await nc.flush();
  const views = new Map<LabId, LabView>();
  const names = only === undefined ? (await ops.request('list', { destroyed: false })).labs.map(({ lab }) => lab) : [only];
  for (const lab of names) {
    const view = await inspectIfThere(ops, lab);
    if (view === undefined) continue;
    views.set(lab, view);
    yield { kind: 'present', view };
  }
  for (let next = await first; !next.done; next = await live.next()) {
    const notice = next.value;
    const before = views.get(notice.lab);
    if (before !== undefined && notice.n <= before.n) continue;
    const view = before !== undefined && notice.n === before.n + 1 ? foldNotice(before, notice) : await ops.request('inspect', {}, { lab: notice.lab });
    views.set(notice.lab, view);
    yield { kind: 'changed', before, view, notice };
  }
}
