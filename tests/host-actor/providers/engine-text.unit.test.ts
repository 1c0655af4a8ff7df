// Reading what the engine writes: words, frames, lines, events, references.
import { describe, expect, it } from 'vitest';
import { parseEngineEvent } from '../../../host-actor/providers/docker/engine-events.ts';
import { readSecurityModules } from '../../../host-actor/providers/docker/engine-info.ts';
import { registryOf } from '../../../host-actor/providers/docker/registry-auth.ts';
import { splitWords } from '../../../host-actor/providers/docker/split-words.ts';
import { FrameReader, readLines, readOutput } from '../../../host-actor/providers/docker/stream-frames.ts';

const frame = (stream: number, text: string) => {
  const head = Buffer.alloc(8);
  head[0] = stream;
  head.writeUInt32BE(Buffer.byteLength(text), 4);
  return Buffer.concat([head, Buffer.from(text)]);
};

async function* pieces(content: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < content.length; at += size) yield content.subarray(at, at + size);
}

describe('words of a command', () => {
  it.each([
    ['ip addr add 192.0.2.1/24 dev eth1', ['ip', 'addr', 'add', '192.0.2.1/24', 'dev', 'eth1']],
    ['sysctl -w "net.ipv4.ip_forward=1"', ['sysctl', '-w', 'net.ipv4.ip_forward=1']],
    [`vtysh -c 'conf t' -c "router bgp 1"`, ['vtysh', '-c', 'conf t', '-c', 'router bgp 1']],
    [String.raw`bash -c "echo \"a b\" \$HOME"`, ['bash', '-c', 'echo "a b" $HOME']],
    [String.raw`echo a\ b '\n' "\n"`, ['echo', 'a b', String.raw`\n`, String.raw`\n`]],
    ['echo a#b # the rest', ['echo', 'a#b']],
    [`echo '' ""x`, ['echo', '', 'x']],
    ['  a \n b\t', ['a', 'b']],
  ])('splits %s', (line, words) => expect(splitWords(line)).toEqual(words));

  it.each(['echo "open', "echo 'open", '', '   ', '# only a comment'])('refuses %j', (line) => {
    expect(() => splitWords(line)).toThrow(expect.objectContaining({ code: 'exec-unparsable' }));
  });
});

describe('output streams', () => {
  const both = Buffer.concat([frame(1, 'one\n'), frame(2, 'two\n'), frame(1, ''), frame(1, 'drei ü\n')]);

  it.each([1, 3, 7, 1000])('takes both streams apart in chunks of %i bytes', async (size) => {
    expect(await readOutput(pieces(both, size), { tty: false, maxBytes: 100 })).toEqual({ stdout: 'one\ndrei ü\n', stderr: 'two\n', truncated: false });
  });

  it('keeps what fits and says that it cut', async () => {
    expect(await readOutput(pieces(both, 5), { tty: false, maxBytes: 6 })).toEqual({ stdout: 'one\ndr', stderr: 'two\n', truncated: true });
  });

  it('takes a terminal as it is', async () => {
    expect(await readOutput(pieces(Buffer.from('a\r\nb'), 2), { tty: true, maxBytes: 100 })).toMatchObject({ stdout: 'a\r\nb' });
  });

  it('leaves an incomplete frame for later', () => {
    const reader = new FrameReader();
    expect(reader.read(frame(1, 'abc').subarray(0, 10))).toEqual([]);
    expect(reader.read(frame(1, 'abc').subarray(10)).map((part) => part.content.toString())).toEqual(['abc']);
  });

  it.each([1, 4, 100])('reads lines from chunks of %i bytes', async (size) => {
    const lines: string[] = [];
    for await (const line of readLines(pieces(Buffer.from('ä1\r\n\nb2\nend'), size))) lines.push(line);
    expect(lines).toEqual(['ä1', 'b2', 'end']);
  });
});

describe('engine events', () => {
  const labels = { 'labwright.lab': 'l', 'labwright.node': 'n', 'labwright.host': 'h', 'labwright.generation': '2', name: 'clab-l-n' };
  const line = (action: string, attributes: Record<string, string> = {}) =>
    `{"Type":"container","Action":"${action}","Actor":{"ID":"abc","Attributes":${JSON.stringify({ ...labels, ...attributes })}},"scope":"local","time":1700000001,"timeNano":1700000001123456789}`;

  it('reads who, what and exactly when', () => {
    expect(parseEngineEvent(line('die', { exitCode: '137' }))).toEqual({
      action: 'die', runtimeId: 'abc', labId: 'l', nodeId: 'n', generation: 2, name: 'clab-l-n', at: 1_700_000_001_123, cursor: '1700000001.123456789',
      exitCode: 137, signal: undefined, oldName: undefined, health: undefined,
    });
    expect(parseEngineEvent(line('health_status: unhealthy'))).toMatchObject({ action: 'health_status', health: 'unhealthy' });
    expect(parseEngineEvent(line('rename', { oldName: '/clab-l-old' }))).toMatchObject({ oldName: 'clab-l-old' });
    expect(parseEngineEvent(line('kill', { signal: '15' }))).toMatchObject({ signal: 15 });
  });

  it('passes over what is not ours, unknown or broken', () => {
    expect(parseEngineEvent(line('exec_create: ls'))).toBeUndefined();
    expect(parseEngineEvent(line('die', { 'labwright.node': '' }))).toBeUndefined();
    expect(parseEngineEvent('{"Action":')).toBeUndefined();
  });
});

describe('engine settings and references', () => {
  it('names the security modules in force', () => {
    expect(readSecurityModules(['name=apparmor', 'name=seccomp,profile=default', 'odd'])).toEqual(['apparmor', 'seccomp']);
  });

  it('knows the registry of a reference', () => {
    expect(['alpine', 'library/alpine:3', 'quay.io/frrouting/frr:10', 'localhost/x', '127.0.0.1:5000/x'].map(registryOf)).toEqual([
      'https://index.docker.io/v1/', 'https://index.docker.io/v1/', 'quay.io', 'localhost', '127.0.0.1:5000',
    ]);
  });
});
