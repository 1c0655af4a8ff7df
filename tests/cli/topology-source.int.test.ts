// Lab files that are not on the disk: from a web server, standard input and real git repositories.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { appendFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const labwright = join(import.meta.dirname, '..', '..', 'labwright');
const LAB = 'name: from-afar\ntopology: {nodes: {br0: {kind: bridge}}}\n';
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'labwright-source-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const validate = async (topo: string, input = '') => await execa(labwright, ['validate', '--json', '-t', topo], { cwd: folder, input, reject: false, env: { LABWRIGHT_HOME: join(folder, 'home') } });
const git = async (cwd: string, ...args: string[]) => (await execa('git', ['-c', 'user.name=t', '-c', 'user.email=t@example.org', ...args], { cwd })).stdout;

async function repository(): Promise<string> {
  const origin = join(folder, 'origin', 'labs');
  mkdirSync(join(origin, 'deep'), { recursive: true });
  await git(origin, 'init', '--quiet', '--initial-branch=main');
  writeFileSync(join(origin, 'one.clab.yml'), LAB);
  await git(origin, 'add', '.');
  await git(origin, 'commit', '--quiet', '-m', 'one');
  return origin;
}

describe('a lab file from', () => {
  it('standard input and a web server; a web page is not taken for one', async () => {
    expect(JSON.parse((await validate('-', LAB)).stdout)).toMatchObject({ id: 'from-afar' });
    const server = createServer((request, reply) => {
      if (request.url === '/none') reply.statusCode = 404;
      reply.setHeader('content-type', request.url === '/page' ? 'text/html; charset=utf-8' : 'text/plain').end(LAB);
    }).listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    expect(JSON.parse((await validate(`${base}/lab.clab.yml`)).stdout)).toMatchObject({ id: 'from-afar', source: LAB });
    const [none, page] = [await validate(`${base}/none`), await validate(`${base}/page`)];
    server.close();
    expect([none.exitCode, page.exitCode]).toEqual([2, 2]);
    expect([none.stderr, page.stderr].join()).toMatch(/HTTP 404[^]*it is a web page, not a lab file/);
    expect((await validate(`${base}/gone`)).stderr).toContain('ECONNREFUSED');
  });

  it('a git repository: cloned into the working folder, then brought up to date', async () => {
    const origin = await repository();
    const first = await validate(`file://${origin}`);
    expect(first.stderr).toContain('Cloning');
    expect(JSON.parse(first.stdout)).toMatchObject({ id: 'from-afar', topologyPath: join(folder, 'labs', 'one.clab.yml') });
    writeFileSync(join(origin, 'one.clab.yml'), LAB.replace('from-afar', 'newer'));
    await git(origin, 'commit', '--quiet', '-am', 'two');
    expect(JSON.parse((await validate(`file://${origin}`)).stdout)).toMatchObject({ id: 'newer' });
  });

  it('a git repository keeps what was changed by hand', async () => {
    const origin = await repository();
    await validate(`file://${origin}`);
    appendFileSync(join(folder, 'labs', 'one.clab.yml'), '# mine\n');
    expect((await validate(`file://${origin}`)).exitCode).toBe(0);
    writeFileSync(join(origin, 'one.clab.yml'), LAB.replace('from-afar', 'newer'));
    await git(origin, 'commit', '--quiet', '-am', 'two');
    const refused = await validate(`file://${origin}`);
    expect([refused.exitCode, refused.stderr]).toEqual([1, expect.stringContaining('would be overwritten')]);
    expect(readFileSync(join(folder, 'labs', 'one.clab.yml'), 'utf8')).toContain('# mine');
  });

  it('what is not there, or not readable, is said with what to do', async () => {
    mkdirSync(join(folder, 'none'));
    expect((await validate(`file://${folder}/x/none.git`)).stderr).toMatch(/none is there and is no clone of/);
    expect((await validate(`file://${folder}/x/gone.git`)).stderr).toMatch(/git failed: [^]*does not (?:exist|appear)/);
    expect(await validate('s3://bucket/lab.clab.yml')).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('aws s3 cp s3://bucket/lab.clab.yml - |') });
  });
});
