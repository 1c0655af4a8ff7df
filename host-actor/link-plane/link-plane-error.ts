// The one error class of the link plane: judged by its code, readable by a person.

export type LinkPlaneErrorCode =
  | 'invalid-wire'
  | 'name-taken'
  | 'inner-name-taken'
  | 'index-taken'
  | 'mark-taken'
  | 'namespace-missing'
  | 'namespace-taken'
  | 'bridge-missing'
  | 'parent-missing'
  | 'vni-taken'
  | 'udp-port-taken'
  | 'kernel-refused'
  | 'kernel-lacks'
  | 'not-supported-yet'
  | 'not-joined'
  | 'unknown-wire'
  | 'switch-away'
  | 'switch-refused'
  | 'vlan-taken'
  | 'plane-full'
  | 'tool-failed'
  | 'deadline';

export type LinkPlaneErrorDetails = Readonly<Record<string, string | number | boolean>>;

const RETRYABLE: ReadonlySet<LinkPlaneErrorCode> = new Set(['namespace-missing', 'switch-away', 'not-joined', 'tool-failed', 'deadline', 'vni-taken', 'udp-port-taken']);

/** An accident or refusal of the link plane; `retryable` says whether the same order may succeed later with nothing changed by hand. */
export class LinkPlaneError extends Error {
  readonly code: LinkPlaneErrorCode;
  readonly retryable: boolean;
  readonly details: LinkPlaneErrorDetails;

  constructor(code: LinkPlaneErrorCode, message: string, details: LinkPlaneErrorDetails = {}, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'LinkPlaneError';
    this.code = code;
    this.retryable = RETRYABLE.has(code);
    this.details = details;
  }
}
