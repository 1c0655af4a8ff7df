// The configuration text of an embedded nats-server: loopback, JetStream on disk that loses nothing acknowledged, roles in accounts.
import { NatsRoomError } from './errors.ts';
import { isUserPublicKey } from './nkey.ts';
import type { AccountRules, Export, Import, Role } from './roles.ts';
import { accountRules, permissionsOf, SUPERVISOR_ACCOUNT } from './roles.ts';

export interface ServerUser {
  readonly role: Role;
  /** Public nkey (`U...`): the configuration holds no secret. */
  readonly publicKey: string;
}

export interface ServerSettings {
  readonly serverName: string;
  /** 127.0.0.1 by default; anything else opens a port to the network, with credentials all the same. */
  readonly host?: string;
  /** -1 = any free port, written to `portsFileDir`. */
  readonly port: number;
  readonly portsFileDir?: string;
  readonly pidFile?: string;
  readonly logFile?: string;
  readonly storeDir: string;
  /** `always` (default) keeps all that was acknowledged over a power loss, for 0.3 ms an append; `1s` may lose one second. */
  readonly syncInterval?: 'always' | `${number}s`;
  /** 8 MiB by default. */
  readonly maxPayloadBytes?: number;
  readonly users: readonly ServerUser[];
}

export class ServerConfigError extends NatsRoomError<'no-users' | 'user-key-invalid'> {}

/**
 * Renders the configuration. Needs server 2.10 (`sync_interval`).
 * @throws {ServerConfigError} `no-users`: a server without users would be open to all; `user-key-invalid`.
 */
export function renderServerConfig(settings: ServerSettings): string {
  const optional = [
    settings.portsFileDir === undefined ? [] : [`ports_file_dir: ${quote(settings.portsFileDir)}`],
    settings.pidFile === undefined ? [] : [`pid_file: ${quote(settings.pidFile)}`],
    settings.logFile === undefined ? [] : [`log_file: ${quote(settings.logFile)}`, 'logfile_size_limit: 16MB', 'logfile_max_num: 3'],
  ].flat();
  return [
    '# Written by Labwright; changes are lost.',
    `server_name: ${quote(settings.serverName)}`,
    `host: ${quote(settings.host ?? '127.0.0.1')}`,
    `port: ${settings.port}`,
    ...optional,
    `max_payload: ${settings.maxPayloadBytes ?? 8 * 1024 * 1024}`,
    'jetstream {',
    `  store_dir: ${quote(settings.storeDir)}`,
    `  sync_interval: ${settings.syncInterval ?? 'always'}`,
    '}',
    renderAccounts(settings.users),
  ].join('\n');
}

/**
 * Renders the `accounts` block alone: what an external server needs.
 * @throws {ServerConfigError} `no-users`, `user-key-invalid`.
 */
export function renderAccounts(users: readonly ServerUser[]): string {
  if (users.length === 0) {
    throw new ServerConfigError('no-users', { message: 'a NATS server configuration without users would let everybody in', retryable: false });
  }
  const hosts = users.flatMap((user) => (user.role.role === 'host' ? [user.role.hostId] : []));
  const accounts = new Map<string, AccountRules>();
  for (const { role } of [{ role: { role: 'supervisor' } } as const, ...users]) {
    const rules = accountRules(role, hosts);
    accounts.set(rules.name, rules);
  }
  const membersOf = (name: string): readonly ServerUser[] => users.filter((user) => accountRules(user.role, hosts).name === name);
  return ['accounts {', ...[...accounts.values()].flatMap((rules) => renderAccount(rules, membersOf(rules.name))), '}', ''].join('\n');
}

function renderAccount(rules: AccountRules, users: readonly ServerUser[]): readonly string[] {
  const block = (name: string, lines: readonly string[]): readonly string[] => (lines.length === 0 ? [] : [`    ${name}: [`, ...lines, '    ]']);
  return [
    `  ${quote(rules.name)}: {`,
    ...(rules.name === SUPERVISOR_ACCOUNT ? ['    jetstream: enabled'] : []),
    ...block('exports', rules.exports.map(renderExport)),
    ...block('imports', rules.imports.map(renderImport)),
    ...block('users', users.map(renderUser)),
    '  }',
  ];
}

function renderExport(offer: Export): string {
  const answers = offer.manyAnswers === true ? ', response: stream' : '';
  const within = offer.answerWithin === undefined ? '' : `, threshold: ${quote(offer.answerWithin)}`;
  return `      { ${offer.kind}: ${quote(offer.subject)}${answers}${within} }`;
}

function renderImport(taken: Import): string {
  const as = taken.as === undefined ? '' : `, to: ${quote(taken.as)}`;
  return `      { ${taken.kind}: { account: ${quote(taken.account)}, subject: ${quote(taken.subject)} }${as} }`;
}

function renderUser(user: ServerUser): string {
  if (!isUserPublicKey(user.publicKey)) {
    throw new ServerConfigError('user-key-invalid', { message: `public key of ${user.role.role} is no nkey of a user: ${quote(user.publicKey)}`, retryable: false });
  }
  const { publish, subscribe } = permissionsOf(user.role);
  const list = (subjects: readonly string[]): string => `{ allow: [${subjects.map(quote).join(', ')}] }`;
  return `      { nkey: ${user.publicKey}, permissions: { publish: ${list(publish)}, subscribe: ${list(subscribe)} } }`;
}

function quote(text: string): string {
  return `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;
}
