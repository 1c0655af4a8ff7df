// A host asks the supervisor of its controller who it is there: over one short connection, with the host's own credentials.
import { HOST_PROTOCOL } from '../machines/vocabulary/host-protocol.ts';
import { HostId } from '../machines/vocabulary/ids.ts';
import { connectNats } from '../nats/connect.ts';
import type { Credentials } from '../nats/credentials.ts';
import { parseCredentials, readCredentials } from '../nats/credentials.ts';
import { sayHello } from '../nats/host-hello.ts';
import type { HelloAnswer } from '../nats/host-hello.ts';
import { inboxPrefixOf } from '../nats/roles.ts';
import { findCredentials } from './endpoint.ts';
import type { Endpoint } from './endpoint.ts';
import { readVersion } from './read-version.ts';

export type HelloAt = { readonly url: string; readonly hostId: string; readonly credentials: Credentials };

/** Undefined when NATS answers but no supervisor does. @throws {ConnectError} when NATS cannot be reached or refuses the credentials. */
export const helloAt = async ({ url, hostId, credentials }: HelloAt, timeoutMs: number): Promise<HelloAnswer | undefined> => {
  const role = { role: 'host', hostId: HostId.parse(hostId) } as const;
  const connection = await connectNats({ url, credentials, inboxPrefix: inboxPrefixOf(role), name: `labwright host ${hostId}`, timeoutMs });
  try {
    return await sayHello(connection, role.hostId, { protocol: HOST_PROTOCOL, version: await readVersion() }, timeoutMs);
  } finally {
    await connection.close();
  }
};

/** As the host that this state directory is. */
export const helloOf = async (endpoint: Endpoint, timeoutMs: number): Promise<HelloAnswer | undefined> => {
  const role = { role: 'host', hostId: HostId.parse(endpoint.hostId) } as const;
  return await helloAt({ url: endpoint.url, hostId: endpoint.hostId, credentials: await readCredentials(await findCredentials(endpoint, role)) }, timeoutMs);
};

/** With credentials that are on no disk yet. */
export const helloWith = async (bundle: { url: string; hostId: string; credentials: string }, timeoutMs: number): Promise<HelloAnswer | undefined> =>
  await helloAt({ ...bundle, credentials: parseCredentials(bundle.credentials, 'the invitation') }, timeoutMs);
