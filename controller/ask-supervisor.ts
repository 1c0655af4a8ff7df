// Asks the supervisor for its status: the proof that NATS, credentials and supervisor work together.
import { connectNats, serverFeatures } from '../nats/connect.ts';
import { readCredentials } from '../nats/credentials.ts';
import { inboxPrefixOf } from '../nats/roles.ts';
import type { Role } from '../nats/roles.ts';
import { opsSubject } from '../nats/subjects.ts';
import { findCredentials } from './endpoint.ts';
import type { Endpoint } from './endpoint.ts';

export type ControlAnswer = {
  /** Version of the NATS server; undefined when it does not answer or refuses us. */
  readonly natsVersion?: string;
  /** Why NATS does not answer. */
  readonly natsFault?: string;
  /** What the supervisor said to `status`, decoded; undefined when it does not answer. */
  readonly supervisor?: unknown;
  readonly supervisorAnswers: boolean;
};

const ROLE: Role = { role: 'operator' };

/** One question over one short connection; faults are values, for asking is how one finds out. */
export const askSupervisor = async (endpoint: Endpoint, timeoutMs: number): Promise<ControlAnswer> => {
  try {
    const credentials = await readCredentials(await findCredentials(endpoint, ROLE));
    const connection = await connectNats({ url: endpoint.url, credentials, inboxPrefix: inboxPrefixOf(ROLE), name: 'labwright controller', timeoutMs });
    try {
      const natsVersion = serverFeatures(connection).version;
      const reply = await connection.request(opsSubject('read', 'status'), '{}', { timeout: timeoutMs }).catch(() => undefined);
      if (reply === undefined) return { natsVersion, supervisorAnswers: false };
      return { natsVersion, supervisorAnswers: true, supervisor: decode(reply.string()) };
    } finally {
      await connection.close();
    }
  } catch (error) {
    return { natsFault: error instanceof Error ? error.message : String(error), supervisorAnswers: false };
  }
};

const decode = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
};
