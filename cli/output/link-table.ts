// The table of links: ends, what joins them, state, MTU, impairments, and why a link is not up.
import type { Impairment } from '../../machines/vocabulary/lab-spec.ts';
import type { LinkView } from '../../machines/vocabulary/lab-view.ts';
import { renderTable } from './table.ts';

export function renderLinkTable(links: readonly LinkView[], paintState: (state: string) => string): string {
  // Where all links are as they are by default, the column says nothing.
  const shown = links.some((link) => !['tc', '-'].includes(renderPlanes(link)));
  const rows = links.map((link) => [link.a.label, link.b.label, link.type, ...(shown ? [renderPlanes(link)] : []), link.admin, paintState(link.state), String(link.mtu), renderImpairment(link.impairment), String(link.repairs), link.reason.split('\n')[0] ?? '']);
  return renderTable(['A', 'B', 'Type', ...(shown ? ['Plane'] : []), 'Admin', 'State', 'MTU', 'Impairment', 'Repairs', 'Reason'], rows);
}

/** `tc`, or `tc, ovs` where the planes of the two ends differ; `-` for none. */
function renderPlanes({ planes }: LinkView): string {
  const [a = '-', b = '-'] = [planes?.a, planes?.b];
  return a === b ? a : `${a}, ${b}`;
}

/** `delay 20ms, loss 1%`; `-` for none. */
export function renderImpairment(impairment: Impairment): string {
  const parts = [
    impairment.delayMs === undefined ? '' : `delay ${impairment.delayMs}ms`,
    impairment.jitterMs === undefined ? '' : `jitter ${impairment.jitterMs}ms`,
    impairment.lossPercent === undefined ? '' : `loss ${impairment.lossPercent}%`,
    impairment.rateKbps === undefined ? '' : `rate ${impairment.rateKbps}kbit/s`,
    impairment.corruptionPercent === undefined ? '' : `corruption ${impairment.corruptionPercent}%`,
    impairment.duplicationPercent === undefined ? '' : `duplication ${impairment.duplicationPercent}%`,
  ].filter((part) => part !== '');
  return parts.join(', ') || '-';
}
