// Who may import whom, and what may not occur in the pure rooms; the log is replayed, so two replays must agree.
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join, relative, resolve, dirname } from 'node:path';
import { describe, expect, it } from 'vitest';

const ROOT = resolve(import.meta.dirname, '..', '..');
const ROOMS = ['machines', 'vendors', 'topology', 'nats', 'supervisor', 'host-actor', 'controller', 'cli', 'tui'] as const;
type Room = (typeof ROOMS)[number];

/** Rooms and packages that each room may import besides itself; `*` after a path is a prefix. */
const MAY: Record<Room, readonly string[]> = {
  machines: ['xstate', 'zod'],
  vendors: ['zod', 'yaml'],
  topology: ['machines/vocabulary/*', 'vendors/*', 'zod', 'yaml'],
  nats: ['machines/vocabulary/*', '@nats-io/*', 'zod', 'pino', 'node:*'],
  supervisor: ['machines/*', 'vendors/*', 'topology/*', 'nats/*', 'zod', 'pino', 'ssh2', 'node:*', '@nats-io/transport-node'],
  'host-actor': ['machines/vocabulary/*', 'vendors/*', 'nats/*', 'zod', 'pino', 'dockerode', 'execa', 'node-pty', 'ssh2', 'node:*', '@nats-io/transport-node'],
  controller: ['nats/*', 'machines/vocabulary/*', 'zod', 'execa', 'pino', 'ssh2', 'node:*'],
  // The doctor looks at this machine through the probes of the host-actor, and a tunnel outside of labs is made by its hands.
  cli: ['nats/*', 'machines/vocabulary/*', 'topology/*', 'vendors/*', 'controller/*', 'host-actor/fingerprint/*', 'host-actor/host-tunnels.ts', 'zod', 'yaml', 'commander', '@peculiar/x509', 'reflect-metadata', '@nats-io/transport-node', 'node:*'],
  tui: ['nats/*', 'machines/vocabulary/*', 'controller/*', 'ink', 'react', 'node:*'],
};
const PURE: readonly Room[] = ['machines', 'vendors', 'topology'];
/** The one impure file of a pure room. */
const IMPURE_FILES = ['vendors/read-catalogue.ts'];
const FORBIDDEN_IN_PURE = [/\basync\b/, /\bawait\b/, /\bPromise\b/, /\bDate\.now\b/, /\bnew Date\(/, /\bperformance\b/, /Math\.random/, /randomUUID/, /\bprocess\./, /\bsetTimeout\b/, /\bsetInterval\b/, /\bfetch\(/, /\bconsole\./];

function files(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return files(path);
    return entry.name.endsWith('.ts') ? [path] : [];
  });
}

const present = ROOMS.filter((room) => statSync(join(ROOT, room), { throwIfNoEntry: false }));
const code = (path: string): string => readFileSync(path, 'utf8').replaceAll(/\/\*[\s\S]*?\*\/|(^|\s)\/\/.*$/gm, '');
const imports = (path: string): string[] => [...readFileSync(path, 'utf8').matchAll(/^\s*(?:import|export)\b[^'"]*?from\s+'([^']+)'|^\s*import\s+'([^']+)'/gm)].map((match) => match[1] ?? match[2] ?? '');

function target(path: string, specifier: string): string {
  return specifier.startsWith('.') ? relative(ROOT, resolve(dirname(path), specifier)) : specifier;
}

const allowed = (room: Room, to: string): boolean =>
  to.startsWith(`${room}/`) || to === 'package.json' || MAY[room].some((rule) => (rule.endsWith('*') ? to.startsWith(rule.slice(0, -1)) : to === rule));

describe.each(present)('%s', (room) => {
  const all = files(join(ROOT, room));

  it('imports only what its row allows', () => {
    const strangers = all.flatMap((path) => imports(path).map((specifier) => target(path, specifier))
      .filter((to) => !allowed(room, to) && !IMPURE_FILES.includes(relative(ROOT, path)))
      .map((to) => `${relative(ROOT, path)} -> ${to}`));
    expect(strangers).toEqual([]);
  });

  it('begins each file with the sentence that says what it is for', () => {
    expect(all.filter((path) => !/^(#!.*\n)?\/\/ \S/.test(readFileSync(path, 'utf8'))).map((path) => relative(ROOT, path))).toEqual([]);
  });

  it('has no default export, no enum, no folder called utils, helpers, common or shared', () => {
    expect(all.filter((path) => /^export default|^\s*(export )?(const )?enum /m.test(code(path))).map((path) => relative(ROOT, path))).toEqual([]);
    expect(all.filter((path) => /\/(utils?|helpers?|common|shared|misc|manager)(\/|\.ts$)/.test(path)).map((path) => relative(ROOT, path))).toEqual([]);
  });
});

describe.each(PURE.filter((room) => present.includes(room)))('pure room %s', (room) => {
  it('S07: knows no clock, chance, I/O, async or logging: they are inputs', () => {
    const found = files(join(ROOT, room)).filter((path) => !IMPURE_FILES.includes(relative(ROOT, path)))
      .flatMap((path) => FORBIDDEN_IN_PURE.filter((word) => word.test(code(path))).map((word) => `${relative(ROOT, path)}: ${word.source}`));
    expect(found).toEqual([]);
  });
});

it('machines only assign and emit: no after, invoke, spawn or inline delay', () => {
  const machineFiles = files(join(ROOT, 'machines')).filter((path) => path.endsWith('-machine.ts'));
  expect(machineFiles.length).toBeGreaterThan(2);
  for (const path of machineFiles) expect(code(path)).not.toMatch(/\b(after|invoke|spawnChild|sendTo|raise)\b\s*[:(]/);
});

it('folding compares values, never texts of them: the same plan has one key order where it was decided and another where it was read', () => {
  expect(files(join(ROOT, 'machines/evolve')).filter((path) => /JSON\.stringify/.test(code(path))).map((path) => relative(ROOT, path))).toEqual([]);
});

it('files stay below 400 lines', () => {
  const long = [...present.flatMap((room) => files(join(ROOT, room))), ...files(join(ROOT, 'tests'))].filter((path) => readFileSync(path, 'utf8').split('\n').length > 400);
  expect(long.map((path) => relative(ROOT, path))).toEqual([]);
});
