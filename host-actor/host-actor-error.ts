// Errors of the host-actor, and how any error becomes the failure that a report carries.

export type HostActorErrorCode =
  | 'config-invalid'
  | 'ledger-damaged'
  | 'superseded'
  | 'died-of-it'
  | 'bridge-missing'
  | 'container-missing'
  | 'container-not-running'
  | 'network-not-ready'
  | 'remote-unreachable'
  | 'tunnel-refused'
  | 'not-supported-yet'
  | 'file-not-here'
  | 'file-damaged'
  | 'unknown-node'
  | 'rpc-invalid'
  | 'aborted';

type Details = Readonly<Record<string, unknown>>;
type Fields = { readonly message: string; readonly retryable: boolean; readonly details?: Details; readonly log?: readonly string[]; readonly cause?: unknown };

/** An order or request that this host could not carry out. Judge by `code`. */
export class HostActorError extends Error {
  readonly code: HostActorErrorCode;
  readonly retryable: boolean;
  readonly details: Details;
  readonly log: readonly string[];

  constructor(code: HostActorErrorCode, fields: Fields) {
    super(fields.message, fields.cause === undefined ? {} : { cause: fields.cause });
    this.name = 'HostActorError';
    this.code = code;
    this.retryable = fields.retryable;
    this.details = fields.details ?? {};
    this.log = fields.log ?? [];
  }
}

export type Failure = { code: string; message: string; retryable: boolean; log: string[] };

/** What a report says of an error: code, retryability and log lines where the error names them, else `unexpected`. */
export function failureOf(error: unknown): Failure {
  if (!(error instanceof Error)) return { code: 'unexpected', message: String(error), retryable: true, log: [] };
  const code = 'code' in error && typeof error.code === 'string' ? error.code : 'unexpected';
  const retryable = 'retryable' in error && typeof error.retryable === 'boolean' ? error.retryable : true;
  return { code, message: error.message, retryable, log: logOf(error) };
}

function logOf(error: Error): string[] {
  if ('log' in error && Array.isArray(error.log)) return error.log.map(String);
  if ('details' in error && typeof error.details === 'object' && error.details !== null && 'log' in error.details && Array.isArray(error.details.log)) {
    return error.details.log.map(String);
  }
  return [];
}
