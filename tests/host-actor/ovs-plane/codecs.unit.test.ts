// The codecs of plane ovs against bytes and text as the daemons of Open vSwitch 3.1 send them.
import { describe, expect, it } from 'vitest';
import { createJsonStream } from '../../../host-actor/ovs-plane/json-stream.ts';
import { answerText, readRpcMessage, requestText } from '../../../host-actor/ovs-plane/json-rpc-message.ts';
import { bundle, flowMonitorRequest, flowStatsRequest, readFlowEvents, readFlowStats, type Flow } from '../../../host-actor/ovs-plane/openflow-message.ts';
import { map, readMap, readNumber, readSet, readText, set, uuid } from '../../../host-actor/ovs-plane/ovsdb-value.ts';

describe('stream of JSON values', () => {
  const text = '{"id":0,"result":[{"rows":[]}],"error":null}{"method":"update","params":["a}{\\"[",{}],"id":null} {"id":"echo","method":"echo","params":[]}';

  it.each([1, 2, 7, 64, 1000])('cuts values apart whatever the size of the chunks (%i)', (size) => {
    const parse = createJsonStream();
    const values: unknown[] = [];
    for (let at = 0; at < text.length; at += size) values.push(...parse(text.slice(at, at + size)));
    expect(values).toEqual([{ id: 0, result: [{ rows: [] }], error: null }, { method: 'update', params: ['a}{"[', {}], id: null }, { id: 'echo', method: 'echo', params: [] }]);
  });

  it('tells what is no JSON', () => {
    expect(() => createJsonStream()('{nonsense}')).toThrow(SyntaxError);
  });
});

describe('JSON-RPC messages', () => {
  it.each([
    [{ id: 3, result: {}, error: null }, { kind: 'answer', id: 3, result: {} }],
    [{ id: 3, result: null, error: 'unknown method' }, { kind: 'error', id: 3, error: 'unknown method' }],
    [{ id: null, method: 'update', params: ['m', {}] }, { kind: 'notification', method: 'update', params: ['m', {}] }],
    [{ id: 'echo', method: 'echo', params: [] }, { kind: 'request', id: 'echo', method: 'echo', params: [] }],
    ['text', undefined],
    [{ id: 'not ours', result: 1 }, undefined],
  ])('reads %j', (value, expected) => {
    expect(readRpcMessage(value)).toEqual(expected);
  });

  it('writes requests and echoes', () => {
    expect(requestText(1, 'list_dbs', [])).toBe('{"id":1,"method":"list_dbs","params":[]}');
    expect(answerText('echo', ['x'])).toBe('{"id":"echo","result":["x"],"error":null}');
  });
});

describe('values of OVSDB', () => {
  it('takes a scalar for the set of one, and an empty set for nothing', () => {
    expect(readSet(['set', [['uuid', 'u1'], ['uuid', 'u2']]])).toEqual(['u1', 'u2']);
    expect(readSet(uuid('u1'))).toEqual(['u1']);
    expect(readNumber(['set', []])).toBeUndefined();
    expect(readNumber(7)).toBe(7);
    expect(readText(['set', []])).toBeUndefined();
    expect(readText('secure')).toBe('secure');
  });

  it('reads and writes maps', () => {
    expect(readMap(map({ a: 'b' }))).toEqual(new Map([['a', 'b']]));
    expect(readMap('nonsense')).toEqual(new Map());
    expect(set(['x'])).toEqual(['set', ['x']]);
  });
});

describe('OpenFlow 1.4', () => {
  const flow: Flow = { cookie: 0x6c77_0000_0000_0001n, priority: 100, inPort: 1, output: 2 };

  it('asks for all rules, and to be told of changes', () => {
    expect(flowStatsRequest(9).toString('hex')).toBe('0512003800000009' + '0001000000000000' + 'ff000000ffffffff' + 'ffffffff00000000' + '0000000000000000' + '0000000000000000' + '0001000400000000');
    expect(flowMonitorRequest(9).toString('hex')).toBe('0512002800000009' + '0010000000000000' + '00000009ffffffff' + 'ffffffff000eff00' + '0001000400000000');
  });

  it('puts removals and additions into one ordered and atomic bundle', () => {
    const text = bundle(7, { remove: [flow], add: [flow] }).toString('hex');
    const open = '0521001000000007' + '0000000700000003';
    const commit = '0521001000000007' + '0000000700040003';
    const mod = (length: string, mask: string, command: string): string => `050e${length}00000007` + '6c77000000000001' + mask + `00${command}000000000064ffffffffffffffffffffffff00000000`;
    const wrap = (length: string): string => `0522${length}00000007` + '0000000700000003';
    const inPort = '0001000c80000004' + '0000000100000000';
    const output = '0004001800000000' + '0000001000000002' + '0000000000000000';
    expect(text).toBe(open + wrap('0050') + mod('0040', 'ffffffffffffffff', '04') + inPort + wrap('0068') + mod('0058', '0000000000000000', '00') + inPort + output + commit);
  });

  it('reads rules back, and tells those that are not of our making', () => {
    const ours = '0058' + '0000' + '00000000000000000064000000000000' + '0000' + '0000' + '6c77000000000001' + '0000000000000005' + '00000000000001f4' + '0001000c8000000400000001' + '00000000' + '0004001800000000000000100000000200000000' + '00000000';
    const foreign = '0038' + '0000' + '00000000000000000000000000000000' + '0000' + '0000' + '0000000000000000' + '0000000000000000' + '0000000000000000' + '0001000400000000';
    expect(readFlowStats(Buffer.from(ours + foreign, 'hex'))).toMatchObject([
      { cookie: flow.cookie, priority: 100, inPort: 1, output: 2, strange: false, packets: 5 },
      { strange: true },
    ]);
  });

  it('reads events, leaves our own out, and takes what it does not know for a gap', () => {
    const removed = '0028' + '0002' + '00020000' + '00000064' + '00000000' + '6c77000000000001' + '0001000c8000000400000001' + '00000000';
    const own = '0008' + '0004' + '00000007';
    const paused = '0008' + '0005' + '00000000';
    expect(readFlowEvents(Buffer.from(removed + own + paused, 'hex'))).toEqual([{ kind: 'removed', cookie: flow.cookie }, { kind: 'gap' }]);
  });
});
