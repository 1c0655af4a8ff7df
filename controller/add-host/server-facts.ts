// What a server is, asked by one small shell script, and why it cannot become a host.
import { z } from 'zod';
import { ControllerError } from '../controller-error.ts';

/** Prints `key=value` lines; needs nothing but a POSIX shell. */
export const FACTS_SCRIPT = `
printf 'system=%s\\n' "$(uname -s)"
printf 'machine=%s\\n' "$(uname -m)"
printf 'uid=%s\\n' "$(id -u)"
printf 'hostname=%s\\n' "$(hostname 2>/dev/null || uname -n)"
printf 'os=%s\\n' "$(. /etc/os-release 2>/dev/null; echo "$PRETTY_NAME")"
printf 'sudo=%s\\n' "$(sudo -n true 2>/dev/null && echo yes)"
printf 'apt=%s\\n' "$(command -v apt-get)"
for node in /usr/local/lib/labwright/node/bin/node node; do version=$("$node" --version 2>/dev/null) && break; done
printf 'node=%s\\n' "$version"
printf 'engine=%s\\n' "$(PATH=$PATH:/usr/sbin:/sbin; command -v dockerd)"
`;

export const ServerFacts = z.object({
  system: z.string(), machine: z.string(), uid: z.coerce.number().int(), hostname: z.string(), os: z.string(), sudo: z.string(), apt: z.string(), node: z.string(), engine: z.string(),
});
export type ServerFacts = z.infer<typeof ServerFacts>;

/** @throws {ControllerError} `server-refused` when the server printed something else. */
export const readServerFacts = (stdout: string): ServerFacts => {
  const pairs = stdout.split('\n').flatMap((line) => {
    const [, key, value] = /^([a-z]+)=(.*)$/.exec(line) ?? [];
    return key === undefined ? [] : [[key, value ?? ''] as const];
  });
  const parsed = ServerFacts.safeParse(Object.fromEntries(pairs));
  if (parsed.success) return parsed.data;
  throw new ControllerError('server-refused', `The server does not answer like a shell does: ${JSON.stringify(stdout.slice(0, 300))}`);
};

/** All reasons at once; empty = it can become a host. */
export const faultsOfServer = (facts: ServerFacts, setup: 'run' | 'skip'): string[] => {
  const major = Number(/^v(\d+)/.exec(facts.node)?.[1] ?? 0);
  const lacksNode = major < 24 ? [`it has ${facts.node === '' ? 'no Node' : `Node ${facts.node}`}; 24 or later is needed`] : [];
  const lacksEngine = facts.engine === '' ? ['it has no Docker engine (dockerd)'] : [];
  return [
    ...(facts.system === 'Linux' ? [] : [`it runs ${facts.system}; hosts are Linux`]),
    ...(['x86_64', 'aarch64'].includes(facts.machine) ? [] : [`its processor is ${facts.machine}; x86_64 and aarch64 are known`]),
    ...(facts.uid === 0 || facts.sudo === 'yes' ? [] : ['the user is not root and may not use sudo without a password']),
    ...(setup === 'skip' ? [...lacksNode, ...lacksEngine] : facts.apt === '' ? [...lacksNode, ...lacksEngine].map((fault) => `${fault}, and there is no apt-get to bring it`) : []),
  ];
};
