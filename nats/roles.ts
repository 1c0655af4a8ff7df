// The four roles and what each may publish and subscribe: data that the server enforces.
import type { HostId, LabId } from '../machines/vocabulary/ids.ts';
import { hostConsumer, WORK_STREAM } from './streams.ts';
import { beatSubject, observationSubject, subjectToken, SUBJECT_ROOT } from './subjects.ts';

export type Role =
  | { readonly role: 'supervisor' }
  | { readonly role: 'host'; readonly hostId: HostId }
  | { readonly role: 'operator' }
  /** With `labs`, only these labs, and none of the verbs that concern no lab. */
  | { readonly role: 'viewer'; readonly labs?: readonly LabId[] };

export interface Permissions {
  readonly publish: readonly string[];
  readonly subscribe: readonly string[];
  /** May answer a request it received, to the reply subject of that request, once. */
  readonly mayRespond: boolean;
}

/** Prefix of the role's reply inboxes; goes into `connectNats`. */
export function inboxPrefixOf(role: Role): string {
  return role.role === 'host' ? `_INBOX_host_${subjectToken(role.hostId)}` : `_INBOX_${role.role}`;
}

/** Name of the role's credentials file, without extension; `host-<id>` for a host. */
export function credentialsName(role: Role): string {
  return role.role === 'host' ? `host-${subjectToken(role.hostId)}` : role.role;
}

/**
 * Inboxes to which the ops API answers. The server does not check the reply subject of a request, so a viewer could have an
 * answer delivered to a host, or into the log: responders check it (`mayAnswerTo`).
 */
const READER_INBOXES = ['_INBOX', '_INBOX_operator', '_INBOX_viewer'] as const;
const WRITER_INBOXES = ['_INBOX', '_INBOX_operator'] as const;

/** Says whether a responder may answer to this reply subject. */
export function mayAnswerTo(reply: string | undefined, kind: 'read' | 'do'): boolean {
  const inboxes: readonly string[] = kind === 'read' ? READER_INBOXES : WRITER_INBOXES;
  return reply !== undefined && inboxes.some((inbox) => reply.startsWith(`${inbox}.`));
}

/** What the server must let a role do, and nothing else. */
export function permissionsOf(role: Role): Permissions {
  switch (role.role) {
    case 'supervisor':
      return {
        publish: [...['log.*', 'work.*', 'notice.*', 'rpc.>'].map((tail) => `${SUBJECT_ROOT}.${tail}`), '$JS.API.>', '$JS.ACK.>', '$JS.FC.>', '$KV.>', '$O.>', '$SRV.>', ...READER_INBOXES.map((inbox) => `${inbox}.>`)],
        subscribe: [`${inboxPrefixOf(role)}.>`, `${SUBJECT_ROOT}.read.>`, `${SUBJECT_ROOT}.do.>`, beatSubject(), '$SRV.>'],
        mayRespond: false,
      };
    case 'host':
      return hostPermissions(role.hostId);
    case 'operator':
      return {
        publish: [`${SUBJECT_ROOT}.read.>`, `${SUBJECT_ROOT}.do.>`, '$SRV.>'],
        // The plain inbox is for the stock `nats` command.
        subscribe: ['_INBOX.>', `${inboxPrefixOf(role)}.>`, `${SUBJECT_ROOT}.notice.*`],
        mayRespond: false,
      };
    case 'viewer':
      return viewerPermissions(role.labs);
  }
}

function hostPermissions(hostId: HostId): Permissions {
  const token = subjectToken(hostId);
  const consumer = hostConsumer(hostId);
  return {
    publish: [
      observationSubject(hostId),
      beatSubject(hostId),
      `$JS.API.CONSUMER.INFO.${WORK_STREAM}.${consumer}`,
      `$JS.API.CONSUMER.MSG.NEXT.${WORK_STREAM}.${consumer}`,
      `$JS.ACK.${WORK_STREAM}.${consumer}.>`,
    ],
    subscribe: [`${inboxPrefixOf({ role: 'host', hostId })}.>`, `${SUBJECT_ROOT}.rpc.${token}.>`],
    mayRespond: true,
  };
}

function viewerPermissions(labs: readonly LabId[] | undefined): Permissions {
  const tokens = labs?.map(subjectToken);
  return {
    publish: [...(tokens?.map((token) => `${SUBJECT_ROOT}.read.*.${token}`) ?? [`${SUBJECT_ROOT}.read.>`]), '$SRV.PING.>', '$SRV.PING', '$SRV.INFO.>', '$SRV.INFO', '$SRV.STATS.>', '$SRV.STATS'],
    subscribe: [`${inboxPrefixOf({ role: 'viewer' })}.>`, ...(tokens?.map((token) => `${SUBJECT_ROOT}.notice.${token}`) ?? [`${SUBJECT_ROOT}.notice.*`])],
    mayRespond: false,
  };
}
