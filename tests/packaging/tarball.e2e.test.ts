// The package as a person gets it: packed, installed by npm into an empty folder, and run from there as plain JavaScript.
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { eventually } from '../support/eventually.ts';

const ROOT = resolve(import.meta.dirname, '..', '..');
const Packed = z.array(z.object({ filename: z.string(), files: z.array(z.object({ path: z.string(), mode: z.number() })) })).length(1);
const Status = z.object({ supervisorAnswers: z.boolean(), processes: z.array(z.object({ name: z.string(), state: z.string() })) });

// npm runs the build with the node that is first on PATH, as a person's does.
const env = { PATH: `${dirname(process.execPath)}:${process.env['PATH'] ?? ''}`, npm_config_loglevel: 'error' };
let work = '';
let installed = '';
let packed: z.infer<typeof Packed>[number] = { filename: '', files: [] };

const labwright = async (args: readonly string[], more: Record<string, string> = {}) =>
  await execa(join(work, 'app', 'node_modules', '.bin', 'labwright'), args, { cwd: join(work, 'app'), env: { ...env, ...more }, reject: false });

beforeAll(async () => {
  work = await mkdtemp(join(tmpdir(), 'lw-pack-'));
  const { stdout } = await execa('npm', ['pack', '--json', '--pack-destination', work], { cwd: ROOT, env });
  [packed = packed] = Packed.parse(JSON.parse(stdout));
  await mkdir(join(work, 'app'));
  await writeFile(join(work, 'app', 'package.json'), '{ "private": true }\n');
  // Without install scripts: what is run here needs no compiled package.
  await execa('npm', ['install', '--prefer-offline', '--ignore-scripts', '--no-audit', '--no-fund', join(work, packed.filename)], { cwd: join(work, 'app'), env });
  installed = join(work, 'app', 'node_modules', 'labwright');
});

afterAll(async () => await rm(work, { recursive: true, force: true }));

describe('the tarball', () => {
  it('holds what an installed program needs, and no sources, tests or leavings of labs', () => {
    const paths = packed.files.map((file) => file.path);
    for (const needed of ['bin/labwright.js', 'bin/labwright-setup', 'dist/build-info.json', 'dist/cli/main.js', 'dist/controller/main.js', 'dist/supervisor/main.js', 'dist/host-actor/main.js',
      'dist/setup/setup.sh', 'dist/setup/register-runtime.js', 'dist/setup/image-names.txt', 'dist/nats/client.js', 'dist/nats/client.d.ts', 'docs/ops-api.md', 'examples/frr6/frr6.clab.yml', 'LICENSE', 'README.md']) expect(paths).toContain(needed);
    expect(paths.filter((path) => /(?<!\.d)\.tsx?$|^tests\/|(^|\/)clab-|\.tgz$/.test(path))).toEqual([]);
  });

  it('makes its commands executable', () => {
    const commands = packed.files.filter((file) => file.path.startsWith('bin/'));
    expect(commands).toHaveLength(2);
    expect(commands.every((file) => (file.mode & 0o111) === 0o111)).toBe(true);
  });

  it('leaves nothing in the clone', () => {
    expect(existsSync(join(ROOT, 'dist'))).toBe(false);
    expect(existsSync(join(ROOT, packed.filename))).toBe(false);
  });
});

describe('the client of the package', () => {
  it('is imported by its name from plain JavaScript, and says why it cannot connect', async () => {
    const program = "import { OpsRequestError, LabId, openClient } from 'labwright/client'; console.log(typeof OpsRequestError, LabId.parse('a'));"
      + " await openClient({ url: 'nats://127.0.0.1:1', credentials: '/nowhere/viewer.nk' }).catch((error) => console.log(error.code));";
    const { stdout } = await execa(process.execPath, ['--input-type=module', '-e', program], { cwd: join(work, 'app'), env });
    expect(stdout).toBe('function a\ncredentials-missing');
  });

  it('has types: a program that uses it well passes, one that does not is told', async () => {
    await writeFile(join(work, 'app', 'use-client.mts'), `import { LabId, NodeId, openClient } from 'labwright/client';
import type { Client, LabView, OpsResponse } from 'labwright/client';
const client: Client = await openClient({ url: '', credentials: '', role: 'viewer' });
const view: LabView = await client.request('inspect', {}, { lab: LabId.parse('a') });
const { labs }: OpsResponse<'list'> = await client.request('list', { destroyed: true });
const names: string[] = [...labs.map((one) => one.lab), ...view.nodes.map((one) => one.containerName)];
for await (const { view: now, notice } of client.watchAll(new AbortController().signal)) names.push(now.state, ...(notice?.news ?? []));
// @ts-expect-error a state is no number
const state: number = view.state;
// @ts-expect-error there is no such verb
await client.request('no-such-verb', {});
// @ts-expect-error nodes are named by their id
await client.request('node', { node: 7 });
await client.request('node', { node: NodeId.parse('a') });
export { names, state };
`);
    const flags = ['--noEmit', '--strict', '--module', 'nodenext', '--target', 'es2024', '--lib', 'es2024,dom', '--skipLibCheck', '--types', ''];
    const { all, exitCode } = await execa(join(ROOT, 'node_modules', '.bin', 'tsc'), [...flags, 'use-client.mts'], { cwd: join(work, 'app'), env, all: true, reject: false });
    expect({ all, exitCode }).toEqual({ all: '', exitCode: 0 });
  });
});

