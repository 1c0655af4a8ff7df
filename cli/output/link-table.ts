// The table of links: ends, state, MTU, impairments, and why a link is not up.
import type { Impairment } from '../../machines/vocabulary/lab-spec.ts';
import type { LinkView } from '../../machines/vocabulary/lab-view.ts';
import { renderTable } from './table.ts';

export function renderLinkTable(links: readonly LinkView[], paintState: (state: string) => string): string {
  const rows = links.map((link) => [link.a.label, link.b.label, link.type, link.admin, paintState(link.state), String(link.mtu), renderImpairment(link.impairment), String(link.repairs), link.reason.split('\n')[0] ?? '']);
  return renderTable(['A', 'B', 'Type', 'Admin', 'State', 'MTU', 'Impairment', 'Repairs', 'Reason'], rows);
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
