// The whole controller with a real nats-server: up, adoption, one server a store, secrets, external NATS, down.
import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { askSupervisor } from '../../controller/ask-supervisor.ts';
import { controllerStatus } from '../../controller/controller-status.ts';
import type { ControllerStatus } from '../../controller/controller-status.ts';
import { stopController } from '../../controller/down.ts';
import { readEndpoint } from '../../controller/endpoint.ts';
import { findLockHolders } from '../../controller/file-lock.ts';
import { ensureHostIdentity } from '../../controller/host-identity.ts';
import { isAlive, readProcessIdentity } from '../../controller/process-identity.ts';
import { stateDir } from '../../controller/state-dir.ts';
import { ensureController } from '../../controller/up.ts';
import type { UpOptions } from '../../controller/up.ts';
import { eventually } from '../support/eventually.ts';

const FIXTURES = join(import.meta.dirname, 'fixtures');
const homes: string[] = [];
let home = '';

const newHome = async (): Promise<string> => {
  const made = await mkdtemp(join(tmpdir(), 'lw-ctl-up-'));
  homes.push(made);
  return made;
};

beforeEach(async () => {
  home = await newHome();
});

afterEach(async () => {
  for (const one of homes.splice(0).toReversed()) {
    await stopController({ home: one });
    await rm(one, { recursive: true, force: true, maxRetries: 10 });
  }
});

const parentArgs = (at: string, supervisor = 'answering-supervisor.ts'): string[] => [join(FIXTURES, 'fixture-parent.ts'), at, supervisor];

const up = (options: Partial<UpOptions> & { readonly supervisor?: string } = {}): Promise<ControllerStatus> => {
  const { supervisor, ...rest } = options;
  const at = options.home ?? home;
  return ensureController({ home: at, parentCommand: [process.execPath, ...parentArgs(at, supervisor)], ...rest });
};

const pidOf = (status: ControllerStatus, name: string): number => {
  const pid = [status.parent, ...status.processes].find((one) => one.name === name)?.pid;
  if (pid === undefined) throw new Error(`${name} does not run`);
  return pid;
};

const endpointOf = async (at: string) => {
  const endpoint = await readEndpoint(stateDir(at));
  if (endpoint === undefined) throw new Error('no endpoint was written');
  return endpoint;
};

const answers = async (at: string): Promise<boolean> => (await askSupervisor(await endpointOf(at), 500)).supervisorAnswers;

