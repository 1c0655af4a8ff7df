// The way from a command to the controller: its address and credentials, a connection, typed requests.
import type { NatsConnection } from '@nats-io/transport-node';
import { connectNats } from '../nats/connect.ts';
import { readCredentials } from '../nats/credentials.ts';
import { createOpsClient } from '../nats/ops-client.ts';
import type { OpsClient } from '../nats/ops-client.ts';
import { inboxPrefixOf } from '../nats/roles.ts';
import type { Role } from '../nats/roles.ts';
import { findCredentials, readEndpoint, readExternalNats } from '../controller/endpoint.ts';
import { resolveHome, stateDir } from '../controller/state-dir.ts';
import { CliError, EXIT } from './exit-code.ts';
import type { Terminal } from './terminal.ts';

export type Session = { readonly ops: OpsClient; readonly nc: NatsConnection; close(): Promise<void> };

const ROLE: Role = { role: 'operator' };

export const homeDir = (): string => resolveHome(process.env, process.getuid?.() ?? 1);

/** `known`: only where one ran before; a machine on which none ever ran has no labs. */
export type StartWhen = 'always' | 'known' | 'never';

/**
 * Connects to the controller of this user. @param options.start - whether to start an embedded one when none answers.
 * @throws {CliError} unreachable: `never-started` or `no-controller`.
 */
export async function openSession(options: { start: StartWhen; terminal: Terminal }): Promise<Session> {
  const dir = stateDir(homeDir());
  const external = await readExternalNats(process.env);
  const known = external ? { url: external.url, credentials: external.credentials } : await readEndpoint(dir);
  if (known && 'kind' in known && known.kind === 'host') {
    throw new CliError(EXIT.unreachable, 'is-host', `this machine is host ${known.hostId} of the controller at ${known.url}: run this there, or name the controller's NATS with LABWRIGHT_NATS_URL and LABWRIGHT_NATS_CREDS`);
  }
  const session = known ? await tryConnect(known) : null;
  if (session && (await answers(session))) return session;
  await session?.close();
  if (!known && options.start !== 'always') throw new CliError(EXIT.unreachable, 'never-started', `no controller has run here yet (state directory ${dir.home}): \`labwright deploy\` or \`labwright up\` start one`);
  if (options.start === 'never') throw new CliError(EXIT.unreachable, 'no-controller', `no controller answers (state directory ${dir.home}): start it with \`labwright up\`, see \`labwright status\``);
  options.terminal.log('INFO', 'Starting the controller', { home: dir.home });
  // Loaded only here: most commands meet a controller that runs.
  const { ensureController } = await import('../controller/up.ts');
  await ensureController({ home: dir.home, onProgress: (step) => options.terminal.log('DEBU', step) });
  const endpoint = external ?? (await readEndpoint(dir));
  const started = endpoint ? await tryConnect(endpoint) : null;
  if (!started) throw new CliError(EXIT.unreachable, 'no-controller', `the controller was started but does not answer: see \`labwright status\``);
  return started;
}

async function tryConnect(endpoint: { url: string; credentials: string }): Promise<Session | null> {
  try {
    const credentials = await readCredentials(await findCredentials(endpoint, ROLE));
    const nc = await connectNats({ url: endpoint.url, credentials, inboxPrefix: inboxPrefixOf(ROLE), name: 'labwright cli' });
    return { nc, ops: createOpsClient(nc), close: async () => await nc.close() };
  } catch {
    return null;
  }
}

async function answers(session: Session): Promise<boolean> {
  return await session.ops.request('status', {}, { timeoutMs: 2_000 }).then(() => true, () => false);
}
