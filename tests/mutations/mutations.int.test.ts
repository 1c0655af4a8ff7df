// A07: tests test. Each mutation breaks one promise in a copy of the repository; the test file that holds it must fail there.
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const ROOT = resolve(import.meta.dirname, '..', '..');

type Mutation = { readonly file: string; readonly from: string; readonly to: string; /** Runs in a second or two, and holds the promise. */ readonly test: string; readonly only: string };

const MUTATIONS: Record<string, Mutation> = {
  'a link is joined to the wrong device': {
    file: 'host-actor/link-plane/host-ports.ts', from: 'to: to.device, pref: REDIRECT_PREF };', to: "to: 'lo', pref: REDIRECT_PREF };", test: 'tests/host-actor/link-plane/joined-wires.int.test.ts', only: 'joins two nodes',
  },
  'processes do not wait for their wires': {
    file: 'machines/evolve/waits.ts', from: 'return linksGate(state, record.spec.id, { onlyEarly: true });', to: 'return OPEN;',
    test: 'tests/machines/lab-life.unit.test.ts', only: 'starts no node before its links',
  },
  'two writers of a lab\'s log do not see each other': {
    file: 'nats/event-log.ts', from: ', expectedSeq: append.expectedSeq }, options);', to: ' }, options);', test: 'tests/nats/event-log.int.test.ts', only: 'S19',
  },
  'a crash loop is never given up': {
    file: 'host-actor/repair-budget.ts', from: 'if (recent.length >= budget.count)', to: 'if (recent.length > 1e9)', test: 'tests/host-actor/simulated/host-actor.int.test.ts', only: 'B21 S08',
  },
  'what bears our name is taken for ours': {
    file: 'host-actor/link-plane/namespaces.ts', from: 'return mark !== undefined && inode !== undefined && (mark.inode === undefined || mark.inode === inode);', to: 'return inode !== undefined;',
    test: 'tests/host-actor/link-plane/namespaces.int.test.ts', only: '',
  },
  'a failure of a link is not told': {
    file: 'machines/evolve/lab-view.ts', from: 'return failure ? [`link ${id}: ${failure.message}`] : [];', to: 'return [];', test: 'tests/machines/hazards.unit.test.ts', only: 'S03',
  },
};

describe('A07: a broken promise fails its test', () => {
  let copy: string;
  beforeAll(async () => {
    copy = await mkdtemp(join(tmpdir(), 'lw-mutations-'));
    const { stdout } = await execa('git', ['ls-files', '-z', 'machines', 'host-actor', 'nats', 'topology', 'vendors', 'supervisor', 'controller', 'tests', '*.json', 'vitest.config.ts'], { cwd: ROOT });
    for (const file of stdout.split('\0').filter(Boolean)) await cp(join(ROOT, file), join(copy, file));
    await symlink(join(ROOT, 'node_modules'), join(copy, 'node_modules'));
  });
  afterAll(async () => await rm(copy, { recursive: true, force: true }));

  const run = async ({ test, only }: Mutation) => await execa(process.execPath, [join('node_modules', 'vitest', 'vitest.mjs'), 'run', '--project', test.includes('.unit.') ? 'unit' : 'int', test, ...(only === '' ? [] : ['-t', only])], { cwd: copy, all: true, reject: false });

  it.each(Object.entries(MUTATIONS))('%s', async (_name, mutation) => {
    const path = join(copy, mutation.file);
    const text = await readFile(path, 'utf8');
    expect(text.split(mutation.from)).toHaveLength(2);
    const whole = await run(mutation);
    expect({ exitCode: whole.exitCode, all: whole.all.slice(-2_000) }).toMatchObject({ exitCode: 0, all: expect.stringMatching(/Tests .*\d passed/) });
    await writeFile(path, text.replace(mutation.from, () => mutation.to));
    const broken = await run(mutation);
    await writeFile(path, text);
    expect({ exitCode: broken.exitCode, all: broken.all.slice(-2_000) }).toMatchObject({ exitCode: 1, all: expect.stringMatching(/Tests .*\d failed/) });
  });
});
