// Names on the wire, batch sizes, versions: the pure parts of the transport.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HostId, LabId } from '../../machines/vocabulary/ids.ts';
import { splitBySize } from '../../nats/batch-queue.ts';
import { isAtLeast } from '../../nats/connect.ts';
import { makeSlots } from '../../nats/slots.ts';
import { hostConsumer } from '../../nats/streams.ts';
import { fromSubjectToken, labOfLogSubject, labOfOpsSubject, lastTokenName, logSubject, noticeSubject, observationSubject, opsSubject, opsWildcard, rpcSubject, subjectToken } from '../../nats/subjects.ts';

describe('subject token', () => {
  it('leaves plain names as they are', () => {
    expect(subjectToken('lab-1_A')).toBe('lab-1_A');
  });

  it('spells dots, blanks, wildcards and letters of any script as one token', () => {
    expect(subjectToken('a.b c*>=é')).toBe('a=2Eb=20c=2A=3E=3D=C3=A9');
  });

  it('gives each name a token of its own that spells it, and is one token of a subject, a consumer and a key', () => {
    fc.assert(fc.property(fc.string({ minLength: 1, unit: 'grapheme' }), (name) => {
      const token = subjectToken(name);
      expect(token).toMatch(/^[A-Za-z0-9_=-]+$/);
      expect(fromSubjectToken(token)).toBe(name);
    }));
  });

  it('keeps a lab that is called _ apart from no lab', () => {
    const lab = LabId.parse('_');
    expect(opsSubject('read', 'list')).toBe('lw.v1.read.list._');
    expect(opsSubject('read', 'inspect', lab)).toBe('lw.v1.read.inspect.=5F');
    expect(labOfOpsSubject('lw.v1.read.inspect.=5F')).toBe('_');
    expect(labOfOpsSubject('lw.v1.read.list._')).toBeUndefined();
  });
});

describe('subjects', () => {
  const lab = LabId.parse('my lab');
  const host = HostId.parse('h.1');

  it('are these', () => {
    expect([logSubject(lab), noticeSubject(lab), noticeSubject(), observationSubject(host), rpcSubject(host, 'exec'), opsWildcard('do', 'destroy'), hostConsumer(host)]).toEqual([
      'lw.v1.log.my=20lab', 'lw.v1.notice.my=20lab', 'lw.v1.notice.*', 'lw.v1.obs.h=2E1', 'lw.v1.rpc.h=2E1.exec', 'lw.v1.do.destroy.*', 'host-h=2E1',
    ]);
  });

  it('give the name back', () => {
    expect(labOfLogSubject(logSubject(lab))).toBe(lab);
    expect(labOfLogSubject('lw.v1.work.A')).toBeUndefined();
    expect(lastTokenName(observationSubject(host))).toBe(host);
  });
});

describe('splitBySize', () => {
  it('keeps order, loses nothing, and stays below the limit unless one item alone is above it', () => {
    fc.assert(fc.property(fc.array(fc.string({ maxLength: 60 })), (items) => {
      const parts = splitBySize(items, 50);
      expect(parts.flat()).toEqual(items);
      const tooLarge = parts.filter((part) => part.length > 1 && Buffer.byteLength(JSON.stringify(part)) > 51);
      expect(tooLarge).toEqual([]);
    }));
  });

  it('splits the same items the same way', () => {
    const items = Array.from({ length: 30 }, (_, index) => ({ index }));
    expect(splitBySize(items, 64)).toEqual(splitBySize(structuredClone(items), 64));
  });
});

describe('server version', () => {
  it.each([
    ['2.10.0', '2.10.0', true], ['2.9.10', '2.10.0', false], ['2.15.1', '2.10.0', true], ['3.0.0', '2.10.0', true], ['2.10.27-RC.1', '2.10.0', true], ['', '2.10.0', false], ['v2.11.1', '2.11.2', false],
  ])('%s at least %s: %s', (version, minimum, expected) => {
    expect(isAtLeast(version, minimum)).toBe(expected);
  });
});

describe('slots', () => {
  it('runs so many at once and the others in order', async () => {
    const slots = makeSlots(2);
    const started: number[] = [];
    const release: (() => void)[] = [];
    const all = [0, 1, 2, 3].map(async (index) => await slots.run(async () => {
      started.push(index);
      await new Promise<void>((resolve) => release.push(resolve));
    }));
    await Promise.resolve();
    expect(started).toEqual([0, 1]);
    for (let index = 0; index < 4; index += 1) {
      release.shift()?.();
      await new Promise((resolve) => setImmediate(resolve));
    }
    await Promise.all(all);
    expect(started).toEqual([0, 1, 2, 3]);
    expect(slots.inUse).toBe(0);
  });

  it('frees the slot of what fails', async () => {
    const slots = makeSlots(1);
    await expect(slots.run(async () => await Promise.reject(new Error('no')))).rejects.toThrow('no');
    expect(await slots.run(async () => await Promise.resolve(1))).toBe(1);
  });
});
