// Every subject of Labwright, made and taken apart in one place.
import type { HostId } from '../machines/vocabulary/ids.ts';
import { LabId } from '../machines/vocabulary/ids.ts';

export const SUBJECT_ROOT = 'lw.v1';

/** Stands for "no lab" in the subject of a verb that concerns none. */
const NO_LAB = '_';
const PLAIN = /^[A-Za-z0-9_-]$/;

/** JetStream API as a host sees it, in an account of its own. */
export const HOST_JETSTREAM_PREFIX = `${SUBJECT_ROOT}.js`;

export type OpsKind = 'read' | 'do';

/**
 * Spells any name as one subject token: letters, digits, `-` and `_` stay, each other UTF-8 byte becomes `=XX`.
 * The name `_` alone is escaped, because that token means "no lab".
 */
export function subjectToken(name: string): string {
  if (name === NO_LAB) return '=5F';
  let token = '';
  for (const byte of new TextEncoder().encode(name)) {
    const char = String.fromCharCode(byte);
    token += PLAIN.test(char) ? char : `=${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  }
  return token;
}

/** The name that a token of `subjectToken` spells. */
export function fromSubjectToken(token: string): string {
  const bytes: number[] = [];
  for (let i = 0; i < token.length; i += 1) {
    if (token[i] === '=') {
      bytes.push(Number.parseInt(token.slice(i + 1, i + 3), 16));
      i += 2;
    } else bytes.push(token.charCodeAt(i));
  }
  return new TextDecoder().decode(Uint8Array.from(bytes));
}

/** Log of one lab; only the supervisor publishes, nobody core-subscribes (a refused append is still seen there). */
export function logSubject(labId: LabId): string {
  return `${SUBJECT_ROOT}.log.${subjectToken(labId)}`;
}

/** The lab whose log a subject is, or undefined when it is none. */
export function labOfLogSubject(subject: string): LabId | undefined {
  const prefix = `${SUBJECT_ROOT}.log.`;
  if (!subject.startsWith(prefix)) return undefined;
  const lab = LabId.safeParse(fromSubjectToken(subject.slice(prefix.length)));
  return lab.success ? lab.data : undefined;
}

/** Orders to one host. */
export function workSubject(hostId: HostId): string {
  return `${SUBJECT_ROOT}.work.${subjectToken(hostId)}`;
}

/** Observations of one host. */
export function observationSubject(hostId: HostId): string {
  return `${SUBJECT_ROOT}.obs.${subjectToken(hostId)}`;
}

/** The name in the last token of a subject (host of a work, observation or beat subject). */
export function lastTokenName(subject: string): string {
  return fromSubjectToken(subject.slice(subject.lastIndexOf('.') + 1));
}

/** News of one lab, or of all with no argument. */
export function noticeSubject(labId?: LabId): string {
  return `${SUBJECT_ROOT}.notice.${labId === undefined ? '*' : subjectToken(labId)}`;
}

/** Direct question to a host, for what need not outlive it (exec, console, log tail). Verb `>` = all. */
export function rpcSubject(hostId: HostId, verb: string): string {
  return `${SUBJECT_ROOT}.rpc.${subjectToken(hostId)}.${verb}`;
}

/** Sign of life of one host, or of all with no argument. */
export function beatSubject(hostId?: HostId): string {
  return `${SUBJECT_ROOT}.beat.${hostId === undefined ? '*' : subjectToken(hostId)}`;
}

/** A host's question for a piece of a file of a lab, by its digest; all hosts with no argument. */
export function fileSubject(hostId?: HostId): string {
  return `${SUBJECT_ROOT}.file.${hostId === undefined ? '*' : subjectToken(hostId)}`;
}

/** What one lab holds of what all labs share; only supervisors write and read it. */
export function claimsSubject(labId?: LabId): string {
  return `${SUBJECT_ROOT}.claims.${labId === undefined ? '*' : subjectToken(labId)}`;
}

/** Signs of life of supervisors, to each other. */
export const MEMBER_BEAT_SUBJECT = `${SUBJECT_ROOT}.sup.beat`;

/** What one supervisor is asked by another: a verb of the ops API about a lab that it owns, reports about it, whether it is there. */
export function memberSubject(memberId: string, ...what: readonly string[]): string {
  return [SUBJECT_ROOT, 'sup', subjectToken(memberId), ...what].join('.');
}

/** One verb of the ops API about one lab, or about none. */
export function opsSubject(kind: OpsKind, verb: string, labId?: LabId): string {
  return `${SUBJECT_ROOT}.${kind}.${verb}.${labId === undefined ? NO_LAB : subjectToken(labId)}`;
}

/** Where the service listens for one verb: any lab, or none. */
export function opsWildcard(kind: OpsKind, verb: string): string {
  return `${SUBJECT_ROOT}.${kind}.${verb}.*`;
}

/** The lab that a request's subject names; undefined for none. */
export function labOfOpsSubject(subject: string): LabId | undefined {
  const token = subject.slice(subject.lastIndexOf('.') + 1);
  return token === NO_LAB ? undefined : LabId.parse(fromSubjectToken(token));
}
