// One ssh connection: the server's key is checked before anything is told, keys come from the agent and from files, commands are run with input and output.
import { appendFile, mkdir, readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import ssh2 from 'ssh2';
import type { AnyAuthMethod, Client, ServerHostKeyAlgorithm } from 'ssh2';
import { ControllerError } from '../controller-error.ts';
import { fingerprintOf, judgeHostKey, keyType, knownLine, knownName, knownTypes } from './known-hosts.ts';
import type { SshTarget } from './ssh-target.ts';

export type HostKeyQuestion = { readonly name: string; readonly type: string; readonly fingerprint: string };

export type SshOptions = {
  readonly target: SshTarget;
  readonly env: NodeJS.ProcessEnv;
  /** Private key file; the usual ones of this user when absent. The agent is asked first. */
  readonly identity?: string;
  readonly knownHosts?: string;
  /** Asked about a server that is not known; without it such a server is refused. */
  readonly acceptHostKey?: (question: HostKeyQuestion) => Promise<boolean>;
};

export type RunOptions = { readonly input?: string | Readable; readonly onLine?: (line: string) => void };
export type RanRemotely = { readonly exitCode: number; readonly stdout: string; readonly stderr: string };

export type SshSession = {
  /** Runs a shell command; its exit code is the caller's to judge. @throws {ControllerError} `ssh-failed` when the connection ends. */
  run(command: string, options?: RunOptions): Promise<RanRemotely>;
  close(): void;
};

const CONNECT_MS = 20_000;
const USUAL_KEYS = ['id_ed25519', 'id_ecdsa', 'id_rsa'];

/** Connects. @throws {ControllerError} `host-key-unknown`, `host-key-changed`, `ssh-failed`. */
export const openSsh = async (options: SshOptions): Promise<SshSession> => {
  const { host, port, user } = options.target;
  const client = new ssh2.Client();
  let refusal: ControllerError | undefined;
  const files = knownHostsFiles(options);
  const texts = await Promise.all(files.map(async (path) => await readFile(path, 'utf8').catch(() => '')));
  const name = knownName(host, port);
  const serverHostKey = algorithmsFor(knownTypes(texts, name));
  const authHandler = await authMethods(options);
  await new Promise<void>((resolve, reject) => {
    client.once('ready', () => resolve());
    client.on('error', (error) => reject(refusal ?? new ControllerError('ssh-failed', explain(error, options, authHandler.length), { retryable: true, cause: error })));
    client.connect({
      host, port, username: user, readyTimeout: CONNECT_MS, keepaliveInterval: 10_000, authHandler,
      ...(serverHostKey.length === 0 ? {} : { algorithms: { serverHostKey } }),
      hostVerifier: (key: Buffer, verify: (valid: boolean) => void) => {
        judge(key, { texts, name, file: files[0] ?? '', options }).then(
          () => verify(true),
          (error: unknown) => {
            refusal = error instanceof ControllerError ? error : new ControllerError('ssh-failed', String(error));
            verify(false);
          },
        );
      },
    });
  });
  return { run: async (command, how = {}) => await runCommand(client, command, how), close: () => void client.end() };
};

const knownHostsFiles = ({ knownHosts }: SshOptions): string[] => (knownHosts === undefined ? [join(homedir(), '.ssh', 'known_hosts'), '/etc/ssh/ssh_known_hosts'] : [knownHosts]);

type Judging = { readonly texts: readonly string[]; readonly name: string; readonly file: string; readonly options: SshOptions };

const judge = async (key: Buffer, { texts, name, file, options }: Judging): Promise<void> => {
  const question = { name, type: keyType(key), fingerprint: fingerprintOf(key) };
  const verdict = judgeHostKey(texts, name, key);
  if (verdict === 'known') return;
  if (verdict !== 'unknown') {
    throw new ControllerError('host-key-changed', `${name} shows ${verdict === 'revoked' ? 'a key that is revoked' : 'another key than the one that is known'} (${question.type} ${question.fingerprint}): it may be another machine. Nothing was sent. If it was installed anew, remove its old key: ssh-keygen -R '${name}' -f ${file}`, { details: question });
  }
  if (options.acceptHostKey === undefined) {
    throw new ControllerError('host-key-unknown', `The key of ${name} is not known (${question.type} ${question.fingerprint}). Compare it with what the server says (ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub), then add --accept-host-key, or log in once with ssh.`, { details: question });
  }
  if (!(await options.acceptHostKey(question))) throw new ControllerError('host-key-unknown', `The key of ${name} was not accepted (${question.type} ${question.fingerprint}); nothing was sent.`, { details: question });
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  await appendFile(file, `${knownLine(name, key)}\n`, { mode: 0o600 });
};

// Signature algorithms of key types. Source: RFC 8332 for RSA.
const algorithmsFor = (types: readonly string[]): ServerHostKeyAlgorithm[] =>
  types.flatMap((type): ServerHostKeyAlgorithm[] => {
    switch (type) {
      case 'ssh-rsa': return ['rsa-sha2-512', 'rsa-sha2-256'];
      case 'ssh-ed25519': case 'ecdsa-sha2-nistp256': case 'ecdsa-sha2-nistp384': case 'ecdsa-sha2-nistp521': return [type];
      default: return [];
    }
  });

const authMethods = async ({ target, env, identity }: SshOptions): Promise<AnyAuthMethod[]> => {
  const username = target.user;
  const agent = env['SSH_AUTH_SOCK'];
  const paths = identity === undefined ? USUAL_KEYS.map((file) => join(homedir(), '.ssh', file)) : [identity];
  const keys = await Promise.all(paths.map(async (path) => await readKey(path, identity !== undefined)));
  return [
    ...(agent && identity === undefined ? [{ type: 'agent', username, agent } as const] : []),
    ...keys.flatMap((key) => (key === undefined ? [] : [{ type: 'publickey', username, key } as const])),
  ];
};

/** One that is encrypted is for the agent. */
const readKey = async (path: string, isNamed: boolean): Promise<Buffer | undefined> => {
  const key = await readFile(path).catch((cause: unknown) => {
    if (isNamed) throw new ControllerError('ssh-failed', `private key ${path} cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
    return undefined;
  });
  const parsed = key === undefined ? undefined : ssh2.utils.parseKey(key);
  if (!(parsed instanceof Error)) return key;
  if (isNamed) throw new ControllerError('ssh-failed', `private key ${path} cannot be used: ${parsed.message}. One with a passphrase is used through ssh-agent (ssh-add ${path}).`, { cause: parsed });
  return undefined;
};

const explain = (error: Error & { level?: string }, { target, env }: SshOptions, methods: number): string => {
  const where = `${target.user}@${target.host}:${target.port}`;
  if (error.level !== 'client-authentication') return `ssh to ${where} failed: ${error.message}`;
  const tried = methods === 0 ? 'there is no key to log in with' : `${env['SSH_AUTH_SOCK'] ? 'the agent and ' : ''}the private keys were refused`;
  return `ssh to ${where}: ${tried}. Name a key with --identity, load one into ssh-agent, or put your public key into that user's authorized_keys`;
};

const runCommand = async (client: Client, command: string, { input, onLine }: RunOptions): Promise<RanRemotely> =>
  await new Promise((resolve, reject) => {
    const fail = (cause: unknown): void => reject(new ControllerError('ssh-failed', `the ssh connection failed: ${cause instanceof Error ? cause.message : String(cause)}`, { retryable: true, cause }));
    client.once('close', () => fail('it was closed'));
    client.exec(command, (error, stream) => {
      if (error) {
        fail(error);
        return;
      }
      const [stdout, stderr] = [collect(stream, onLine), collect(stream.stderr, onLine)];
      stream.on('close', (code: number | null) => resolve({ exitCode: code ?? -1, stdout: stdout(), stderr: stderr() }));
      if (input === undefined || typeof input === 'string') stream.end(input ?? '');
      // A command that fails early closes its input; its own words say more.
      else pipeline(input, stream).catch(() => undefined);
    });
  });

const collect = (stream: Readable, onLine: ((line: string) => void) | undefined): (() => string) => {
  let [all, rest] = ['', ''];
  stream.on('data', (chunk: Buffer) => {
    all = (all + chunk.toString('utf8')).slice(-1_000_000);
    const lines = (rest + chunk.toString('utf8')).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) onLine?.(line);
  });
  return () => all;
};
