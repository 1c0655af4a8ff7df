// Errors of the transport: each says what failed, on what, why, and whether trying again can help.
import type { OpsFailure } from './ops-contract.ts';

type Details = Readonly<Record<string, unknown>>;

interface ErrorFields {
  readonly message: string;
  readonly retryable: boolean;
  readonly details?: Details;
  readonly cause?: unknown;
}

/** Base of all errors of this room; judge by `code`, never by text. */
export class NatsRoomError<Code extends string = string> extends Error {
  readonly code: Code;
  readonly retryable: boolean;
  readonly details: Details;

  constructor(code: Code, fields: ErrorFields) {
    super(fields.message, fields.cause === undefined ? {} : { cause: fields.cause });
    this.name = new.target.name;
    this.code = code;
    this.retryable = fields.retryable;
    this.details = fields.details ?? {};
  }
}

export type ConnectErrorCode = 'nats-unreachable' | 'nats-unauthorized' | 'nats-too-old' | 'credentials-missing' | 'credentials-invalid';

/** A connection that could not be made, or must not be used. */
export class ConnectError extends NatsRoomError<ConnectErrorCode> {}

export type TransportErrorCode = 'nats-unavailable' | 'nats-refused' | 'message-too-large' | 'streams-not-ready' | 'connection-closed';

/** A message that the server did not take; with `nats-unavailable` the outcome is unknown and the same call may be made again. */
export class TransportError extends NatsRoomError<TransportErrorCode> {}

/** Somebody else appended to the lab's log: read again from `expectedSeq`, then decide again or step down. */
export class LogConflictError extends NatsRoomError<'log-conflict'> {
  readonly labId: string;
  readonly expectedSeq: number;
  readonly lastSeq: number;

  constructor(at: { labId: string; expectedSeq: number; lastSeq: number; lastEntryId: string | undefined; entryId: string }) {
    super('log-conflict', {
      message: `append of ${at.entryId} to the log of lab ${at.labId} was refused: last sequence is ${at.lastSeq}, expected ${at.expectedSeq}; another writer owns the lab now`,
      retryable: false,
      details: { ...at },
    });
    this.labId = at.labId;
    this.expectedSeq = at.expectedSeq;
    this.lastSeq = at.lastSeq;
  }
}

export interface MessageIssue {
  readonly path: string;
  readonly message: string;
}

/** A message whose content does not fit its schema; `issues` lists every fault with its path. */
export class MessageInvalidError extends NatsRoomError<'message-invalid'> {
  readonly issues: readonly MessageIssue[];

  constructor(where: string, issues: readonly MessageIssue[], cause?: unknown) {
    const list = issues.map((issue) => `${issue.path || '(root)'}: ${issue.message}`).join('; ');
    super('message-invalid', { message: `message on ${where} is not valid: ${list}`, retryable: false, details: { where, issues }, cause });
    this.issues = issues;
  }
}

/** A refusal or accident on the other side, or no answer at all (`no-responders`, `timeout`, `connection-lost`, `connection-closed`: retryable). */
export class OpsRequestError extends Error {
  readonly code: string;
  readonly retryable: boolean;
  readonly details: Record<string, unknown>;

  constructor(failure: OpsFailure, options: { cause?: unknown } = {}) {
    super(failure.message, options);
    this.code = failure.code;
    this.retryable = failure.retryable;
    this.details = failure.details;
  }
}
