// The few messages of OpenFlow 1.4 that the plane needs, to and from bytes (Open Networking Foundation, TS-012).

export const OF_VERSION = 0x05;
export const OF_TYPE = { hello: 0, error: 1, echoRequest: 2, echoReply: 3, flowMod: 14, multipartRequest: 18, multipartReply: 19, bundleControl: 33, bundleAdd: 34 } as const;
export const MULTIPART = { flow: 1, flowMonitor: 16 } as const;
export const HEADER_BYTES = 8;
/** Output to where a frame came from. */
export const IN_PORT = 0xffff_fff8;

/** A rule of table 0. Without `output` frames end there. */
export type Flow = {
  readonly cookie: bigint;
  readonly priority: number;
  readonly inPort: number;
  readonly etherType?: number;
  /** 12 hex digits. */
  readonly etherSource?: string;
  readonly output?: number;
};
/** A rule as it was read; `strange` = it matches or does something that no rule of ours has. */
export type FlowRead = Flow & { readonly strange: boolean; readonly packets: number };

const ANY = 0xffff_ffff;
const ALL_TABLES = 0xff;
const FLOW_MOD_FIXED = 48;
const FLOW_STATS_FIXED = 48;
const MATCH_OXM = 1;
const APPLY_ACTIONS = 4;
const OXM = { inPort: 0x8000_0004, etherSource: 0x8000_0806, etherType: 0x8000_0a02 } as const;
const BUNDLE_FLAGS = 0b11; // atomic, ordered
const [NO_BUFFER, EVERYTHING] = [0xffff_ffff, 0xffff_ffff_ffff_ffffn];
const MONITOR_REMOVED_MODIFIED = 0b1100 | 0b10;

/** A whole message. */
export function message(type: number, xid: number, body: Buffer = Buffer.alloc(0)): Buffer {
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt8(OF_VERSION, 0);
  header.writeUInt8(type, 1);
  header.writeUInt16BE(HEADER_BYTES + body.length, 2);
  header.writeUInt32BE(xid, 4);
  return Buffer.concat([header, body]);
}

/** All changes as one ordered and atomic bundle; the answer to `xid` is that of its commit. */
export function bundle(xid: number, change: { readonly remove: readonly Flow[]; readonly add: readonly Flow[] }): Buffer {
  const control = (type: number): Buffer => {
    const body = Buffer.alloc(8);
    body.writeUInt32BE(xid, 0);
    body.writeUInt16BE(type, 4);
    body.writeUInt16BE(BUNDLE_FLAGS, 6);
    return message(OF_TYPE.bundleControl, xid, body);
  };
  const wrap = (mod: Buffer): Buffer => {
    const head = Buffer.alloc(8);
    head.writeUInt32BE(xid, 0);
    head.writeUInt16BE(BUNDLE_FLAGS, 6);
    return message(OF_TYPE.bundleAdd, xid, Buffer.concat([head, mod]));
  };
  const mods = [...change.remove.map((flow) => flowMod(xid, flow, 'remove')), ...change.add.map((flow) => flowMod(xid, flow, 'add'))];
  return Buffer.concat([control(0), ...mods.map(wrap), control(4)]);
}

/** Asks for all rules. */
export function flowStatsRequest(xid: number): Buffer {
  const body = Buffer.alloc(8 + 32);
  body.writeUInt16BE(MULTIPART.flow, 0);
  body.writeUInt8(ALL_TABLES, 8);
  body.writeUInt32BE(ANY, 12);
  body.writeUInt32BE(ANY, 16);
  return message(OF_TYPE.multipartRequest, xid, Buffer.concat([body, match([])]));
}

/** Asks to be told of rules that others take away, change or add. */
export function flowMonitorRequest(xid: number): Buffer {
  const body = Buffer.alloc(8 + 16);
  body.writeUInt16BE(MULTIPART.flowMonitor, 0);
  body.writeUInt32BE(xid, 8);
  body.writeUInt32BE(ANY, 12);
  body.writeUInt32BE(ANY, 16);
  body.writeUInt16BE(MONITOR_REMOVED_MODIFIED, 20);
  body.writeUInt8(ALL_TABLES, 22);
  return message(OF_TYPE.multipartRequest, xid, Buffer.concat([body, match([])]));
}

/** Rules of one flow-stats reply (its body after the multipart header). */
export function readFlowStats(body: Buffer): readonly FlowRead[] {
  const flows: FlowRead[] = [];
  for (let at = 0; at + FLOW_STATS_FIXED <= body.length; ) {
    const length = body.readUInt16BE(at);
    if (length < FLOW_STATS_FIXED) break;
    const found = readMatch(body, at + FLOW_STATS_FIXED);
    const instructions = readInstructions(body.subarray(found.end, at + length));
    const table = body.readUInt8(at + 2);
    flows.push({
      priority: body.readUInt16BE(at + 12),
      cookie: body.readBigUInt64BE(at + 24),
      packets: Number(body.readBigUInt64BE(at + 32)),
      inPort: found.inPort ?? 0,
      strange: table !== 0 || found.strange || found.inPort === undefined || instructions.strange,
      ...(found.etherType === undefined ? {} : { etherType: found.etherType }),
      ...(found.etherSource === undefined ? {} : { etherSource: found.etherSource }),
      ...(instructions.output === undefined ? {} : { output: instructions.output }),
    });
    at += length;
  }
  return flows;
}

