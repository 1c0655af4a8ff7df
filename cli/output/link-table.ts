// The table of links: ends, how they leave their host, what joins them, state, MTU, impairments, and why a link is not up.
import type { Impairment } from '../../machines/vocabulary/lab-spec.ts';
import type { LinkView } from '../../machines/vocabulary/lab-view.ts';
import { over } from './fragments.ts';
import { renderTable } from './table.ts';

export function renderLinkTable(links: readonly LinkView[], paintState: (state: string) => string): string {
  // Where all links are as they are by default, a column says nothing.
  const shown = links.some((link) => !['tc', '-'].includes(renderPlanes(link)));
  const leaves = links.some((link) => renderWay(link) !== LOCAL);
  const rows = links.map((link) => [link.a.label, link.b.label, link.type, ...(leaves ? [renderWay(link)] : []), ...(shown ? [renderPlanes(link)] : []), link.admin, paintState(link.state), String(link.mtu), renderImpairment(link.impairment), String(link.repairs), link.reason.split('\n')[0] ?? '']);
  return renderTable(['A', 'B', 'Type', ...(leaves ? ['Way'] : []), ...(shown ? ['Plane'] : []), 'Admin', 'State', 'MTU', 'Impairment', 'Repairs', 'Reason'], rows);
}

const LOCAL = 'local';

/** `local`, or how it leaves its host: `h1-h2, VNI 4097`. To a tunnel end of somebody else nothing but the own end is known. */
function renderWay({ type, tunnel }: LinkView): string {
  if (tunnel) return `${tunnel.a.host}-${tunnel.b.host}, VNI ${tunnel.vni}${tunnel.fragmented ? `, packets ${over(tunnel.whole)} fragmented` : ''}`;
  return type === 'vxlan' || type === 'vxlan-stitch' ? 'far end not proved' : LOCAL;
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
