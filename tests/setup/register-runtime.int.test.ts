// Registering in a real file: mode and owner stay, one backup is kept, a broken file is not touched.
import { chmodSync, chownSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { registerRuntime } from '../../setup/register-runtime.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'labwright-register-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

describe('registerRuntime', () => {
  it('makes file and folder where there are none, and does nothing the second time', () => {
    const file = join(folder, 'docker', 'daemon.json');
    expect([registerRuntime(file, '/r'), registerRuntime(file, '/r')]).toEqual([true, false]);
    expect(readdirSync(join(folder, 'docker'))).toEqual(['daemon.json']);
  });

  it('keeps mode, owner and a link, and the first original as backup', () => {
    const real = join(folder, 'real.json');
    const link = join(folder, 'daemon.json');
    writeFileSync(real, '{"mtu":1400}');
    chmodSync(real, 0o640);
    chownSync(real, 4711, 4712);
    symlinkSync(real, link);
    registerRuntime(link, '/r');
    registerRuntime(link, '/r2');
    const { mode, uid, gid } = statSync(real);
    expect([mode & 0o777, uid, gid]).toEqual([0o640, 4711, 4712]);
    expect(JSON.parse(readFileSync(link, 'utf8'))).toEqual({ mtu: 1400, runtimes: { labwright: { path: '/r2' } } });
    expect(readFileSync(`${real}.before-labwright`, 'utf8')).toBe('{"mtu":1400}');
    expect(readdirSync(folder).toSorted()).toEqual(['daemon.json', 'real.json', 'real.json.before-labwright']);
  });

  it('leaves a file that is not JSON as it was', () => {
    const file = join(folder, 'daemon.json');
    writeFileSync(file, '{"mtu":1400,}');
    expect(() => registerRuntime(file, '/r')).toThrow(/not valid JSON/u);
    expect(readFileSync(file, 'utf8')).toBe('{"mtu":1400,}');
    expect(readdirSync(folder)).toEqual(['daemon.json']);
  });
});