describe('ensureController', () => {
  it('starts the parent, reports each step, and returns when the supervisor answers; called again it changes nothing', async () => {
    const steps: string[] = [];
    const first = await up({ onProgress: (step) => steps.push(step) });
    expect(steps).toEqual(['parent-started', 'nats-answers', 'supervisor-answers']);
    expect(first.supervisorAnswers).toBe(true);
    expect(first.nats).toMatchObject({ kind: 'embedded', durability: expect.stringContaining('loses nothing') });
    const again = await up({ onProgress: (step) => steps.push(step) });
    expect(steps.slice(3)).toEqual(['runs-already', 'nats-answers', 'supervisor-answers']);
    expect(again.processes.map((one) => one.pid)).toEqual(first.processes.map((one) => one.pid));
    expect(await stopController({ home })).toBe('stopped');
    const after = await controllerStatus(stateDir(home));
    expect([after.parent, ...after.processes].map((one) => one.state)).toEqual(['stopped', 'stopped', 'stopped', 'stopped']);
  });

  it('two at once end with one parent and one server', async () => {
    const run = () => execa(process.execPath, [join(FIXTURES, 'run-up.ts'), home, ...parentArgs(home)], { timeout: 60_000 });
    const outputs = await Promise.all([run(), run()]);
    const pids = outputs.map((one) => one.stdout).map((text) => /"pid":\d+/g.exec(text)?.[0]);
    expect(pids[0]).toBe(pids[1]);
    expect(await findLockHolders(stateDir(home).parentLock)).toHaveLength(1);
    expect(await findLockHolders(stateDir(home).natsStoreLock)).toHaveLength(1);
  });

  it('after kill -9 of the parent the same server, supervisor and host-actor are adopted', async () => {
    const before = await up();
    process.kill(pidOf(before, 'parent'), 'SIGKILL');
    expect(await answers(home)).toBe(true);
    const after = await up();
    expect(after.processes.map((one) => one.pid)).toEqual(before.processes.map((one) => one.pid));
    expect(pidOf(after, 'parent')).not.toBe(pidOf(before, 'parent'));
  });

  it('after kill -9 of nats-server a new one serves at the same address and the supervisor answers again', async () => {
    const before = await up();
    process.kill(pidOf(before, 'nats-server'), 'SIGKILL');
    await eventually(async () => (await answers(home)) && pidOf(await controllerStatus(stateDir(home)), 'nats-server') !== pidOf(before, 'nats-server'));
    const after = await controllerStatus(stateDir(home));
    expect(after.nats.url).toBe(before.nats.url);
    expect(pidOf(after, 'supervisor')).toBe(pidOf(before, 'supervisor'));
  });

  it('after kill -9 of all at once the next up brings all back', async () => {
    const before = await up();
    for (const one of [before.parent, ...before.processes]) process.kill(one.pid ?? 0, 'SIGKILL');
    const after = await up();
    expect(after.supervisorAnswers).toBe(true);
    expect(after.hostId).toBe(before.hostId);
  });

  it('a supervisor that dies at each start is an error with its last lines', async () => {
    await expect(up({ supervisor: 'crasher.ts' })).rejects.toMatchObject({
      code: 'process-failed',
      message: expect.stringMatching(/supervisor is failed .*exit code 7[^]*the disk is on fire[^]*labwright up/),
    });
  });

  it('moves to another port when a stranger took its own, and the supervisor follows', async () => {
    const before = await up();
    const port = Number(before.nats.url?.split(':').at(-1));
    await stopController({ home });
    const stranger = spawn(process.execPath, ['-e', `require('net').createServer().listen(${port}, '127.0.0.1')`], { stdio: 'ignore' });
    try {
      await eventually(async () => (await execa('ss', ['-ltnH', `sport = :${port}`])).stdout !== '');
      const after = await up();
      expect(after.nats.url).not.toBe(before.nats.url);
      expect(after.supervisorAnswers).toBe(true);
    } finally {
      stranger.kill('SIGKILL');
    }
  });
});

describe('store', () => {
  it('is never served by two servers, also when another home leads to it', async () => {
    const first = await up();
    const second = await newHome();
    await mkdir(join(second, 'run'), { recursive: true });
    await symlink(join(home, 'nats'), join(second, 'nats'));
    await expect(up({ home: second, deadlineMs: 20_000 })).rejects.toMatchObject({ message: expect.stringContaining('Two of them must not share one store') });
    expect(await findLockHolders(stateDir(home).natsStoreLock)).toEqual([pidOf(first, 'nats-server')]);
    expect(await answers(home)).toBe(true);
  });
});

