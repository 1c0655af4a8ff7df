// The document of subjects, streams and roles, from the data that the server's configuration is made of.
import { HostId, LabId } from '../../machines/vocabulary/ids.ts';
import { COMPRESS_ABOVE_BYTES, ENCODING_HEADER } from '../../nats/codec.ts';
import { MINIMUM_SERVER_VERSION } from '../../nats/connect.ts';
import type { Role } from '../../nats/roles.ts';
import { accountOf, accountRules, credentialsName, inboxPrefixOf, permissionsOf } from '../../nats/roles.ts';
import { BLOB_BUCKET, FILE_BUCKET, HOST_BUCKET, hostConsumer, OBSERVATION_CONSUMER, OBSERVATION_STREAM, SNAPSHOT_BUCKET, STREAM_SETTINGS, WORK_STREAM } from '../../nats/streams.ts';
import { beatSubject, claimsSubject, fileSubject, logSubject, MEMBER_BEAT_SUBJECT, memberSubject, noticeSubject, observationSubject, opsSubject, rpcSubject, subjectToken, workSubject } from '../../nats/subjects.ts';
import { code, markdownTable } from './markdown-table.ts';

const LAB = LabId.parse('LAB');
const HOST = HostId.parse('HOST');
const ROLES: readonly Role[] = [{ role: 'supervisor' }, { role: 'host', hostId: HOST }, { role: 'operator' }, { role: 'viewer' }];

const SUBJECTS: readonly (readonly [subject: string, from: string, to: string, what: string])[] = [
  [logSubject(LAB), 'supervisor', 'stream only', 'the event log of one lab: one entry a decision, appended with the expected last sequence. Nobody subscribes to it: an append that the server refused would be seen there all the same'],
  [claimsSubject(LAB), 'supervisor', 'stream only', 'what one lab holds of what all labs share: number, addresses, ports, names, tunnel numbers, room on hosts. A new hold is written with the last sequence of the whole stream, so only by who has seen all others'],
  [MEMBER_BEAT_SUBJECT, 'supervisor', 'supervisor', 'sign of life of a supervisor, with the number of its labs'],
  [memberSubject('MEMBER', 'ops', 'VERB', 'LAB'), 'supervisor', 'the supervisor that owns the lab', 'a verb of the ops API that another supervisor was asked for'],
  [memberSubject('MEMBER', 'obs', 'LAB'), 'supervisor', 'the supervisor that owns the lab', 'observations about the lab that another supervisor took from the stream'],
  [workSubject(HOST), 'supervisor', 'the host, from the stream', 'orders to one host'],
  [observationSubject(HOST), 'the host', 'supervisor, from the stream', 'what one host saw, with generation and effect id'],
  [beatSubject(HOST), 'the host', 'supervisor', 'sign of life'],
  [rpcSubject(HOST, 'VERB'), 'supervisor', 'the host', 'questions that need not outlive it: exec, logs, inspect, addresses, lacks, orphans, fingerprint'],
  [fileSubject(HOST), 'the host', 'supervisor', 'question for a piece of a file of a lab by its digest, which an order told; the answer is its bytes. With header `Lw-Given` a piece that the host hands over, taken only while a node of it is being saved'],
  [noticeSubject(LAB), 'supervisor', 'operator, viewer', 'what changed in one lab, for people; may be lost'],
  [opsSubject('read', 'VERB', LAB), 'operator, viewer', 'supervisor', 'verbs of the ops API that change nothing'],
  [opsSubject('do', 'VERB', LAB), 'operator', 'supervisor', 'verbs of the ops API that change something'],
  ['$SRV.>', 'operator, viewer', 'supervisor', 'discovery, as the NATS services protocol has it'],
];

