// The parent and its processes, with sleepers in place of ours: restart, budget, adoption, locks, order of the end.
import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { stopController } from '../../controller/down.ts';
import { findLockHolders } from '../../controller/file-lock.ts';
import { isAlive, readProcessIdentity } from '../../controller/process-identity.ts';
import type { ProcessIdentity } from '../../controller/process-identity.ts';
import { readProcessRecord, writeProcessRecord } from '../../controller/process-record.ts';
import type { ProcessRecord } from '../../controller/process-record.ts';
import { processLockPath, processLogPath, processRecordPath, stateDir } from '../../controller/state-dir.ts';
import { eventually } from '../support/eventually.ts';

const FIXTURE = join(import.meta.dirname, 'fixtures', 'sleeping-parent.ts');

let home = '';
const started: ProcessIdentity[] = [];

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'lw-ctl-parent-'));
});

afterEach(async () => {
  for (const name of ['parent', 'a', 'b', 'c']) {
    const record = await readProcessRecord(processRecordPath(stateDir(home), name));
    if (record?.identity !== undefined) started.push(record.identity);
  }
  for (const one of started.toReversed()) if (isAlive(one)) process.kill(one.pid, 'SIGKILL');
  await rm(home, { recursive: true, force: true, maxRetries: 10 });
});

/** Starts a parent; children are `name` or `name=how`. Resolves `exit` with its exit code. */
const startParent = (...children: readonly string[]) => {
  const child = spawn(process.execPath, [FIXTURE, home, ...children], { stdio: 'ignore', detached: true });
  const identity = readProcessIdentity(child.pid ?? 0);
  if (identity === undefined) throw new Error('fixture parent did not start');
  started.push(identity);
  const exit = new Promise<number | null>((resolve) => child.once('exit', (code) => resolve(code)));
  return { identity, exit };
};

const record = (name: string): Promise<ProcessRecord | undefined> => readProcessRecord(processRecordPath(stateDir(home), name));

const running = (name: string, not?: number): Promise<ProcessIdentity> =>
  eventually(
    async () => {
      const found = await record(name);
      return found?.state === 'running' && found.identity !== undefined && found.identity.pid !== not && isAlive(found.identity) ? found.identity : undefined;
    },
    { what: `${name} runs`, timeoutMs: 20_000 },
  );