describe('the installed program', () => {
  it('says its version, commit and date', async () => {
    const info = z.object({ version: z.string(), commit: z.string(), date: z.string() }).parse(JSON.parse(await readFile(join(installed, 'dist', 'build-info.json'), 'utf8')));
    const { stdout, exitCode } = await labwright(['version']);
    expect(exitCode).toBe(0);
    expect(stdout.split('\n').map((line) => line.trim())).toEqual([`version: ${info.version}`, `commit: ${info.commit}`, `date: ${info.date}`]);
  });

  it('validates the example that came with it', async () => {
    const { exitCode, stderr } = await labwright(['validate', '-t', join(installed, 'examples', 'frr6')]);
    expect({ exitCode, stderr }).toMatchObject({ exitCode: 0, stderr: expect.not.stringContaining('WARN') });
  });

  it('shows its help', async () => {
    const { stdout, exitCode } = await labwright(['--help']);
    expect(exitCode).toBe(0);
    for (const verb of ['deploy', 'destroy', 'inspect', 'up', 'version']) expect(stdout).toMatch(new RegExp(`^ +${verb}\\b`, 'm'));
  });

  it('finds its controller, supervisor and host-actor', async () => {
    const home = join(work, 'home');
    const parent = execa(process.execPath, [join(installed, 'dist', 'controller', 'main.js'), '--home', home], { env, reject: false, stdout: 'ignore' });
    try {
      const ask = async () => Status.parse(JSON.parse((await labwright(['status', '--json'], { LABWRIGHT_HOME: home })).stdout));
      const status = await eventually(async () => {
        const seen = await ask();
        return seen.supervisorAnswers && seen.processes.every((one) => one.state === 'running') ? seen : undefined;
      }, { timeoutMs: 60_000, everyMs: 200, what: 'controller of the package answers' });
      expect(status.processes.map((one) => one.name)).toEqual(['nats-server', 'supervisor', 'host-actor']);
    } finally {
      await labwright(['down'], { LABWRIGHT_HOME: home });
    }
    expect((await parent).exitCode).toBe(0);
  });

  it('refuses an older Node with the way out', async () => {
    const bin = join(installed, 'bin', 'labwright.js');
    const older = (await readFile(bin, 'utf8')).replace('NEEDED_MAJOR = 24', 'NEEDED_MAJOR = 99').replace(/NODE_OF_SETUP = '[^']+'/, "NODE_OF_SETUP = '/nowhere/node'");
    await writeFile(join(installed, 'bin', 'older.js'), older);
    const { exitCode, stderr } = await execa(process.execPath, [join(installed, 'bin', 'older.js'), 'version'], { reject: false });
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/^labwright: Node 99 or later is needed, this is v\d+.*labwright-setup/);
  });

  it('brings a set-up whose steps are sound shell and name no TypeScript', async () => {
    const setup = join(installed, 'dist', 'setup');
    const shells = (await readdir(setup, { recursive: true })).filter((name) => name.endsWith('.sh')).map((name) => join(setup, name));
    expect(shells.length).toBeGreaterThan(8);
    for (const shell of shells) {
      expect((await execa('bash', ['-n', shell], { reject: false })).stderr).toBe('');
      expect(await readFile(shell, 'utf8')).not.toMatch(/[\w-]\.ts\b/);
    }
    const { stdout } = await execa(join(work, 'app', 'node_modules', '.bin', 'labwright-setup'), ['--help'], { env });
    expect(stdout).toContain('usage: setup/setup.sh');
  });
});