describe('secrets', () => {
  it('lie in files of mode 0600 in directories of mode 0700', async () => {
    await up();
    const dir = stateDir(home);
    for (const folder of [dir.credentialsDir, dir.runDir, dir.logDir, dir.natsDir]) expect((await stat(folder)).mode & 0o777).toBe(0o700);
    const files = await readdir(dir.credentialsDir);
    expect(files.map((file) => file.replace(/^host-.*\.nk$/, 'host.nk')).toSorted()).toEqual(['host.nk', 'operator.nk', 'supervisor.nk', 'viewer.nk']);
    for (const file of files) expect((await stat(join(dir.credentialsDir, file))).mode & 0o777).toBe(0o600);
    expect((await stat(dir.natsConfig)).mode & 0o777).toBe(0o600);
  });

  it('K06: are in no command line and no environment of any process', async () => {
    const status = await up();
    const { credentialsDir } = stateDir(home);
    const secrets = await Promise.all((await readdir(credentialsDir)).map(async (file) => (await readFile(join(credentialsDir, file), 'utf8')).trim()));
    expect(secrets.every((secret) => secret.length > 40)).toBe(true);
    for (const one of [status.parent, ...status.processes]) {
      for (const file of ['cmdline', 'environ']) {
        const text = await readFile(`/proc/${one.pid}/${file}`, 'utf8');
        expect(secrets.filter((secret) => text.includes(secret))).toEqual([]);
      }
    }
  });

  it('A01: an empty external secret is refused, and nothing is started', async () => {
    const empty = join(home, 'empty.nk');
    await writeFile(empty, '\n');
    const env = { ...process.env, LABWRIGHT_NATS_URL: 'nats://127.0.0.1:4', LABWRIGHT_NATS_CREDS: empty };
    await expect(up({ env })).rejects.toMatchObject({ code: 'empty-secret', message: expect.stringContaining('no authentication') });
    expect((await controllerStatus(stateDir(home))).processes.every((one) => one.pid === undefined)).toBe(true);
  });

  it('A01: an emptied secret of our own is made anew, never used empty', async () => {
    await up();
    await stopController({ home });
    const path = join(stateDir(home).credentialsDir, 'operator.nk');
    await writeFile(path, '');
    expect((await up()).supervisorAnswers).toBe(true);
    expect((await readFile(path, 'utf8')).trim()).toMatch(/^SU[A-Z2-7]{56}$/);
  });
});

describe('external NATS', () => {
  it('replaces the embedded one: no server of ours runs, and what it keeps is said plainly', async () => {
    const provider = await up();
    const tenant = await newHome();
    const env = { ...process.env, LABWRIGHT_NATS_URL: provider.nats.url, LABWRIGHT_NATS_CREDS: stateDir(home).credentialsDir };
    // One cluster has one supervisor: the provider's own gives way.
    process.kill(pidOf(provider, 'parent'), 'SIGKILL');
    process.kill(pidOf(provider, 'supervisor'), 'SIGKILL');
    const status = await up({ home: tenant, env });
    expect(status.processes.map((one) => one.name)).toEqual(['supervisor', 'host-actor']);
    expect(status.nats).toMatchObject({ kind: 'external', url: provider.nats.url, durability: expect.stringContaining('external server') });
    expect(status.supervisorAnswers).toBe(true);
    expect(isAlive(readProcessIdentity(pidOf(provider, 'nats-server')) ?? { pid: 0, startTicks: 0, bootId: '' })).toBe(true);
  });
});

describe('a controller that runs with one NATS', () => {
  it('is not silently used when the environment names another one', async () => {
    const running = await up();
    const env = { ...process.env, LABWRIGHT_NATS_URL: 'nats://127.0.0.1:4', LABWRIGHT_NATS_CREDS: stateDir(home).credentialsDir };
    await expect(up({ env })).rejects.toMatchObject({ code: 'other-nats-in-use', message: expect.stringContaining('labwright down') });
    expect((await up()).processes.map((one) => one.pid)).toEqual(running.processes.map((one) => one.pid));
  });
});

describe('host identity', () => {
  it('R06: stays the same over restarts', async () => {
    const first = (await up()).hostId;
    await stopController({ home });
    expect((await up()).hostId).toBe(first);
    expect(first).toMatch(/-[0-9a-f]{6}$/);
  });

  it('R06: is refused on another machine to which the disk was copied', async () => {
    const dir = stateDir(home);
    const here = { hostname: 'h', machineId: 'a'.repeat(32) };
    const { hostId } = await ensureHostIdentity(dir, here);
    expect((await ensureHostIdentity(dir, { ...here, hostname: 'renamed' })).hostId).toBe(hostId);
    await expect(ensureHostIdentity(dir, { ...here, machineId: 'b'.repeat(32) })).rejects.toMatchObject({ code: 'copied-identity', message: expect.stringContaining(hostId) });
  });
});
