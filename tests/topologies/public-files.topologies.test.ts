// Public lab files, deployed for real by the command: all nodes run, all links that this kernel can make are up, the exit code
// says so, destroy leaves the host as before.
import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { copyFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { EXIT } from '../../cli/exit-code.ts';
import type { LabView } from '../../machines/vocabulary/lab-view.ts';
import type { LabSpec } from '../../machines/vocabulary/lab-spec.ts';
import { readBaseline } from '../support/host-baseline.ts';
import { labFromFile, openTestBed } from '../support/test-bed.ts';
import type { TestBed } from '../support/test-bed.ts';

const run = promisify(execFile);
const COMMAND = join(import.meta.dirname, '..', '..', 'labwright');
const FOLDER = join(import.meta.dirname, '..', '..', '..', 'shared', 'topologies');
const Row = z.object({ file: z.string(), use: z.enum(['run', 'run-with-stub-images', 'plan-only']), relative_bind_sources: z.array(z.string()), host_bridges_to_precreate: z.array(z.string()) });
const rows = existsSync(FOLDER) ? z.array(Row).parse(JSON.parse(readFileSync(join(FOLDER, 'INDEX.json'), 'utf8'))) : [];
const deployed = rows.filter((row) => row.use === 'run');
if (rows.length === 0) process.stdout.write(`public lab files are not beside the repository (${FOLDER}): only our own examples are deployed\n`);

let bed: TestBed;
let work: string;
/** What the last deploy printed beside its table. */
let said = '';
const made: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  work = await mkdtemp(join(tmpdir(), 'lw-topologies-'));
  bed = await openTestBed();
  // Whatever our processes start for good is there before the first reading of the host.
  await bed.deploy(await ownExample());
  await bed.settled('frr6');
  await bed.destroy('frr6');
});

const ownExample = async () => await labFromFile(join(import.meta.dirname, '..', '..', 'examples', 'frr6', 'frr6.clab.yml'));
afterAll(async () => {
  await bed.close();
  await rm(work, { recursive: true, force: true });
});

/** The file in a folder of its own, with empty stand-ins for what it mounts. */
async function stage(row: z.infer<typeof Row>): Promise<{ lab: LabSpec; file: string }> {
  // Deep enough for files that mount from the folders above theirs.
  const folder = join(work, row.file.replace(/\.clab\.ya?ml$/, ''), 'labs', 'topology');
  await mkdir(folder, { recursive: true });
  const file = join(folder, row.file);
  await copyFile(join(FOLDER, row.file), file);
  const lab = await labFromFile(file);
  for (const bind of new Set(lab.nodes.flatMap((node) => node.binds))) await standIn(bind);
  return { lab, file };
}

/** Deploys as a person does, with the controller of the bed. */
async function deployByCommand(file: string): Promise<number | undefined> {
  const { exitCode, stderr } = await execa(COMMAND, ['deploy', '-t', file, '--timeout', '3m'], { cwd: dirname(file), env: { LABWRIGHT_HOME: bed.home, TMPDIR: work, NO_COLOR: '1' }, reject: false, stdin: 'ignore' });
  said = stderr;
  return exitCode;
}

async function standIn(bind: string): Promise<void> {
  const [source = '', destination = ''] = bind.split(':');
  if (!source.startsWith(work) || existsSync(source)) return;
  const isFile = /\.[a-z]+$/i.test(basename(destination)) || ['daemons', 'hosts', 'frr.conf'].includes(basename(destination));
  if (!isFile) await mkdir(source, { recursive: true });
  else {
    await mkdir(dirname(source), { recursive: true });
    await writeFile(source, '');
  }
}

/** What the file expects on the host: bridges, and containers whose namespace it shares. */
async function prepareHost(row: z.infer<typeof Row>, lab: LabSpec): Promise<void> {
  for (const bridge of row.host_bridges_to_precreate) {
    await run('ip', ['link', 'add', bridge, 'up', 'type', 'bridge']);
    made.push(async () => await run('ip', ['link', 'del', bridge]));
  }
  for (const node of lab.nodes) {
    if (node.network.mode !== 'container') continue;
    const name = node.network.container;
    await run('docker', ['run', '-d', '--name', name, '--network', 'none', 'alpine:3', 'sleep', 'infinity']);
    made.push(async () => await run('docker', ['rm', '-f', name]));
  }
}

/** What this kernel cannot make fails with its reason; everything else is up. */
function expectDeployed(view: LabView): void {
  expect(view.nodes.filter((node) => node.state !== 'running').map((node) => [node.node, node.state, node.waitingFor, node.failure])).toEqual([]);
  const hopeless = view.links.filter((link) => ['dummy', 'macvlan'].includes(link.type) && link.state === 'failed');
  const others = view.links.filter((link) => !hopeless.includes(link));
  expect(others.map((link) => [link.link, link.oper, link.reason])).toEqual(others.map((link) => [link.link, 'up', '']));
  for (const link of hopeless) expect(link.failure?.message).toMatch(/Error|RTNETLINK|unknown|not supported|no such|does not exist|no device|no interface|kernel/i);
}

describe.runIf(deployed.length > 0)('public lab files marked run', () => {
  it.each(deployed.map((row) => [row.file, row] as const))('%s', async (_file, row) => {
    const { lab, file } = await stage(row);
    const before = await readBaseline();
    try {
      await prepareHost(row, lab);
      const exitCode = await deployByCommand(file);
      const view = await bed.view(lab.id);
      expectDeployed(view);
      // Commands of the file that fail are told and are no failure of the deploy; a node or link is.
      const failed = [...view.nodes, ...view.links].filter((one) => one.state === 'failed');
      expect({ exitCode, said }).toMatchObject({ exitCode: failed.length > 0 ? EXIT.degraded : EXIT.ok });
      const failedCommands = view.nodes.filter((node) => node.execFailures > 0);
      for (const { node } of failedCommands) expect(said).toMatch(new RegExp(`^ERRO Failed to execute command node=${node}\\s`, 'm'));
    } finally {
      await bed.destroy(lab.id);
      for (const undo of made.splice(0).reverse()) await undo();
    }
    expect(await readBaseline()).toEqual(before);
  });
});

it('our own example deploys', async () => {
  expect.hasAssertions();
  const lab = await ownExample();
  await bed.deploy(lab);
  expectDeployed(await bed.settled(lab.id));
  await bed.destroy(lab.id);
});
