// Words of the queueing discipline that makes a link slow, late or lossy.
import type { Impairment } from '../../machines/vocabulary/lab-spec.ts';

/** A queueing discipline with its parameters, as tc takes it after `root`. */
export type Qdisc = { readonly kind: 'tbf' | 'netem'; readonly words: string };

/** Kinds that we set; any other on a host end is the kernel's default. */
export const SHAPING_KINDS: ReadonlySet<string> = new Set(['tbf', 'netem']);

const TBF_LATENCY_MS = 50;

/** What an impairment becomes, or undefined for none. A rate alone needs tbf only, which every kernel has; the rest needs netem.
 *  Units as in Impairment (ms, per cent, kbit/s). Source: tc-tbf(8), tc-netem(8). */
export function impairmentQdisc(impairment: Impairment | undefined, mtu: number): Qdisc | undefined {
  const { delayMs = 0, jitterMs = 0, lossPercent = 0, rateKbps, corruptionPercent = 0, duplicationPercent = 0 } = impairment ?? {};
  const words = [
    delayMs > 0 || jitterMs > 0 ? `delay ${plain(delayMs)}ms ${plain(jitterMs)}ms` : '',
    lossPercent > 0 ? `loss ${plain(lossPercent)}%` : '',
    corruptionPercent > 0 ? `corrupt ${plain(corruptionPercent)}%` : '',
    duplicationPercent > 0 ? `duplicate ${plain(duplicationPercent)}%` : '',
  ].filter((word) => word !== '');
  if (words.length > 0) {
    const rate = rateKbps === undefined ? [] : [`rate ${plain(rateKbps)}kbit`];
    return { kind: 'netem', words: ['netem', ...words, ...rate].join(' ') };
  }
  if (rateKbps === undefined) return undefined;
  // A bucket smaller than two frames would let none pass; a hundredth of a second keeps fast rates reachable.
  const burstBytes = Math.ceil(Math.max(2 * mtu, (rateKbps * 1000) / 8 / 100));
  return { kind: 'tbf', words: `tbf rate ${plain(rateKbps)}kbit burst ${burstBytes} latency ${TBF_LATENCY_MS}ms` };
}

/** tc reads no exponents. */
function plain(value: number): string {
  return Number(value.toFixed(4)).toString();
}
