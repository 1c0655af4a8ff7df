// What people's scripts rely on, seen by running the command line on a lab of real containers.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { openWorld } from './labwright.ts';
import type { Ran, World } from './labwright.ts';

const mgmt = 'mgmt: { network: tcli-net, bridge: br-tcli, ipv4-subnet: 172.29.77.0/24, ipv6-subnet: 3fff:172:29:77::/64 }';
const labText = (address = '10.0.0.2/24') => `name: tcli
${mgmt}
topology:
  defaults: { kind: linux, image: labwright/linux:local }
  nodes:
    n1: { exec: ["ip address add 10.0.0.1/24 dev eth1", "nosuchcommand now"], labels: { role: left } }
    n2: { exec: ["ip address add ${address} dev eth1"] }
  links:
    - endpoints: [n1:eth1, n2:eth1]
`;

let world: World;
let file: string;
let deployed: Ran;

beforeAll(async () => {
  world = openWorld();
  file = world.file('tcli.clab.yml', labText());
  deployed = await world.run(['--runtime', 'docker', 'deploy', '-t', file, '--timeout', '2m']);
});
afterAll(async () => {
  await world.end();
});

const columns = (line: string): string[] => line.split('│').map((cell) => cell.trim()).filter((_cell, index, all) => index > 0 && index < all.length - 1);
const rowOf = (table: string, text: string): string[] => columns(table.split('\n').find((line) => line.includes(text)) ?? '');
const pidOf = async (container: string): Promise<string> => (await execa('docker', ['inspect', '-f', '{{.State.Pid}}/{{.State.StartedAt}}', container])).stdout;

describe('deploy', () => {
  it('ends with 0 although an exec line failed, which is reported with the text of the engine', () => {
    expect(deployed.stderr).toContain('Executed command node=n1 command="ip address add 10.0.0.1/24 dev eth1"');
    expect(deployed.stderr).toMatch(/"nosuchcommand": executable file not found/);
    expect(deployed.exitCode).toBe(0);
  });
  it('prints the table on standard output and the log on standard error', () => {
    expect(rowOf(deployed.stdout, 'clab-tcli-n1').slice(0, 4)).toEqual(['clab-tcli-n1', 'linux', 'running', '172.29.77.2']);
    expect(deployed.stdout).not.toContain('INFO');
  });
  it('makes the lab folder with inventories, and one backup that equals the file byte for byte', () => {
    const labDir = join(world.folder, 'clab-tcli');
    expect(readFileSync(join(labDir, 'ansible-inventory.yml'), 'utf8')).toContain('ansible_host: 172.29.77.2');
    expect(readFileSync(join(labDir, 'nornir-simple-inventory.yml'), 'utf8')).toContain('hostname: 172.29.77.2');
    expect(JSON.parse(readFileSync(join(labDir, 'topology-data.json'), 'utf8'))).toMatchObject({ name: 'tcli', nodes: { n1: { longname: 'clab-tcli-n1' } } });
    const backups = readdirSync(join(world.folder, '.clab', 'bak'));
    expect(backups).toHaveLength(1);
    expect(backups[0]).toMatch(/^\d{6}_\d{6}_tcli\.clab\.yml$/);
    expect(readFileSync(join(world.folder, '.clab', 'bak', backups[0] ?? ''))).toEqual(readFileSync(file));
  });
  it('refuses a name that runs from another file, and takes it over when told, without touching what runs', async () => {
    const other = world.file('other.clab.yml', labText());
    const refused = await world.run(['deploy', '-t', other]);
    expect(refused.exitCode).toBe(1);
    expect(refused.stderr).toMatch(/lab tcli runs from .*tcli\.clab\.yml: use another --name, or --take-over/);
    const before = await pidOf('clab-tcli-n1');
    expect((await world.run(['deploy', '-t', other, '--take-over'])).exitCode).toBe(0);
    expect(JSON.parse((await world.run(['ls', '--json'])).stdout)).toMatchObject([{ lab: 'tcli', state: 'running', topologyPath: other }]);
    // Now the first file is the other one.
    expect((await world.run(['deploy', '-t', file])).stderr).toMatch(/lab tcli runs from .*other\.clab\.yml/);
    expect((await world.run(['deploy', '-t', other])).exitCode).toBe(0);
    expect((await world.run(['apply', '-t', file, '--take-over'])).exitCode).toBe(0);
    expect(await pidOf('clab-tcli-n1')).toBe(before);
  });
  it('runs a second lab from the same file under another name, beside the first one', async () => {
    const before = await pidOf('clab-tcli-n1');
    const second = await world.run(['deploy', '-t', file, '--name', 'tcli-two']);
    expect([second.exitCode, rowOf(second.stdout, 'clab-tcli-two-n1').slice(0, 3)]).toEqual([0, ['clab-tcli-two-n1', 'linux', 'running']]);
    const containers = (await execa('docker', ['ps', '-q', '--filter', 'name=^clab-tcli-'])).stdout.split('\n');
    expect(containers).toHaveLength(4);
    expect((await world.run(['exec', '--name', 'tcli-two', '--label', 'clab-node-name=n1', '--cmd', 'ping -c 1 -W 2 10.0.0.2'])).stderr).toContain(' 1 received');
    expect((await world.run(['destroy', '--name', 'tcli-two', '--cleanup'])).exitCode).toBe(0);
    expect(await pidOf('clab-tcli-n1')).toBe(before);
    expect(existsSync(join(world.folder, 'clab-tcli'))).toBe(true);
  });
});

