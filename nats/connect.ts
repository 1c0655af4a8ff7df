// One connection to NATS: authenticated, versioned, reconnecting for ever.
import { connect, errors } from '@nats-io/transport-node';
import type { NatsConnection } from '@nats-io/transport-node';
import type { Credentials } from './credentials.ts';
import { authenticatorOf } from './credentials.ts';
import { ConnectError } from './errors.ts';
import { shownUrl } from './log-redaction.ts';

export interface ConnectOptions {
  /** `nats://host:port`, or several separated by commas. */
  readonly url: string;
  readonly credentials: Credentials;
  /** Must fit the role's permissions: `inboxPrefixOf(role)`. */
  readonly inboxPrefix: string;
  /** Shown in the server's connection list. */
  readonly name: string;
  /** How long one attempt may take; 2,000 by default. */
  readonly timeoutMs?: number;
}

/** Oldest server whose store can be told to lose nothing that was acknowledged. */
export const MINIMUM_SERVER_VERSION = '2.10.0';

/** Features that older servers ignore without a word, so each use asks here first. */
export interface ServerFeatures {
  readonly version: string;
  readonly maxPayload: number;
  /** 2.11 */
  readonly perMessageTtl: boolean;
  /** 2.11 */
  readonly directBatchGet: boolean;
  /** 2.11 */
  readonly guardOnOtherSubject: boolean;
  /** 2.12 */
  readonly atomicBatch: boolean;
}

/**
 * Connects, and stays connected: after a loss it tries again every 100 ms or so until `close`.
 * @throws {ConnectError} `nats-unreachable` (retryable), `nats-unauthorized`, `nats-too-old`, `credentials-missing`, `credentials-invalid`.
 */
export async function connectNats(options: ConnectOptions): Promise<NatsConnection> {
  const authenticator = authenticatorOf(options.credentials);
  const nc = await connect({
    servers: options.url.split(',').map((server) => server.trim()),
    authenticator,
    name: options.name,
    inboxPrefix: options.inboxPrefix,
    timeout: options.timeoutMs ?? 2_000,
    noAsyncTraces: true,
    maxReconnectAttempts: -1,
    reconnectTimeWait: 100,
    reconnectJitter: 50,
    // A reload that adds a user must not end the connections that are refused in between.
    ignoreAuthErrorAbort: true,
    pingInterval: 10_000,
    maxPingOut: 2,
  }).catch((cause: unknown) => {
    throw connectError(options.url, cause);
  });
  const { version } = serverFeatures(nc);
  if (isAtLeast(version, MINIMUM_SERVER_VERSION)) return nc;
  await nc.close();
  throw new ConnectError('nats-too-old', {
    message: `NATS server at ${shownUrl(options.url)} is ${version}; Labwright needs ${MINIMUM_SERVER_VERSION} or later (older ones lose acknowledged entries at power loss). Upgrade it, or use the embedded one`,
    retryable: false,
    details: { version, minimum: MINIMUM_SERVER_VERSION },
  });
}

/** What the server at the other end can do, as it said when it was last connected to. */
export function serverFeatures(nc: NatsConnection): ServerFeatures {
  const version = nc.info?.version ?? '0.0.0';
  return {
    version,
    maxPayload: nc.info?.max_payload ?? 1024 * 1024,
    perMessageTtl: isAtLeast(version, '2.11.0'),
    directBatchGet: isAtLeast(version, '2.11.0'),
    guardOnOtherSubject: isAtLeast(version, '2.11.0'),
    atomicBatch: isAtLeast(version, '2.12.0'),
  };
}

/** Compares two versions by their numbers; a pre-release counts as its release. */
export function isAtLeast(version: string, minimum: string): boolean {
  const [have, want] = [numbers(version), numbers(minimum)];
  for (const index of [0, 1, 2]) {
    const difference = (have[index] ?? 0) - (want[index] ?? 0);
    if (difference !== 0) return difference > 0;
  }
  return true;
}

function numbers(version: string): number[] {
  return version.replace(/^v/, '').split(/[.+-]/).slice(0, 3).map((part) => Number.parseInt(part, 10) || 0);
}

function connectError(url: string, cause: unknown): ConnectError {
  const why = cause instanceof Error ? cause.message : String(cause);
  if (cause instanceof errors.AuthorizationError || cause instanceof errors.UserAuthenticationExpiredError) {
    return new ConnectError('nats-unauthorized', {
      message: `NATS server at ${shownUrl(url)} refused the credentials: ${why}`,
      retryable: false,
      cause,
    });
  }
  return new ConnectError('nats-unreachable', { message: `no NATS server answers at ${shownUrl(url)}: ${why}`, retryable: true, cause });
}
