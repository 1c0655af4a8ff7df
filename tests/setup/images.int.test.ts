// The local images with the real engine: they stand in for public ones in labs as people write them.
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { eventually } from '../support/eventually.ts';

const root = join(import.meta.dirname, '..', '..');
const index = join(root, '..', 'shared', 'topologies', 'INDEX.json');
const name = `sut-image-${process.pid}`;
const frrCapabilities = ['NET_ADMIN', 'NET_RAW', 'SYS_ADMIN'].flatMap((capability) => ['--cap-add', capability]);

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'labwright-image-'));
});
afterEach(async () => {
  await execa('docker', ['rm', '--force', '--volumes', name], { reject: false });
  rmSync(folder, { recursive: true });
});

const run = (args: readonly string[]) => execa('docker', ['run', '--detach', '--name', name, '--network', 'none', ...args]);
const inNode = async (...command: readonly string[]): Promise<string> => (await execa('docker', ['exec', name, ...command])).stdout;
const isRunning = async (): Promise<boolean> =>
  (await execa('docker', ['inspect', '--format', '{{.State.Running}}', name])).stdout === 'true';

const imageNames = (): readonly string[] =>
  readFileSync(join(root, 'setup/image-names.txt'), 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => line.split(/\s+/u)[1] ?? '');

describe('image names', () => {
  it('are all there', async () => {
    const { stdout } = await execa('docker', ['image', 'inspect', '--format', '{{.Id}}', ...imageNames()]);
    expect(stdout.split('\n')).toHaveLength(imageNames().length);
  });

  it.skipIf(!existsSync(index))(`cover the public lab files that are run (skipped without ${index})`, () => {
    const Entry = z.array(z.object({ use: z.string(), images: z.array(z.string()) }));
    const wanted = Entry.parse(JSON.parse(readFileSync(index, 'utf8')))
      .filter(({ use }) => use !== 'plan-only')
      .flatMap(({ images }) => images);
    expect(imageNames()).toEqual(expect.arrayContaining(wanted));
  });
});

describe('FRR image', () => {
  it('starts the daemons of a bound daemons file and applies a bound frr.conf, readable only by root too', async () => {
    writeFileSync(join(folder, 'daemons'), 'ospfd=yes\nbgpd=yes\nbfdd=no\n');
    writeFileSync(join(folder, 'frr.conf'), 'router ospf\n ospf router-id 10.0.0.9\n', { mode: 0o600 });
    await run([...frrCapabilities, '--volume', `${folder}/daemons:/etc/frr/daemons`, '--volume', `${folder}/frr.conf:/etc/frr/frr.conf`, 'labwright/frr:local']);
    await eventually(async () => (await inNode('vtysh', '-c', 'show ip ospf')).includes('10.0.0.9'), { timeoutMs: 20_000, what: 'router id' });
    expect((await inNode('vtysh', '-c', 'show daemons')).split(/\s+/u)).toEqual(expect.arrayContaining(['zebra', 'ospfd', 'bgpd', 'staticd']));
  });

  it('starts its daemons again after a kill', async () => {
    await run([...frrCapabilities, 'labwright/frr:local']);
    const zebraAnswers = async () => (await inNode('vtysh', '-c', 'show daemons')).includes('zebra');
    await eventually(zebraAnswers, { timeoutMs: 20_000, what: 'zebra' });
    await execa('docker', ['kill', name]);
    await execa('docker', ['start', name]);
    expect(await eventually(zebraAnswers, { timeoutMs: 20_000, what: 'zebra after the kill' })).toBe(true);
  });

  it.each([
    ['an empty daemons file', 'daemons', '/etc/frr/daemons'],
    ['an empty folder over /etc/frr', '', '/etc/frr'],
  ])('stays up with %s', async (_, source, target) => {
    if (source !== '') writeFileSync(join(folder, source), '');
    await run([...frrCapabilities, '--volume', `${join(folder, source)}:${target}`, 'labwright/frr:local']);
    await eventually(async () => (await execa('docker', ['logs', name], { all: true })).all.length > 0, { what: 'first output' });
    expect(await isRunning()).toBe(true);
  });
});

describe('Linux image', () => {
  it('keeps running by itself, ends at once when asked, and has ash and the usual tools', async () => {
    await run(['alpine:3']);
    for (const tool of ['ash', 'ip', 'tc', 'bridge', 'ping', 'tcpdump', 'curl', 'iperf3', 'nft', 'iptables', 'ethtool', 'nc', 'traceroute']) {
      expect(await inNode('ash', '-c', `command -v ${tool}`)).toContain(tool);
    }
    await execa('docker', ['stop', '--time', '60', name]);
    // 128 + SIGTERM: it was not killed.
    expect((await execa('docker', ['inspect', '--format', '{{.State.ExitCode}}', name])).stdout).toBe('143');
  });

  it('serves files on port 80 under the names of web images', async () => {
    writeFileSync(join(folder, 'index.html'), 'from the lab file');
    // The web server's workers are not root.
    chmodSync(folder, 0o755);
    await run(['--volume', `${folder}:/usr/share/nginx/html`, 'nginx:stable-alpine']);
    expect(await eventually(() => inNode('curl', '-s', 'http://127.0.0.1/'), { what: 'web server' })).toBe('from the lab file');
  });
});
