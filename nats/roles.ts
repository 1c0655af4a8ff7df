// The four roles: the account each lives in, what crosses into it, and what each may publish and subscribe; the server enforces it.
import { z } from 'zod';
import { HostId, LabId } from '../machines/vocabulary/ids.ts';
import { hostConsumer, WORK_STREAM } from './streams.ts';
import { beatSubject, fileSubject, fromSubjectToken, HOST_JETSTREAM_PREFIX, noticeSubject, observationSubject, rpcSubject, subjectToken, SUBJECT_ROOT } from './subjects.ts';

export type Role =
  | { readonly role: 'supervisor' }
  | { readonly role: 'host'; readonly hostId: HostId }
  | { readonly role: 'operator' }
  /** With `labs`, only these labs, and none of the verbs that concern no lab. */
  | { readonly role: 'viewer'; readonly labs?: readonly LabId[] };

export interface Permissions {
  readonly publish: readonly string[];
  readonly subscribe: readonly string[];
}

/** What one account offers to the others. */
export interface Export {
  readonly kind: 'service' | 'stream';
  readonly subject: string;
  /** More than one answer to a request. */
  readonly manyAnswers?: boolean;
  /** How long after a request an answer is still let through; the server's default is two minutes. */
  readonly answerWithin?: string;
}

/** What an account takes from another; `as` is its name there when it differs. */
export interface Import {
  readonly kind: 'service' | 'stream';
  readonly account: string;
  readonly subject: string;
  readonly as?: string;
}

export interface AccountRules {
  readonly name: string;
  readonly exports: readonly Export[];
  readonly imports: readonly Import[];
}

/**
 * Account of the streams. The server does not check the reply subject of a request, and JetStream answers to any: within one
 * account a host could have an empty answer delivered to `$JS.API.STREAM.DELETE.LW_LOG`, and a viewer one of the service's
 * (tried: both removed the log). So each host, the operators and the viewers live in accounts of their own, where a reply
 * subject reaches nothing that its sender could not reach anyway.
 */
export const SUPERVISOR_ACCOUNT = 'LW';

const SUPERVISOR_EXPORTS: readonly Export[] = [
  { kind: 'service', subject: `${SUBJECT_ROOT}.read.>`, answerWithin: '24h' },
  { kind: 'service', subject: `${SUBJECT_ROOT}.do.>`, answerWithin: '24h' },
  { kind: 'service', subject: '$SRV.>', manyAnswers: true },
  { kind: 'stream', subject: noticeSubject() },
  { kind: 'service', subject: `$JS.API.CONSUMER.INFO.${WORK_STREAM}.*` },
  { kind: 'service', subject: `$JS.API.CONSUMER.MSG.NEXT.${WORK_STREAM}.*`, manyAnswers: true },
  { kind: 'service', subject: `$JS.ACK.${WORK_STREAM}.*.>` },
  { kind: 'service', subject: `${SUBJECT_ROOT}.obs.*` },
  { kind: 'service', subject: beatSubject() },
  { kind: 'service', subject: fileSubject() },
];

/** Name of the account a role lives in. */
export function accountOf(role: Role): string {
  switch (role.role) {
    case 'supervisor':
      return SUPERVISOR_ACCOUNT;
    case 'operator':
      return 'LW_OPERATORS';
    case 'viewer':
      return role.labs === undefined ? 'LW_VIEWERS' : `LW_VIEWERS_${labTokens(role.labs)}`;
    case 'host':
      return `LW_HOST_${subjectToken(role.hostId)}`;
  }
}

/** What crosses the border of a role's account. The supervisor's takes the direct questions of each host in `hosts`. */
export function accountRules(role: Role, hosts: readonly HostId[]): AccountRules {
  const name = accountOf(role);
  switch (role.role) {
    case 'supervisor':
      return { name, exports: SUPERVISOR_EXPORTS, imports: hosts.map((hostId) => ({ kind: 'service', account: accountOf({ role: 'host', hostId }), subject: rpcSubject(hostId, '>') })) };
    case 'viewer':
      return { name, exports: [], imports: taken('service', [...readSubjects(role.labs), '$SRV.>']).concat(taken('stream', noticeSubjects(role.labs))) };
    case 'operator':
      return { name, exports: [], imports: taken('service', [`${SUBJECT_ROOT}.read.>`, `${SUBJECT_ROOT}.do.>`, '$SRV.>']).concat(taken('stream', [noticeSubject()])) };
    case 'host':
      return { name, exports: [{ kind: 'service', subject: rpcSubject(role.hostId, '>'), answerWithin: '24h' }], imports: hostImports(role.hostId) };
  }
}

function taken(kind: Import['kind'], subjects: readonly string[]): Import[] {
  return subjects.map((subject) => ({ kind, account: SUPERVISOR_ACCOUNT, subject }));
}

function hostImports(hostId: HostId): Import[] {
  const ofConsumer = `${WORK_STREAM}.${hostConsumer(hostId)}`;
  // Under another name: `$JS.API` of an account is the server's own, and says there is no JetStream.
  const calls = ['CONSUMER.INFO', 'CONSUMER.MSG.NEXT'].map((call): Import => (
    { kind: 'service', account: SUPERVISOR_ACCOUNT, subject: `$JS.API.${call}.${ofConsumer}`, as: `${HOST_JETSTREAM_PREFIX}.${call}.${ofConsumer}` }));
  return [...calls, ...taken('service', [`$JS.ACK.${ofConsumer}.>`, observationSubject(hostId), beatSubject(hostId), fileSubject(hostId)])];
}