describe('inspect', () => {
  it('shows one lab, and all with path and name first', async () => {
    const one = await world.run(['inspect', '-t', file]);
    expect(rowOf(one.stdout, 'clab-tcli-n2')).toEqual(['clab-tcli-n2', 'linux', 'running', '172.29.77.3']);
    const all = await world.run(['inspect', '--all']);
    expect(rowOf(all.stdout, 'clab-tcli-n1')).toEqual([basename(file), 'tcli', 'clab-tcli-n1', 'linux', 'running', '172.29.77.2']);
  });
  it('takes the lab from CLAB_NAME and the format from CLAB_INSPECT_FORMAT, which a flag beats', async () => {
    const env = { CLAB_NAME: 'tcli', CLAB_INSPECT_FORMAT: 'csv' };
    expect((await world.run(['inspect'], { env })).stdout.split('\n')[1]?.split(',')[9]).toBe('172.29.77.2/24');
    const json: unknown = JSON.parse((await world.run(['inspect', '--format', 'json'], { env })).stdout);
    expect(json).toMatchObject({ tcli: [{ name: 'clab-tcli-n1', kind: 'linux', ipv4_address: '172.29.77.2/24' }, { name: 'clab-tcli-n2' }] });
  });
  it('has the view of the engine in details', async () => {
    const json: unknown = JSON.parse((await world.run(['inspect', '--name', 'tcli', '--details'])).stdout);
    expect(json).toMatchObject({ tcli: [{ Names: ['clab-tcli-n1'], State: 'running', Labels: { containerlab: 'tcli', role: 'left' }, NetworkSettings: { IPv4addr: '172.29.77.2' } }, {}] });
  });
  it('shows interfaces', async () => {
    expect(rowOf((await world.run(['inspect', 'interfaces', '-t', file])).stdout, 'clab-tcli-n1')).toEqual(['clab-tcli-n1', 'eth1', 'N/A', '9500', 'veth', 'up']);
  });
});

describe('exec', () => {
  it('prints records on standard error', async () => {
    const { exitCode, stdout, stderr } = await world.run(['exec', '-t', file, '--label', 'clab-node-name=n1', '--cmd', 'ping -c 1 -W 2 10.0.0.2']);
    expect([exitCode, stdout]).toEqual([0, '']);
    expect(stderr).toMatch(/^INFO Executed command node=clab-tcli-n1 command="ping -c 1 -W 2 10\.0\.0\.2"\n {2}stdout=\n {2}│ PING/);
    expect(stderr).toContain(' 1 received');
  });
  it('prints an object of arrays, with output parsed where it is JSON', async () => {
    const { stdout } = await world.run(['exec', '-t', file, '--cmd', 'ip -j link show eth1', '--format', 'json']);
    expect(JSON.parse(stdout)).toMatchObject({ 'clab-tcli-n1': [{ 'return-code': 0, stdout: [{ ifname: 'eth1', mtu: 9500 }] }], 'clab-tcli-n2': [{ stdout: [{ ifname: 'eth1' }] }] });
  });
  it('chooses by label over all labs when no lab is named', async () => {
    expect((await world.run(['exec', '--label', 'role=left', '--cmd', 'hostname'])).stderr).toContain('node=clab-tcli-n1');
  });
  it('fails when nothing matches, without the text of the command', async () => {
    const { exitCode, stderr } = await world.run(['exec', '-t', file, '--label', 'clab-node-name=nobody', '--cmd', 'uname -n']);
    expect(exitCode).not.toBe(0);
    expect(stderr).toContain('filter did not match any containers');
    expect(stderr).not.toContain('uname');
  });
});

