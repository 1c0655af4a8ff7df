// The one error class of the embedded controller: what failed, on what, why, and what to do about it.

export type ControllerErrorCode =
  | 'address-not-here'
  | 'bad-bundle'
  | 'bad-listen'
  | 'bad-ssh-target'
  | 'bad-state-file'
  | 'copied-identity'
  | 'empty-secret'
  | 'lock-tool-missing'
  | 'host-in-use'
  | 'host-key-changed'
  | 'host-key-unknown'
  | 'host-not-ready'
  | 'incompatible'
  | 'is-controller'
  | 'is-host'
  | 'locked-by-stranger'
  | 'name-in-use'
  | 'nats-not-running'
  | 'not-listening'
  | 'other-identity'
  | 'own-host'
  | 'nats-server-missing'
  | 'nats-server-too-old'
  | 'no-free-port'
  | 'external-nats-incomplete'
  | 'other-nats-in-use'
  | 'parent-died'
  | 'process-failed'
  | 'server-refused'
  | 'ssh-failed'
  | 'not-ready'
  | 'stop-failed'
  | 'systemd-failed'
  | 'too-many-labs';

export type ControllerErrorOptions = {
  readonly retryable?: boolean;
  readonly details?: Readonly<Record<string, unknown>>;
  readonly cause?: unknown;
};

/** An accident of the controller; judge by `code`, show `message` to people. */
export class ControllerError extends Error {
  readonly code: ControllerErrorCode;
  readonly retryable: boolean;
  readonly details: Readonly<Record<string, unknown>>;

  constructor(code: ControllerErrorCode, message: string, options: ControllerErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'ControllerError';
    this.code = code;
    this.retryable = options.retryable ?? false;
    this.details = options.details ?? {};
  }
}