/** Prefix of the role's reply inboxes; goes into `connectNats`. */
export function inboxPrefixOf(role: Role): string {
  if (role.role === 'host') return `_INBOX_host_${subjectToken(role.hostId)}`;
  return role.role === 'viewer' && role.labs !== undefined ? `_INBOX_viewer_${labTokens(role.labs)}` : `_INBOX_${role.role}`;
}

/** Name of the role's credentials file, without extension; `host-<id>` for a host, `viewer-<lab>+<lab>` for a viewer of some labs. */
export function credentialsName(role: Role): string {
  if (role.role === 'host') return `host-${subjectToken(role.hostId)}`;
  return role.role === 'viewer' && role.labs !== undefined ? `viewer-${labTokens(role.labs)}` : role.role;
}

/** The role whose credentials bear this name; undefined when it is nobody's. */
export function roleOfName(name: string): Role | undefined {
  if (name === 'supervisor' || name === 'operator' || name === 'viewer') return { role: name };
  const [kind, rest] = [name.slice(0, name.indexOf('-')), name.slice(name.indexOf('-') + 1)];
  if (kind === 'host') {
    const hostId = HostId.safeParse(fromSubjectToken(rest));
    return hostId.success ? { role: 'host', hostId: hostId.data } : undefined;
  }
  const labs = rest.split('+').map((token) => LabId.safeParse(fromSubjectToken(token)));
  return kind === 'viewer' && labs.every(({ success }) => success) ? { role: 'viewer', labs: labs.flatMap(({ data }) => data ?? []) } : undefined;
}

/** No token holds a plus. */
const labTokens = (labs: readonly LabId[]): string => [...new Set(labs.map(subjectToken))].toSorted().join('+');

/** What the server must let a user of a role do within its account, and nothing else. */
export function permissionsOf(role: Role): Permissions {
  switch (role.role) {
    case 'supervisor':
      return {
        // `_R_` is where answers to another account go, the own inbox where those to another supervisor do.
        publish: [...['log.*', 'claims.*', 'work.*', 'notice.*', 'rpc.>', 'sup.>'].map((tail) => `${SUBJECT_ROOT}.${tail}`), '$JS.API.>', '$JS.ACK.>', '$JS.FC.>', '$KV.>', '$O.>', '_R_.>', `${inboxPrefixOf(role)}.>`],
        subscribe: [`${inboxPrefixOf(role)}.>`, ...['read.>', 'do.>', 'sup.>'].map((tail) => `${SUBJECT_ROOT}.${tail}`), beatSubject(), fileSubject(), '$SRV.>'],
      };
    case 'host':
      return hostPermissions(role.hostId);
    case 'operator':
      return {
        publish: [`${SUBJECT_ROOT}.read.>`, `${SUBJECT_ROOT}.do.>`, '$SRV.>'],
        // The plain inbox is for the stock `nats` command.
        subscribe: ['_INBOX.>', `${inboxPrefixOf(role)}.>`, `${SUBJECT_ROOT}.notice.*`],
      };
    case 'viewer':
      return viewerPermissions(role.labs);
  }
}

function hostPermissions(hostId: HostId): Permissions {
  return {
    publish: [...hostImports(hostId).map((service) => service.as ?? service.subject), '_R_.>'],
    subscribe: [`${inboxPrefixOf({ role: 'host', hostId })}.>`, rpcSubject(hostId, '>')],
  };
}

/** One of some labs has inboxes of its own: what is answered to others could be about other labs. */
function viewerPermissions(labs: readonly LabId[] | undefined): Permissions {
  return {
    publish: [...readSubjects(labs), '$SRV.>'],
    subscribe: [...(labs === undefined ? ['_INBOX.>'] : []), `${inboxPrefixOf({ role: 'viewer', ...(labs === undefined ? {} : { labs }) })}.>`, ...noticeSubjects(labs)],
  };
}

const readSubjects = (labs: readonly LabId[] | undefined): string[] => labs?.map((lab) => `${SUBJECT_ROOT}.read.*.${subjectToken(lab)}`) ?? [`${SUBJECT_ROOT}.read.>`];
const noticeSubjects = (labs: readonly LabId[] | undefined): string[] => labs?.map((lab) => noticeSubject(lab)) ?? [noticeSubject()];

/** Who is behind a request, as far as it matters to what may be told. */
export type Asker = 'operator' | 'viewer';

/**
 * Who asks: by the account, which the server writes into what crosses its border, whatever the sender wrote there; on a server
 * without our accounts by the inbox, which none but the role can read. Anybody else counts as a viewer.
 */
export function askerOf(reply: string | undefined, requestInfo: string | undefined): Asker {
  if (reply?.startsWith(`${inboxPrefixOf({ role: 'operator' })}.`)) return 'operator';
  const info = RequestInfo.safeParse(parsedOrNull(requestInfo));
  return reply?.startsWith('_R_.') && info.data?.acc === accountOf({ role: 'operator' }) ? 'operator' : 'viewer';
}

/** Header of a request that came over an account's border. Source: server/client.go, ClientInfo. */
export const REQUEST_INFO_HEADER = 'Nats-Request-Info';
const RequestInfo = z.object({ acc: z.string() });

function parsedOrNull(text: string | undefined): unknown {
  try {
    return JSON.parse(text ?? 'null');
  } catch {
    return null;
  }
}

/**
 * Says whether a responder may answer to this reply subject: one of another account, which the server made and which leads
 * back there only; or an inbox, on a server without our accounts. Anything else could be a subject that acts.
 */
export function mayAnswerTo(reply: string | undefined): boolean {
  return reply !== undefined && /^(_R_|_INBOX|_INBOX_operator|_INBOX_viewer(_[^.]+)?)\./.test(reply);
}
