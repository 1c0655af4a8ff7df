// Makes a server a host over ssh: checks it, brings this very program, sets it up, hands over the invitation, waits until it has joined.
import { z } from 'zod';
import { HostId } from '../../machines/vocabulary/ids.ts';
import { ControllerError } from '../controller-error.ts';
import { encodeToken } from '../host-bundle.ts';
import { newHostId } from '../host-identity.ts';
import { findUrlForHosts, inviteHost } from '../invite-host.ts';
import type { StateDir } from '../state-dir.ts';
import { packProgram } from './program-archive.ts';
import { FACTS_SCRIPT, faultsOfServer, readServerFacts } from './server-facts.ts';
import type { ServerFacts } from './server-facts.ts';
import { openSsh } from './ssh-session.ts';
import type { SshOptions, SshSession } from './ssh-session.ts';

export type AddHostOptions = {
  readonly dir: StateDir;
  readonly env: NodeJS.ProcessEnv;
  readonly ssh: SshOptions;
  readonly hostId?: string;
  /** By which the server reaches NATS. */
  readonly url?: string;
  /** Folders on the server: where the program goes, where its state lies. */
  readonly installDir: string;
  readonly home: string;
  /** `skip`: somebody has set the server up. */
  readonly setup: 'run' | 'skip';
  /** Settings of the host-actor, as environment. */
  readonly settings: Readonly<Record<string, string>>;
  readonly ignoreChecks: boolean;
  readonly onStep: (text: string) => void;
  /** What programs on the server print. */
  readonly onLine: (line: string) => void;
};

export type AddedHost = { readonly hostId: HostId; readonly facts: ServerFacts };

const LAST_LINES = 15;

/** Returns when the server's host-actor counts as joined. Run again it brings this version and goes on as the same host.
 *  @throws {ControllerError} `not-listening`, `host-key-unknown`, `host-key-changed`, `ssh-failed`, `server-refused` with all reasons, and whatever `inviteHost` throws. */
export const addHost = async (options: AddHostOptions): Promise<AddedHost> => {
  const { dir, env, onStep } = options;
  const reach = options.url === undefined ? {} : { url: options.url };
  // Before the server is touched: nothing is left behind there that could not join.
  await findUrlForHosts({ dir, env, ...reach });
  const session = await openSsh(options.ssh);
  try {
    const facts = await checkServer(session, options);
    const root = asRoot(session, facts);
    await bringProgram(root, options);
    if (options.setup === 'run') await setUp(root, options);
    const present = await readIdentity(root, options);
    const hostId = HostId.parse(options.hostId ?? present ?? newHostId(facts.hostname));
    const bundle = await inviteHost({ dir, env, hostId, ...reach, existing: present === hostId ? 'replace' : 'refuse' });
    onStep(`joins as ${hostId}`);
    const settings = Object.entries({ ...options.settings, LABWRIGHT_HOME: options.home }).map(([name, value]) => `${name}=${quote(value)}`).join(' ');
    const join = `env ${settings} ${program(options)} host join -${options.ignoreChecks ? ' --ignore-checks' : ''}`;
    expectSuccess('host join', await root(join, { input: `${encodeToken(bundle)}\n`, onLine: options.onLine }));
    return { hostId, facts };
  } finally {
    session.close();
  }
};

type Root = SshSession['run'];

const checkServer = async (session: SshSession, { setup, onStep }: AddHostOptions): Promise<ServerFacts> => {
  const facts = readServerFacts((await session.run(FACTS_SCRIPT)).stdout);
  const faults = faultsOfServer(facts, setup);
  if (faults.length > 0) throw new ControllerError('server-refused', `The server cannot become a host: ${faults.join('; ')}.`, { details: { facts, faults } });
  onStep(`is ${facts.hostname}: ${facts.os || facts.system} on ${facts.machine}`);
  return facts;
};

const asRoot = (session: SshSession, { uid }: ServerFacts): Root =>
  async (command, how) => await session.run(uid === 0 ? command : `sudo -n sh -c ${quote(command)}`, how);

// Beside the old one first, so that a broken connection leaves what was there.
const bringProgram = async (root: Root, { installDir, onStep }: AddHostOptions): Promise<void> => {
  onStep(`gets this version of the program in ${installDir}`);
  const [fresh, old, final] = [`${installDir}.new`, `${installDir}.old`, installDir].map(quote);
  const script = `set -e; rm -rf ${fresh} ${old}; mkdir -p ${fresh}; tar -xz -C ${fresh}; [ ! -e ${final} ] || mv ${final} ${old}; mv ${fresh} ${final}; rm -rf ${old}`;
  expectSuccess('unpacking the program', await root(script, { input: await packProgram() }));
};

const setUp = async (root: Root, { installDir, onStep, onLine }: AddHostOptions): Promise<void> => {
  onStep('is set up');
  expectSuccess('labwright-setup --for host', await root(`bash ${quote(`${installDir}/bin/labwright-setup`)} --for host`, { onLine }));
};

/** Who the server is already, if it was a host before. */
const readIdentity = async (root: Root, { home }: AddHostOptions): Promise<string | undefined> => {
  const { stdout } = await root(`cat ${quote(`${home}/host-identity.json`)} 2>/dev/null || :`);
  if (stdout.trim() === '') return undefined;
  const parsed = z.object({ hostId: z.string().min(1) }).safeParse(JSON.parse(stdout));
  if (parsed.success) return parsed.data.hostId;
  throw new ControllerError('server-refused', `${home}/host-identity.json on the server holds no host identity.`);
};

// Set-up places a Node only where the one on PATH is too old.
const program = ({ installDir }: AddHostOptions): string =>
  `"$([ -x /usr/local/lib/labwright/node/bin/node ] && echo /usr/local/lib/labwright/node/bin/node || command -v node)" ${quote(`${installDir}/bin/labwright.js`)}`;

const expectSuccess = (what: string, { exitCode, stdout, stderr }: { exitCode: number; stdout: string; stderr: string }): void => {
  if (exitCode === 0) return;
  const said = `${stdout}\n${stderr}`.trim().split('\n').slice(-LAST_LINES).join('\n  ');
  throw new ControllerError('server-refused', `${what} failed on the server with ${exitCode}:\n  ${said}`, { details: { what, exitCode } });
};

const quote = (word: string): string => `'${word.replaceAll("'", `'\\''`)}'`;
