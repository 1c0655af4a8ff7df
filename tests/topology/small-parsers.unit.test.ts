// The small readers of this room: ports, sizes, command lines, addresses, device names, files of variables.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { toDeviceName } from '../../topology/interface-name.ts';
import { contains, formatAddress, overlaps, parseAddress, parseRange } from '../../topology/ip-address.ts';
import { parsePorts } from '../../topology/parse-ports.ts';
import { resolvePath } from '../../topology/posix-path.ts';
import { parseBytes } from '../../topology/quantity.ts';
import { parseEnvFile } from '../../topology/resolve-environment.ts';
import { splitCommand } from '../../topology/split-command.ts';
import { editDistance } from '../../topology/unknown-key.ts';

describe('published ports', () => {
  const tcp = { protocol: 'tcp' } as const;

  it.each([
    ['80', [{ hostPort: 0, containerPort: 80, ...tcp }]],
    ['8080:80', [{ hostPort: 8080, containerPort: 80, ...tcp }]],
    ['53:53/UDP', [{ hostPort: 53, containerPort: 53, protocol: 'udp' as const }]],
    ['127.0.0.1:8080:80/tcp', [{ hostIp: '127.0.0.1', hostPort: 8080, containerPort: 80, ...tcp }]],
    ['127.0.0.1::80', [{ hostIp: '127.0.0.1', hostPort: 0, containerPort: 80, ...tcp }]],
    ['[::1]:8080:80/sctp', [{ hostIp: '::1', hostPort: 8080, containerPort: 80, protocol: 'sctp' as const }]],
    ['8000-8001:80-81', [{ hostPort: 8000, containerPort: 80, ...tcp }, { hostPort: 8001, containerPort: 81, ...tcp }]],
    ['80-81', [{ hostPort: 0, containerPort: 80, ...tcp }, { hostPort: 0, containerPort: 81, ...tcp }]],
  ])('%s', (entry, ports) => expect(parsePorts(entry)).toEqual({ ports }));

  it.each(['', ':', 'a:b', '0', '70000:80', '80:0', '1.2.3:80:80', '80/xyz', '90-80', '1-2:3'])('refuses %j', (entry) => expect(parsePorts(entry)).toHaveProperty('error'));
});

describe('sizes', () => {
  it.each([['1G', 1e9], ['1Gb', 1e9], ['1GiB', 2 ** 30], ['512mb', 512e6], ['1.5k', 1500], ['12345678', 12_345_678], [' 2 MiB ', 2 ** 21]])('%s by 1000', (size, bytes) => expect(parseBytes(size, 1000)).toBe(bytes));
  it('counts plain units by 1024 where the engine does', () => expect(parseBytes('64m', 1024)).toBe(2 ** 26));
  it.each(['', 'G', '1 apple', '-1G', '1ib', '0'])('refuses %j', (size) => expect(parseBytes(size, 1000)).toBeUndefined());
});

describe('command lines', () => {
  it.each([
    ["sh -c 'a \"b\" $c'", ['sh', '-c', 'a "b" $c']],
    ['echo "a \\"b\\" \\n" c\\ d', ['echo', 'a "b" n', 'c d']],
    ['a # comment', ['a']],
    ['a#b "" x', ['a#b', '', 'x']],
    ['  ', []],
  ])('%s', (line, words) => expect(splitCommand(line)).toEqual({ words }));

  it.each(['"open', "it's", 'end\\'])('refuses %j', (line) => expect(splitCommand(line)).toHaveProperty('error'));

  it('gives back any words that were quoted', () => {
    fc.assert(fc.property(fc.array(fc.string()), (words) => {
      const line = words.map((word) => `'${word.replaceAll("'", `'"'"'`)}'`).join(' ');
      expect(splitCommand(line)).toEqual({ words });
    }));
  });
});

const made = <T>(value: T | undefined): T => {
  if (value === undefined) throw new Error('not readable');
  return value;
};
const range = (text: string) => made(parseRange(text));
const address = (text: string) => made(parseAddress(text));

describe('addresses', () => {
  it('reads what it writes', () => {
    fc.assert(fc.property(fc.bigInt({ min: 0n, max: 2n ** 128n - 1n }), (value) => {
      expect(parseAddress(formatAddress({ family: 6, value }))).toEqual({ family: 6, value });
    }));
    fc.assert(fc.property(fc.bigInt({ min: 0n, max: 2n ** 32n - 1n }), (value) => {
      expect(parseAddress(formatAddress({ family: 4, value }))).toEqual({ family: 4, value });
    }));
  });

  it('reads every form of IPv6', () => {
    fc.assert(fc.property(fc.ipV6(), (text) => {
      expect(parseAddress(text)?.family).toBe(6);
    }));
    const written = (text: string): string => formatAddress(address(text));
    expect(written('3FFF:172:20:20:0:0:0:99')).toBe('3fff:172:20:20::99');
    expect(written('::')).toBe('::');
    expect(written('::ffff:192.0.2.1')).toBe('::ffff:c000:201');
    expect(written('1:0:0:2:0:0:0:3')).toBe('1:0:0:2::3');
    expect(written('10:100:0:0:1000:0:10:1')).toBe('10:100::1000:0:10:1');
  });

  it.each(['', '1.2.3', '1.2.3.256', '01.2.3.4', '1::2::3', '1:2:3:4:5:6:7:8:9', 'fe80::1%eth0', ':1'])('refuses %j', (text) => expect(parseAddress(text)).toBeUndefined());

  it('compares ranges', () => {
    expect(contains(range('192.0.2.77/24'), address('192.0.2.255'))).toBe(true);
    expect(contains(range('192.0.2.0/25'), address('192.0.2.128'))).toBe(false);
    expect(overlaps(range('10.0.0.0/8'), range('10.1.0.0/16'))).toBe(true);
    expect(overlaps(range('10.0.0.0/8'), range('2001:db8::/32'))).toBe(false);
    expect(parseRange('10.0.0.0/33')).toBeUndefined();
  });
});

describe('device names', () => {
  it('always fit the kernel, and are the same each time', () => {
    fc.assert(fc.property(fc.string({ minLength: 1, maxLength: 40 }), (asked) => {
      const device = toDeviceName(asked);
      fc.pre(!('error' in device));
      const name = 'name' in device ? device.name : '';
      expect(name.length).toBeLessThanOrEqual(15);
      expect(name).not.toMatch(/[\s/:%]/);
      expect(toDeviceName(asked)).toEqual(device);
      expect(toDeviceName(name)).toEqual({ name, changed: 'no' });
    }));
  });
});

describe('paths, variables, words', () => {
  it('resolves paths', () => {
    expect(resolvePath('a/../b', '/x', undefined)).toBe('/x/b');
    expect(resolvePath('~/a', '/x', '/home/me')).toBe('/home/me/a');
    expect(resolvePath('../../..', '/x', undefined)).toBe('/');
  });
  it('reads files of variables', () => expect(parseEnvFile("A=1\r\n# B=2\nexport C='x y'\nnonsense\nD=\"")).toEqual({ A: '1', C: 'x y', D: '"' }));
  it('counts changes between words', () => expect(editDistance('imgae', 'image')).toBe(2));
});
