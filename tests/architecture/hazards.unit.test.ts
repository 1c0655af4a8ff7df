// What holds for the code as a whole and no single test would notice when it is lost.
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';

const ROOT = resolve(import.meta.dirname, '..', '..');
const PRODUCT = ['machines', 'vendors', 'topology', 'nats', 'supervisor', 'host-actor', 'controller', 'cli'];

const files = (folder: string): string[] => readdirSync(join(ROOT, folder), { withFileTypes: true, recursive: true })
  .filter((entry) => entry.isFile() && entry.name.endsWith('.ts')).map((entry) => relative(ROOT, join(entry.parentPath, entry.name)));
const code = (path: string): string => readFileSync(join(ROOT, path), 'utf8').replaceAll(/\/\*[\s\S]*?\*\/|(^|\s)\/\/.*$/gm, '');
const filesWith = (folders: readonly string[], word: RegExp): string[] => folders.flatMap(files).filter((path) => word.test(code(path))).toSorted();

describe('R07: a container comes to be and to run in one place, whatever the cause', () => {
  const callers = (verb: string) => filesWith(['host-actor', 'supervisor', 'controller'], new RegExp(`\\.${verb}\\(`));

  it('which orders, repairs and the return of the host all go through', () => {
    expect([callers('ensureCreated'), callers('ensureStarted')]).toEqual([['host-actor/start-node.ts'], ['host-actor/start-node.ts']]);
    expect(filesWith(['host-actor'], /\bstartContainer\(/)).toEqual(['host-actor/node-handlers.ts', 'host-actor/node-keeper.ts', 'host-actor/start-node.ts']);
  });

  it('and a link in one, too', () => {
    expect(callers('ensureWires')).toEqual(['host-actor/wire-room.ts']);
  });
});

/** Calls that hold up everything else in their process, and why each may. */
const MAY_BLOCK: Record<string, string> = {
  'cli/read-topology.ts': 'a command that has nothing else to do',
  'controller/process-identity.ts': '/proc is memory: reading it waits for no disk',
  'host-actor/namespace-inodes.ts': 'names of namespaces are memory: no disk is behind them',
  'host-actor/providers/docker/docker-provider.ts': 'one look at a device file, once',
  'nats/crash-point.ts': 'the last act of a process that a test kills',
  'nats/ops-body.ts': 'a body of a few hundred KiB, unpacked in a millisecond or two',
  'nats/ops-client.ts': 'the same, packed by the one who asks',
  'nats/ops-services.ts': 'the same, packed by the one who answers',
};

describe('T03: nothing blocks the loop', () => {
  it('no file calls what waits without letting others go on, but for the reasons given here', () => {
    expect(filesWith(PRODUCT, /\b(?!deliverSync)[a-zA-Z]+Sync\(/)).toEqual(Object.keys(MAY_BLOCK).toSorted());
  });
});

describe('D07: temporary files lie in a folder of ours', () => {
  it('only the two places that make one of their own know the shared one', () => {
    expect(filesWith(PRODUCT, /\btmpdir\(|['"`]\/tmp\b/)).toEqual(['cli/lab-folder/lab-folder.ts', 'host-actor/fingerprint/probes/kvm.ts']);
    expect(code('host-actor/fingerprint/probes/kvm.ts')).toMatch(/mkdtemp\(join\(tmpdir\(\), 'labwright-/);
  });
});
