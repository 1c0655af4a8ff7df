// Archives as the engine takes and gives them.
import { describe, expect, it } from 'vitest';
import { firstFile, packFiles } from '../../../host-actor/providers/docker/tar.ts';

const file = (path: string, text: string) => ({ path, mode: 0o640, uid: 100, gid: 65_534, bytes: Buffer.from(text) });

describe('an archive', () => {
  it.each(['', 'x', 'x'.repeat(512), 'x'.repeat(513)])('gives back what was put in (%#)', (text) => {
    const packed = packFiles([file('/etc/frr/frr.conf', text), file('/etc/other', 'y')]);
    expect(packed.length % 512).toBe(0);
    expect(firstFile(packed)).toEqual({ mode: 0o640, uid: 100, gid: 65_534, bytes: Buffer.from(text) });
  });

  it('begins with the file behind the attributes that belong to it', () => {
    const attributes = packFiles([file('x', 'further attributes')]).subarray(0, 1024);
    attributes.write('x', 156);
    expect(firstFile(Buffer.concat([attributes, packFiles([file('/a', 'text')])]))?.bytes.toString()).toBe('text');
  });

  it('of a folder, a link or nothing has no file', () => {
    for (const type of ['5', '2']) {
      const packed = packFiles([file('/a', '')]);
      packed.write(type, 156);
      expect(firstFile(packed)).toBeUndefined();
    }
    expect([firstFile(Buffer.alloc(0)), firstFile(Buffer.alloc(100))]).toEqual([undefined, undefined]);
  });

  it('takes no path that its headers cannot hold', () => {
    expect(() => packFiles([file(`/${'x'.repeat(101)}`, '')])).toThrow(/too long for an archive/);
  });
});
