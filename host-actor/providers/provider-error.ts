// The error every provider throws: what failed on which object, why, and what the user can do about it.

export type ProviderErrorCode =
  | 'cancelled'
  | 'capability-not-possible'
  | 'bind-source-missing'
  | 'command-not-found'
  | 'container-absent'
  | 'engine-failed'
  | 'engine-timeout'
  | 'engine-unreachable'
  | 'exec-timeout'
  | 'exec-unparsable'
  | 'file-too-large'
  | 'image-absent'
  | 'image-broken'
  | 'image-pull-failed'
  | 'name-invalid'
  | 'name-taken'
  | 'newer-generation'
  | 'not-running'
  | 'privileged-not-possible'
  | 'sandbox-mismatch'
  | 'sandbox-missing'
  | 'spec-invalid'
  | 'start-failed';

/** Extra facts of an error; plain data that may cross the wire. */
export type ProviderErrorDetails = Readonly<Record<string, string | number | boolean | readonly string[]>>;

interface ProviderErrorOptions {
  readonly retryable?: boolean;
  readonly details?: ProviderErrorDetails;
  readonly cause?: unknown;
}

/** An accident at a provider. Judge by `code`; `message` is for people. */
export class ProviderError extends Error {
  readonly code: ProviderErrorCode;
  readonly retryable: boolean;
  readonly details: ProviderErrorDetails;

  constructor(code: ProviderErrorCode, message: string, options: ProviderErrorOptions = {}) {
    super(message, { cause: options.cause });
    this.name = 'ProviderError';
    this.code = code;
    this.retryable = options.retryable ?? false;
    this.details = options.details ?? {};
  }
}

/** True for a ProviderError, of one of the codes where any are given. */
export function isProviderError(error: unknown, ...codes: readonly ProviderErrorCode[]): error is ProviderError {
  return error instanceof ProviderError && (codes.length === 0 || codes.includes(error.code));
}
