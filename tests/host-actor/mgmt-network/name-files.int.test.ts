// Files that carry names, on a real disk: same inode after a change, no trace after a removal.
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { removeHostHostsBlock, writeHostHostsBlock } from '../../../host-actor/mgmt-network/host-hosts-block.ts';
import { nodeFiles, removeNodeFiles, rewriteHostsFiles, writeHostsFile, writeResolvConf } from '../../../host-actor/mgmt-network/node-files.ts';

let folder: string;
const entry = (name: string, last: number) => ({ name, id: '0123456789abcdef', kind: 'linux', ipv4: `172.20.20.${last}`, ipv6: `3fff:172:20:20::${last}` });

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tmgmt-'));
});

afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

describe('node files', () => {
  it('keep their inode when the lab changes, since containers hold on to it', async () => {
    const path = await writeHostsFile(folder, 'a', 'n1', [{ names: ['n1'], addresses: ['172.20.20.2'] }, { names: ['a-rather-long-name'], addresses: ['172.20.20.3'] }]);
    const before = await stat(path);
    await rewriteHostsFiles(folder, 'a', ['n1'], [{ names: ['n1'], addresses: ['172.20.20.2'] }]);
    expect((await stat(path)).ino).toBe(before.ino);
    expect(await readFile(path, 'utf8')).toMatch(/172\.20\.20\.2\tn1\n$/);
    expect(await readFile(path, 'utf8')).not.toContain('long');
  });

  it('take servers of the host', async () => {
    await writeFile(join(folder, 'resolv.conf'), 'nameserver 192.0.2.53\n');
    const path = await writeResolvConf(folder, 'a', 'n1', { servers: [], search: [], options: [] }, join(folder, 'resolv.conf'));
    expect(await readFile(path, 'utf8')).toBe('nameserver 192.0.2.53\n');
  });

  it('go with the node or the lab, twice without complaint', async () => {
    await writeHostsFile(folder, 'a', 'n1', []);
    await writeHostsFile(folder, 'a', 'n2', []);
    await removeNodeFiles(folder, 'a', 'n1');
    await expect(stat(nodeFiles(folder, 'a', 'n1').hosts)).rejects.toThrow('ENOENT');
    await expect(stat(nodeFiles(folder, 'a', 'n2').hosts)).resolves.toBeDefined();
    await removeNodeFiles(folder, 'a');
    await removeNodeFiles(folder, 'a');
    await expect(stat(nodeFiles(folder, 'a', 'n2').hosts)).rejects.toThrow('ENOENT');
  });
});

describe('block in the hosts file', () => {
  it('comes, is replaced, and goes without a trace, beside those of other labs', async () => {
    const path = join(folder, 'hosts');
    const original = '127.0.0.1\tlocalhost\n###### CLAB-other-START ######\n192.0.2.1\tother\n###### CLAB-other-END ######\n';
    await writeFile(path, original);
    await writeHostHostsBlock('a', [entry('clab-a-n1', 2)], path);
    await writeHostHostsBlock('a', [entry('clab-a-n1', 2), entry('clab-a-n2', 3)], path);
    const text = await readFile(path, 'utf8');
    expect(text.split('\n').length).toBe(original.split('\n').length + 6);
    expect(text.startsWith(original)).toBe(true);
    await removeHostHostsBlock('a', path);
    await removeHostHostsBlock('a', path);
    expect(await readFile(path, 'utf8')).toBe(original);
  });

  it('survives many labs at once', async () => {
    const path = join(folder, 'hosts');
    const labs = Array.from({ length: 20 }, (_, index) => `lab${index}`);
    await Promise.all(labs.map((lab) => writeHostHostsBlock(lab, [entry(`clab-${lab}-n1`, 2)], path)));
    const text = await readFile(path, 'utf8');
    expect(labs.filter((lab) => !text.includes(`clab-${lab}-n1\t`))).toEqual([]);
    await Promise.all(labs.map((lab) => removeHostHostsBlock(lab, path)));
    expect(await readFile(path, 'utf8')).toBe('');
  });

  it('is left alone when somebody broke it', async () => {
    const path = join(folder, 'hosts');
    await writeFile(path, '###### CLAB-a-START ######\n192.0.2.1 x\n');
    await expect(removeHostHostsBlock('a', path)).rejects.toMatchObject({ code: 'hosts-file-broken' });
    expect(await readFile(path, 'utf8')).toContain('192.0.2.1');
  });
});
