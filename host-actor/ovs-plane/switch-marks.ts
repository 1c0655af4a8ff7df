// How what is ours is told from what is not in a switch: marks in the database, and cookies of rules.
import { createHash } from 'node:crypto';

/** Keys of `external_ids`. */
export const MARK = { port: 'labwright-mark', wire: 'labwright-wire', ifindex: 'labwright-ifindex', bridge: 'labwright' } as const;
export const BRIDGE_OWNER = 'cross-connect';

const PREFIX = 0x6c77n;
const PREFIX_SHIFT = 48n;

/** Cookie of the rules for frames that come in at the port of this mark: `lw` and six bytes of the mark's hash. */
export function cookieOf(mark: string): bigint {
  return (PREFIX << PREFIX_SHIFT) | BigInt(`0x${createHash('sha256').update(mark).digest('hex').slice(0, 12)}`);
}

/** Whether a rule is ours, of whichever port. */
export function isOurCookie(cookie: bigint): boolean {
  return cookie >> PREFIX_SHIFT === PREFIX;
}