/** The text of subjects.md. */
export function renderSubjects(): string {
  return [
    `# Subjects, streams and roles

Made from the code by \`node docs/render-docs.ts\`; do not edit. How to call the verbs: [ops-api.md](ops-api.md).

## Subjects

\`LAB\` and \`HOST\` are names spelled as one token: letters, digits, \`-\` and \`_\` as they are, each other byte as \`=XX\`
(\`${subjectToken('my.lab')}\` is my.lab). The token \`_\` alone means "no lab".
`,
    markdownTable(['subject', 'sent by', 'read by', 'what'], SUBJECTS.map(([subject, ...rest]) => [code(subject), ...rest])),
    `Bodies are JSON. In the streams those above ${COMPRESS_ABOVE_BYTES / 1024} KiB are compressed (header \`${ENCODING_HEADER}: gzip\`), and what is larger than a
message may be lies in the object store under its sha256 (\`${ENCODING_HEADER}: blob\`).

## Streams

All on disk; the log is never bounded by count, size or age. Server ${MINIMUM_SERVER_VERSION} or later: older ones may lose what they acknowledged.
`,
    markdownTable(['stream', 'subjects', 'keeps', 'settings'], STREAM_SETTINGS.map((stream) => [
      code(stream.name), stream.subjects.map(code).join(', '), stream.retention === 'workqueue' ? 'until acknowledged' : stream.max_msgs_per_subject === 1 ? 'the last of each lab' : 'for ever',
      [`duplicates are known for ${Number(stream.duplicate_window) / 1e9} s`, ...(stream.deny_delete === true ? ['no entry can be deleted'] : []), ...(stream.allow_direct === true ? ['direct reads'] : [])].join('; '),
    ])),
    markdownTable(['bucket', 'kind', 'what'], [
      [code(SNAPSHOT_BUCKET), 'key-value', 'the folded state of each lab with the number of its last entry: shortens the replay, never needed for it'],
      [code(HOST_BUCKET), 'key-value', 'kept for facts of hosts'],
      [code(BLOB_BUCKET), 'object store', 'bodies larger than a message, by sha256'],
      [code(FILE_BUCKET), 'object store', 'what binds name, on its way to hosts that do not have it: pieces of files by sha256; removed an hour after no lab names them'],
    ]),
    markdownTable(['durable consumer', 'stream', 'made by', 'what'], [
      [code(OBSERVATION_CONSUMER), code(OBSERVATION_STREAM), 'supervisor', 'observations of all hosts; made anew by whoever begins to consume, so that what a dead one took comes again at once and in order'],
      [code(hostConsumer(HOST)), code(WORK_STREAM), 'supervisor', 'orders of one host; a host cannot make or change consumers'],
    ]),
    `## Roles

Each role has a user in an account of its own: a request's reply subject is not checked by the server, and JetStream answers
to any, so that within one account a host could have an answer delivered to \`$JS.API.STREAM.DELETE\`. Between accounts only what is
exported and imported crosses. One credentials file a role (mode 0600) in \`credentials/\` of the state directory.
`,
    markdownTable(['role', 'account', 'file', 'inbox'], ROLES.map((role) => [role.role, code(accountOf(role)), code(`${credentialsName(role)}.nk`), code(`${inboxPrefixOf(role)}.>`)])),
    ...ROLES.map(renderRole),
    `A viewer may also be let in to some labs only (\`labwright viewer token --lab LAB\`): its account, inboxes and permissions then name the
labs, and none of the verbs without a lab. Only the public half of its key lies in \`credentials/\` (\`viewer-LAB.pub\`).

## An external NATS server

\`LABWRIGHT_NATS_URL\` and \`LABWRIGHT_NATS_CREDS\` (a file for all roles, or a folder with one file a role, as above) for
\`labwright up\` put an external server in the place of the embedded one; nothing else changes. A file holds an nkey seed,
a \`.creds\` text, or \`{"user": ..., "password": ...}\`. A URL with credentials in it is refused.

What the server needs: JetStream in the account of the supervisor, and the accounts, exports, imports and permissions above; the
configuration of the embedded server, \`nats/server.conf\` in the state directory, shows them as the server reads them. One
user for all roles works too, in one account without the borders between roles; then whoever holds it may do everything.

A host of another server is let in by its name, which stands in \`host-identity.json\` of its state directory: the first
\`labwright up\` makes it, or write \`{"hostId": "NAME"}\` there before.
`,
  ].join('\n');
}

function renderRole(role: Role): string {
  const { publish, subscribe } = permissionsOf(role);
  const rules = accountRules(role, [HOST]);
  const imports = rules.imports.map((one) => `${one.kind} ${code(one.subject)} of ${one.account}${one.as === undefined ? '' : ` as ${code(one.as)}`}`);
  const exports = rules.exports.map((one) => `${one.kind} ${code(one.subject)}`);
  const rows = [['may publish', publish.map(code)], ['may subscribe', subscribe.map(code)], ['its account exports', exports], ['its account imports', imports]] as const;
  return `### ${role.role}\n\n${markdownTable(['', ''], rows.map(([title, items]) => [title, items.length === 0 ? 'nothing' : items.join('<br>')]))}`;
}