export type FlowEvent = { readonly kind: 'added' | 'removed' | 'changed' | 'gap'; readonly cookie?: bigint };

const EVENTS = ['added', 'added', 'removed', 'changed'] as const;
const ABBREVIATED = 4;

/** Events of one flow-monitor reply (its body after the multipart header). What we did ourselves comes abbreviated and is left out. */
export function readFlowEvents(body: Buffer): readonly FlowEvent[] {
  const events: FlowEvent[] = [];
  for (let at = 0; at + 4 <= body.length; ) {
    const length = body.readUInt16BE(at);
    if (length < 4) break;
    const event = body.readUInt16BE(at + 2);
    const kind = EVENTS[event];
    if (kind !== undefined && length >= 24) events.push({ kind, cookie: body.readBigUInt64BE(at + 16) });
    else if (event !== ABBREVIATED) events.push({ kind: 'gap' });
    at += length;
  }
  return events;
}

/** What an error message complains of: the numbers of OFPET_* and its code. */
export function readError(body: Buffer): string {
  return `OpenFlow error type ${body.readUInt16BE(0)} code ${body.readUInt16BE(2)}`;
}

function flowMod(xid: number, flow: Flow, how: 'add' | 'remove'): Buffer {
  const fixed = Buffer.alloc(FLOW_MOD_FIXED - HEADER_BYTES);
  const removing = how === 'remove';
  fixed.writeBigUInt64BE(flow.cookie, 0);
  fixed.writeBigUInt64BE(removing ? EVERYTHING : 0n, 8);
  fixed.writeUInt8(removing ? 4 : 0, 17); // OFPFC_DELETE_STRICT, OFPFC_ADD
  fixed.writeUInt16BE(flow.priority, 22);
  fixed.writeUInt32BE(NO_BUFFER, 24);
  fixed.writeUInt32BE(ANY, 28);
  fixed.writeUInt32BE(ANY, 32);
  const fields = [
    numberField(OXM.inPort, flow.inPort, 4),
    ...(flow.etherSource === undefined ? [] : [numberField(OXM.etherSource, Number.parseInt(flow.etherSource, 16), 6)]),
    ...(flow.etherType === undefined ? [] : [numberField(OXM.etherType, flow.etherType, 2)]),
  ];
  const does = removing || flow.output === undefined ? Buffer.alloc(0) : outputInstruction(flow.output);
  return message(OF_TYPE.flowMod, xid, Buffer.concat([fixed, match(fields), does]));
}

function numberField(header: number, value: number, bytes: number): Buffer {
  const field = Buffer.alloc(4 + bytes);
  field.writeUInt32BE(header, 0);
  field.writeUIntBE(value, 4, bytes);
  return field;
}

/** Length without padding, then padding to eight bytes. */
function match(fields: readonly Buffer[]): Buffer {
  const length = 4 + fields.reduce((sum, field) => sum + field.length, 0);
  const head = Buffer.alloc(4);
  head.writeUInt16BE(MATCH_OXM, 0);
  head.writeUInt16BE(length, 2);
  return Buffer.concat([head, ...fields, Buffer.alloc(padded(length) - length)]);
}

function outputInstruction(port: number): Buffer {
  const body = Buffer.alloc(24);
  body.writeUInt16BE(APPLY_ACTIONS, 0);
  body.writeUInt16BE(24, 2);
  body.writeUInt16BE(16, 10); // length of the one action, OFPAT_OUTPUT
  body.writeUInt32BE(port, 12);
  return body;
}

type MatchRead = { readonly inPort?: number; readonly etherType?: number; readonly etherSource?: string; readonly strange: boolean; readonly end: number };

function readMatch(body: Buffer, start: number): MatchRead {
  const length = body.readUInt16BE(start + 2);
  const found: { inPort?: number; etherType?: number; etherSource?: string; strange: boolean } = { strange: false };
  for (let at = start + 4; at + 4 <= start + length; ) {
    const header = body.readUInt32BE(at);
    if (header === OXM.inPort) found.inPort = body.readUInt32BE(at + 4);
    else if (header === OXM.etherType) found.etherType = body.readUInt16BE(at + 4);
    else if (header === OXM.etherSource) found.etherSource = body.toString('hex', at + 4, at + 10);
    else found.strange = true;
    at += 4 + (header & 0xff);
  }
  return { ...found, end: start + padded(length) };
}

function readInstructions(body: Buffer): { readonly output?: number; readonly strange: boolean } {
  if (body.length === 0) return { strange: false };
  const single = body.length === 24 && body.readUInt16BE(0) === APPLY_ACTIONS && body.readUInt16BE(8) === 0;
  return single ? { output: body.readUInt32BE(12), strange: false } : { strange: true };
}

function padded(length: number): number {
  return Math.ceil(length / 8) * 8;
}
