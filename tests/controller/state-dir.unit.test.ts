// Where state lies, how a host is called, what a record and a greeting must look like.
import { describe, expect, it } from 'vitest';
import { nameHost, parseHostIdentity } from '../../controller/host-identity.ts';
import { parseNatsInfo } from '../../controller/nats-port.ts';
import { parseProcessRecord } from '../../controller/process-record.ts';
import { resolveHome } from '../../controller/state-dir.ts';

describe('resolveHome', () => {
  it('prefers LABWRIGHT_HOME, made absolute', () => {
    expect(resolveHome({ LABWRIGHT_HOME: '/x/../y' }, 0)).toBe('/y');
  });
  it('is /var/lib/labwright for root', () => {
    expect(resolveHome({ XDG_STATE_HOME: '/s', HOME: '/root' }, 0)).toBe('/var/lib/labwright');
  });
  it('follows XDG for others, and ignores a relative XDG_STATE_HOME', () => {
    expect(resolveHome({ XDG_STATE_HOME: '/s', HOME: '/home/a' }, 1000)).toBe('/s/labwright');
    expect(resolveHome({ XDG_STATE_HOME: 's', HOME: '/home/a' }, 1000)).toBe('/home/a/.local/state/labwright');
    expect(resolveHome({ HOME: '/home/a' }, 1000)).toBe('/home/a/.local/state/labwright');
  });
});

describe('nameHost', () => {
  it('keeps what a subject token takes of the short host name', () => {
    expect(nameHost('Rack_7.example.org', 'abc123')).toBe('rack-7-abc123');
    expect(nameHost('...', 'abc123')).toBe('host-abc123');
  });
});

describe('parseHostIdentity', () => {
  it('refuses damaged text, for a new identity would lose placements', () => {
    expect(() => parseHostIdentity('', '/h/host-identity.json')).toThrow('/h/host-identity.json holds no host identity');
    expect(parseHostIdentity('{"hostId":"a-1"}', '/h')).toEqual({ hostId: 'a-1' });
  });
});

describe('parseProcessRecord', () => {
  const good = { name: 'a', state: 'running', restarts: 0, deaths: [], identity: { pid: 1, startTicks: 2, bootId: 'b' } };
  it('takes what was written', () => {
    expect(parseProcessRecord(JSON.stringify(good))).toEqual(good);
  });
  it.each(['', '{', '[]', 'null', JSON.stringify({ ...good, state: 'odd' }), JSON.stringify({ ...good, identity: { pid: '1' } }), JSON.stringify({ ...good, deaths: [1] })])(
    'is undefined for %s',
    (text) => {
      expect(parseProcessRecord(text)).toBeUndefined();
    },
  );
});

describe('parseNatsInfo', () => {
  it('reads version and JetStream', () => {
    expect(parseNatsInfo('INFO {"version":"2.15.1","jetstream":true} \r\n')).toEqual({ version: '2.15.1', jetstream: true });
    expect(parseNatsInfo('INFO {"version":"2.15.1"}\r\n')).toEqual({ version: '2.15.1', jetstream: false });
  });
  it('is undefined for anything else', () => {
    expect(parseNatsInfo('HTTP/1.1 400 Bad Request\r\n')).toBeUndefined();
  });
});
