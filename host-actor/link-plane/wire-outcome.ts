// What became of the order for a wire, and how the kernel's refusals become errors with a code.
import type { InnerWork } from './plan-wires.ts';
import { LinkPlaneError, type LinkPlaneErrorCode } from './link-plane-error.ts';
import type { LineFailure } from './run-batch.ts';
import type { Wire, WireFault, WireState } from './wire.ts';

/** `changed` = something was made or mended now. `warnings`: lines inside the namespace that failed (addresses, routes). */
export type WireOutcome =
  | { readonly ok: true; readonly state: WireState; readonly changed: boolean; readonly warnings: readonly string[] }
  | { readonly ok: false; readonly error: LinkPlaneError; readonly state?: WireState };

const REFUSAL_CODES: Readonly<Partial<Record<WireFault['kind'], LinkPlaneErrorCode>>> = {
  'name-taken': 'name-taken',
  'bridge-missing': 'bridge-missing',
  'index-taken': 'index-taken',
  'switch-away': 'switch-away',
  'port-taken': 'name-taken',
  'vlan-taken': 'vlan-taken',
  'plane-full': 'plane-full',
};

/** A fault that only a person can mend. */
export function refusalError(wire: Wire, fault: WireFault): LinkPlaneError {
  const code = REFUSAL_CODES[fault.kind] ?? 'kernel-refused';
  return new LinkPlaneError(code, `link cannot be made: ${fault.detail ?? fault.kind} (wire ${wire.id}, end ${fault.side})`, { wireId: wire.id, side: fault.side });
}

/** A line that the kernel refused. The host's own names were seen free just before, so an existing name is the one inside the node. */
export function lineError(failure: LineFailure): LinkPlaneError {
  const message = `link cannot be made: ${failure.reason} (wire ${failure.owner}, line: ${failure.text})`;
  return new LinkPlaneError(lineErrorCode(failure), message, { wireId: failure.owner, reason: failure.reason });
}

/** Nothing was refused, yet the read-back is not what was ordered. */
export function notJoinedError(wire: Wire, state: WireState, aborted: string | undefined): LinkPlaneError {
  const faults = state.faults.map((fault) => `${fault.kind} at end ${fault.side}${fault.detail === undefined ? '' : ` (${fault.detail})`}`).join(', ');
  const reason = aborted === undefined ? '' : `; a batch ended early: ${aborted}`;
  return new LinkPlaneError('not-joined', `link was made but reads back wrong: ${faults}${reason} (wire ${wire.id})`, { wireId: wire.id });
}

export function namespaceMissingError(wire: Wire, netns: string): LinkPlaneError {
  return new LinkPlaneError('namespace-missing', `link cannot be made: no network namespace ${netns} (wire ${wire.id})`, { wireId: wire.id, netns });
}

export function innerWarning(work: InnerWork | undefined, failure: LineFailure): string {
  return `${failure.text}: ${failure.reason}${work === undefined ? '' : ` (end ${work.side})`}`;
}

function lineErrorCode({ text, reason }: LineFailure): LinkPlaneErrorCode {
  const exists = reason.includes('File exists') || reason.includes('altname');
  if (reason.includes('specified VNI already exists')) return 'vni-taken';
  if (reason.includes('Address already in use')) return 'udp-port-taken';
  if (text.startsWith('link property add')) return exists ? 'mark-taken' : 'kernel-refused';
  if (text.startsWith('link add') && reason.includes('File exists')) return 'inner-name-taken';
  if (/Unknown device type|not supported|kind is unknown/i.test(reason)) return 'kernel-lacks';
  return 'kernel-refused';
}