describe('a running lab', () => {
  it('streams events, one JSON object a line, with the present state first', async () => {
    const stream = execa(join(import.meta.dirname, '..', '..', 'labwright'), ['events', '--format', 'json', '--initial-state'], { env: { LABWRIGHT_HOME: join(world.folder, 'home') }, stdin: 'ignore', reject: false });
    let text = '';
    stream.stdout.on('data', (chunk: Buffer) => {
      text += chunk.toString();
    });
    const events = () => text.split('\n').filter(Boolean).map((line) => JSON.parse(line) as { type: string; action: string; actor_name: string; origin: string });
    const has = (type: string, action: string) => events().some((one) => one.type === type && one.action === action && one.actor_name === 'clab-tcli-n1');
    await eventually(() => has('container', 'running') && has('interface', 'snapshot'), { timeoutMs: 15_000, what: 'the present state in the stream' });
    await world.run(['restart', '-t', file, '--node', 'n1']);
    await eventually(() => has('container', 'die') && has('container', 'start'), { timeoutMs: 15_000, what: 'the restart in the stream' });
    stream.kill('SIGINT');
    expect((await stream).exitCode).toBe(0);
  });
  it('stop and start keep links and addresses', async () => {
    expect((await world.run(['stop', '-t', file, '--node', 'n2'])).exitCode).toBe(0);
    expect(rowOf((await world.run(['inspect', 'interfaces', '-t', file])).stdout, 'clab-tcli-n1').at(-1)).toBe('down');
    expect((await world.run(['start', '--name', 'tcli'])).exitCode).toBe(0);
    expect((await world.run(['exec', '-t', file, '--label', 'clab-node-name=n1', '--cmd', 'ping -c 1 -W 2 10.0.0.2'])).stderr).toContain(' 1 received');
  });
  it('says when there is nothing to start', async () => {
    const { exitCode, stderr } = await world.run(['start'], { cwd: '/' });
    expect(exitCode).not.toBe(0);
    expect(stderr).toContain('No topology files matching the pattern *.clab.yml or *.clab.yaml found.');
  });
  it('a second deploy changes nothing', async () => {
    const before = await Promise.all(['n1', 'n2'].map((node) => pidOf(`clab-tcli-${node}`)));
    const again = await world.run(['deploy', '-t', file]);
    expect([again.exitCode, again.stdout.split('\n').slice(0, 2)]).toEqual([0, ['Apply summary', '  no changes']]);
    expect(await Promise.all(['n1', 'n2'].map((node) => pidOf(`clab-tcli-${node}`)))).toEqual(before);
  });
  it('a changed exec line recreates only its node; the plan says so before', async () => {
    const before = await pidOf('clab-tcli-n1');
    world.file('tcli.clab.yml', labText('10.0.0.3/24'));
    expect((await world.run(['apply', '-t', file, '--dry-run'])).stdout).toContain('Apply plan\n  recreated nodes: n2 (config drift: Exec)');
    const applied = await world.run(['apply', '-t', file]);
    expect(applied.stdout).toContain('Apply summary\n  recreated nodes: n2 (config drift: Exec)');
    expect(await pidOf('clab-tcli-n1')).toBe(before);
    expect((await world.run(['exec', '-t', file, '--label', 'clab-node-name=n1', '--cmd', 'ping -c 1 -W 2 10.0.0.3'])).stderr).toContain(' 1 received');
  });
  it('a changed link does not restart its nodes', async () => {
    const before = await Promise.all(['n1', 'n2'].map((node) => pidOf(`clab-tcli-${node}`)));
    world.file('tcli.clab.yml', `${labText('10.0.0.3/24')}    - endpoints: [n1:eth2, n2:eth2]\n`);
    expect((await world.run(['apply', '-t', file])).stdout).toContain('added links: n1:eth2 <--> n2:eth2');
    world.file('tcli.clab.yml', labText('10.0.0.3/24'));
    expect((await world.run(['apply', '-t', file])).stdout).toContain('deleted endpoints: n1:eth2, n2:eth2');
    expect(await Promise.all(['n1', 'n2'].map((node) => pidOf(`clab-tcli-${node}`)))).toEqual(before);
  });
  it('history tells when, why and what', async () => {
    const { stdout } = await world.run(['history', '--name', 'tcli']);
    expect(stdout).toMatch(/command\s+deploy: add node n1/);
    expect(stdout).toMatch(/command\s+restart n1/);
  });
  it('a link is set down and up', async () => {
    expect(rowOf((await world.run(['link', 'down', 'n1:eth1', '-t', file])).stdout, 'n1:eth1').slice(3, 5)).toEqual(['down', 'down']);
    expect((await world.run(['exec', '-t', file, '--label', 'clab-node-name=n1', '--cmd', 'ip -br link show eth1'])).stderr).toMatch(/DOWN|NO-CARRIER/);
    expect((await world.run(['link', 'up', 'n1:eth1', '-t', file])).exitCode).toBe(0);
  });
});

describe('destroy', () => {
  it('takes everything away, also the lab folder when told; again is no error', async () => {
    expect((await world.run(['destroy', '-t', file, '--cleanup'])).exitCode).toBe(0);
    expect((await execa('docker', ['ps', '-aq', '--filter', 'name=^clab-tcli-'])).stdout).toBe('');
    expect(existsSync(join(world.folder, 'clab-tcli'))).toBe(false);
    expect((await world.run(['destroy', '-t', file])).exitCode).toBe(0);
    const none = await world.run(['inspect', '--all']);
    expect([none.exitCode, none.stderr.includes('no containers found')]).toEqual([0, true]);
  });
  it('reads a lab file from standard input, and --all does not ask without a terminal', async () => {
    expect((await world.run(['deploy', '-t', '-', '--name', 'tcli-stdin'], { input: labText() })).exitCode).toBe(0);
    expect((await world.run(['destroy', '--all'])).exitCode).toBe(0);
    expect((await execa('docker', ['ps', '-aq', '--filter', 'name=^clab-tcli-'])).stdout).toBe('');
  });
});
