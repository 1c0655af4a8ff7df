// What can go wrong with the management network of a lab, by code.

export type MgmtNetworkErrorCode =
  | 'command-failed'
  | 'engine-refused'
  | 'bridge-missing'
  | 'device-taken'
  | 'subnet-overlaps'
  | 'port-in-use'
  | 'state-unreadable'
  | 'hosts-file-broken'
  | 'aborted';

/** An accident while making, checking or removing a management network. `retryable`: the same call may succeed later. */
export class MgmtNetworkError extends Error {
  override readonly name = 'MgmtNetworkError';
  readonly code: MgmtNetworkErrorCode;
  readonly retryable: boolean;
  readonly details: Record<string, unknown>;

  constructor(fault: { code: MgmtNetworkErrorCode; message: string; retryable: boolean; details?: Record<string, unknown>; cause?: unknown }) {
    super(fault.message, fault.cause === undefined ? undefined : { cause: fault.cause });
    this.code = fault.code;
    this.retryable = fault.retryable;
    this.details = fault.details ?? {};
  }
}
