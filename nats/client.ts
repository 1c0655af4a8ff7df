// What other programs import as `labwright/client`: one call that connects, and the names of all that they meet there.
import type { LabId } from '../machines/vocabulary/ids.ts';
import { connectNats } from './connect.ts';
import { readCredentials } from './credentials.ts';
import { createOpsClient } from './ops-client.ts';
import type { OpsClient } from './ops-client.ts';
import { inboxPrefixOf } from './roles.ts';

export { CommandId, HostId, LabId, LinkId, NodeId } from '../machines/vocabulary/ids.ts';
export type { LabSpec, LinkSpec, NodeSpec } from '../machines/vocabulary/lab-spec.ts';
export type { LabView, LinkView, NodeView, Notice } from '../machines/vocabulary/lab-view.ts';
export { ConnectError, OpsRequestError } from './errors.ts';
export type { OpsClient, RequestOptions } from './ops-client.ts';
export type { OpsRequest, OpsResponse, OpsVerb } from './ops-contract.ts';
export type { Watched } from './watch-labs.ts';

export type ClientOptions = {
  /** `nats://host:port`, or several separated by commas; `url` of `endpoint.json`. */
  readonly url: string;
  /** Path of the role's credentials file. */
  readonly credentials: string;
  /** A viewer may ask and follow, an operator also command; operator by default. */
  readonly role?: 'operator' | 'viewer';
  /** Of a viewer of some labs only (`labwright viewer token`): these labs. Its answers come to inboxes that bear their names. */
  readonly labs?: readonly LabId[];
  /** Shown in the server's list of connections. */
  readonly name?: string;
};

export type Client = OpsClient & { close(): Promise<void> };

/** Connects, and stays connected until `close`. @throws {ConnectError} `nats-unreachable` (retryable), `nats-unauthorized`, `nats-too-old`, `credentials-missing`, `credentials-invalid`. */
export async function openClient({ url, credentials, role = 'operator', labs, name = 'labwright client' }: ClientOptions): Promise<Client> {
  const inboxPrefix = inboxPrefixOf(role === 'viewer' && labs !== undefined ? { role, labs } : { role });
  const nc = await connectNats({ url, credentials: await readCredentials(credentials), inboxPrefix, name });
  return { ...createOpsClient(nc), close: async () => await nc.close() };
}