describe('parent', () => {
  it('starts all in their own sessions and ends them in reverse order', async () => {
    const parent = startParent('a', 'b=stubborn');
    await running('a');
    const b = await running('b');
    // proc_pid_stat(5): field 6 is the session; its leader is the process itself.
    const session = (await readFile(`/proc/${b.pid}/stat`, 'utf8')).split(') ')[1]?.split(' ')[3];
    expect(Number(session)).toBe(b.pid);
    process.kill(parent.identity.pid, 'SIGTERM');
    expect(await parent.exit).toBe(0);
    expect(isAlive(b)).toBe(false);
    const [endA, endB] = await Promise.all(['a', 'b'].map(async (name) => (await stat(processRecordPath(stateDir(home), name))).mtimeMs));
    expect(endA).toBeGreaterThanOrEqual(endB ?? 0);
    expect((await record('a'))?.state).toBe('stopped');
  });

  it('restarts each process that is killed, and the others stay as they are', async () => {
    startParent('a', 'b', 'c');
    const before = { a: await running('a'), b: await running('b'), c: await running('c') };
    process.kill(before.b.pid, 'SIGKILL');
    const after = await running('b', before.b.pid);
    expect(after.pid).not.toBe(before.b.pid);
    expect((await record('b'))?.restarts).toBe(1);
    expect((await record('b'))?.failure?.reason).toContain('SIGKILL');
    expect([isAlive(before.a), isAlive(before.c)]).toEqual([true, true]);
  });

  it('gives up a process that dies at each start, keeps its last words, and tries again when told', async () => {
    const parent = startParent('c=crash', 'a');
    const failed = await eventually(async () => ((await record('c'))?.state === 'failed' ? record('c') : undefined), { what: 'c is given up' });
    expect(failed.failure?.lastLines).toEqual(['crasher: the disk is on fire']);
    expect(failed.failure?.reason).toBe('it ended with exit code 7; it died 5 times in a row right after its start');
    expect(failed.restarts).toBe(4);
    await running('a');
    await writeFile(join(home, 'cure'), '');
    process.kill(parent.identity.pid, 'SIGHUP');
    await running('c');
  });

  it('killed itself, leaves its processes running; the next parent adopts the same ones', async () => {
    const first = startParent('a', 'b');
    const before = { a: await running('a'), b: await running('b') };
    process.kill(first.identity.pid, 'SIGKILL');
    await first.exit;
    expect([isAlive(before.a), isAlive(before.b)]).toEqual([true, true]);
    const second = startParent('a', 'b');
    await eventually(async () => (await record('parent'))?.identity?.pid === second.identity.pid && (await record('parent'))?.state === 'running');
    expect([(await running('a')).pid, (await running('b')).pid]).toEqual([before.a.pid, before.b.pid]);
    expect((await record('a'))?.restarts).toBe(0);
    process.kill(before.a.pid, 'SIGKILL');
    expect((await running('a', before.a.pid)).pid).not.toBe(before.a.pid);
  });

  it('adopts a process whose record was never written, found by its lock and its mark', async () => {
    const first = startParent('a');
    const a = await running('a');
    process.kill(first.identity.pid, 'SIGKILL');
    await first.exit;
    await rm(processRecordPath(stateDir(home), 'a'));
    startParent('a');
    expect((await running('a')).pid).toBe(a.pid);
  });

  it('a second parent on the same directory ends by itself', async () => {
    startParent('a');
    const a = await running('a');
    const second = startParent('a');
    expect(await second.exit).toBe(3);
    expect((await running('a')).pid).toBe(a.pid);
  });

  it('takes over from a record whose pid was reused by another process, and leaves that one alone', async () => {
    const stranger = spawn('sleep', ['600'], { stdio: 'ignore' });
    const now = readProcessIdentity(stranger.pid ?? 0);
    if (now === undefined) throw new Error('sleep did not start');
    started.push(now);
    const parent = startParent('a');
    await running('a');
    process.kill(parent.identity.pid, 'SIGTERM');
    await parent.exit;
    const stale = { ...now, startTicks: now.startTicks - 1 };
    for (const name of ['parent', 'a']) {
      await writeProcessRecord(processRecordPath(stateDir(home), name), { name, state: 'running', restarts: 0, deaths: [], identity: stale, sinceMs: 1 });
    }
    startParent('a');
    expect((await running('a')).pid).not.toBe(now.pid);
    expect(isAlive(now)).toBe(true);
  });

  it('never starts a second process on a lock that a stranger holds', async () => {
    const dir = stateDir(home);
    const parent = startParent('a');
    await running('a');
    process.kill(parent.identity.pid, 'SIGTERM');
    await parent.exit;
    const lockPath = processLockPath(dir, 'a');
    const stranger = spawn('flock', ['-x', lockPath, 'sleep', '600'], { stdio: 'ignore', detached: true });
    await eventually(async () => (await findLockHolders(lockPath)).length > 0);
    startParent('a');
    const refused = await eventually(async () => ((await record('a'))?.failure !== undefined ? record('a') : undefined));
    expect(refused.failure?.reason).toContain('which this controller did not start');
    expect(refused.identity).toBeUndefined();
    process.kill(-(stranger.pid ?? 0), 'SIGKILL');
    await running('a');
  });

  it('bounds the log of a process that writes without end', async () => {
    startParent('a=chatty');
    const path = processLogPath(stateDir(home), 'a');
    await eventually(async () => (await stat(`${path}.1`)).size > 0, { what: 'log was rotated' });
    const small = await eventually(async () => ((await stat(path)).size < 1024 * 1024 ? stat(path) : undefined), { what: 'log is small again' });
    expect(small.size).toBeLessThan(1024 * 1024);
  });

  it('down without a parent ends the processes it left, and only these', async () => {
    const first = startParent('supervisor', 'host-actor');
    const [a, b] = [await running('supervisor'), await running('host-actor')];
    process.kill(first.identity.pid, 'SIGKILL');
    await first.exit;
    expect(await stopController({ home })).toBe('orphans-stopped');
    expect([isAlive(a), isAlive(b)]).toEqual([false, false]);
    expect(await stopController({ home })).toBe('nothing-ran');
  });
});
