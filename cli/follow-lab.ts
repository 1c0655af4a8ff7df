// Follows a lab from its present state on, until a condition holds, a deadline passes or the user leaves.
import type { LabId } from '../machines/vocabulary/ids.ts';
import type { LabView, Notice } from '../machines/vocabulary/lab-view.ts';
import type { OpsClient } from '../nats/ops-client.ts';

export type Followed = { readonly view: LabView; readonly reached: boolean };

/**
 * Resolves with the view that fulfils `until`, or with the last one when `timeoutMs` is over.
 * @param onChange - called with the first view and with each notice folded into the view
 */
export async function followLab(
  ops: OpsClient,
  lab: LabId,
  options: { until: (view: LabView) => boolean; timeoutMs: number; onChange?: (view: LabView, notice?: Notice) => void },
): Promise<Followed> {
  const abort = new AbortController();
  const timer = setTimeout(() => abort.abort(), options.timeoutMs);
  let last: LabView | null = null;
  try {
    for await (const { view, notice } of ops.watch(lab, abort.signal)) {
      last = view;
      options.onChange?.(view, notice);
      if (options.until(view)) return { view, reached: true };
    }
  } finally {
    clearTimeout(timer);
    abort.abort();
  }
  return { view: last ?? (await ops.request('inspect', {}, { lab })), reached: false };
}
