// The document of the ops API, from the contract that service and client stand on.
import * as carriedFile from '../../machines/vocabulary/carried-file.ts';
import * as event from '../../machines/vocabulary/event.ts';
import * as hostFacts from '../../machines/vocabulary/host-facts.ts';
import * as hostView from '../../machines/vocabulary/host-view.ts';
import { HostId, LabId } from '../../machines/vocabulary/ids.ts';
import * as labPlan from '../../machines/vocabulary/lab-plan.ts';
import * as labSpec from '../../machines/vocabulary/lab-spec.ts';
import * as labView from '../../machines/vocabulary/lab-view.ts';
import * as orphan from '../../machines/vocabulary/orphan.ts';
import * as observation from '../../machines/vocabulary/observation.ts';
import * as contract from '../../nats/ops-contract.ts';
import type { OpsVerb } from '../../nats/ops-contract.ts';
import { noticeSubject, opsSubject, subjectToken } from '../../nats/subjects.ts';
import { code, markdownTable } from './markdown-table.ts';
import type { ErrorCode } from './ops-error-codes.ts';
import { CLIENT_CODES, SERVICE_CODES } from './ops-error-codes.ts';
import { nameSchemas, renderNamed, renderShape } from './render-shape.ts';

const LAB = LabId.parse('LAB');

const MEANING: Record<OpsVerb, string> = {
  deploy: 'Makes the lab as `spec` says; on a running lab by the smallest change, or all anew with `reconfigure`. `spec` is a resolved lab, as `labwright plan` sends it; the API reads no lab files.',
  destroy: 'Removes all that was made for the lab. Its log stays, for `history`, until `prune`. The files of the lab folder are the caller\'s affair.',
  retry: 'Tries failed nodes and links again with a fresh repair budget; two empty lists mean all that failed.',
  'node-start': 'Wants these nodes to run.',
  'node-stop': 'Wants these nodes stopped; their interfaces and addresses stay.',
  'node-restart': 'Stops and starts these nodes; their links and addresses stay.',
  'node-exec': 'Runs a command in running nodes. `argv` is not given to a shell. Not part of the log. Hosts remember a `commandId` for some minutes and do it once; without one, asked twice, it runs twice. A node in which it could not be started has `exitCode` -1 and the reason in `stderr`.',
  'link-set': 'Sets the wanted admin state of a link, or its impairment (delay and jitter in milliseconds, rate in kbit/s, the rest in per cent).',
  'files-missing': 'Which of these pieces of files are to be put before a deploy may name them in `files` of a node. A piece is a file, or 256 KiB of a larger one, by its sha256.',
  'files-put': 'Keeps pieces of files. What no lab names an hour later is removed.',
  prune: 'Removes the log of a destroyed lab for good. Its `commandId` is not remembered, since nothing is left that could: a repeat answers `lab-not-found`.',
  plan: 'What `deploy` would do to which object, and why. Touches nothing.',
  inspect: 'The lab as it is: nodes, links, problems, waits with their deadlines.',
  spec: 'What the lab was last deployed from: the resolved description, with the text of its file in `source`. A deploy that changes nothing and wants no node elsewhere leaves it. A viewer gets it without the text, the values of environment variables, and what bears the name of a secret.',
  node: 'One node of the lab.',
  history: 'The entries of the log after number `after`, the last `limit` of them, with a sentence for each thing that happened. A viewer gets them without values of environment variables, output of commands, and what bears the name of a secret.',
  list: 'All labs; destroyed ones whose log is still there with `destroyed: true`.',
  hosts: 'All hosts that ever joined and were not removed, with what labs have on them.',
  host: 'One host with its nodes; while it is draining also why nodes cannot leave it. `unsaved`: nodes that it was last to save and whose configuration it could not, with the reason, wherever they live now.',
  'host-wish': '`open` lets nodes onto the host, `cordoned` no new ones, `draining` also moves those away that no lab file pins to it.',
  'host-rm': 'Forgets a host, the wish for it, and the orders that wait for it. With `force` also while labs have something on it: they are told that it is lost. The answer names what it carried. What still speaks in its name is not heard until it is started anew; its credentials are the affair of whoever made them.',
  status: 'What the supervisor is and sees.',
  orphans: 'Objects on the hosts, or on the one named, that bear the exact mark of the installation and that no order of their host and no lab of the log wants; with `ofLiveLab`, what a lab that lives on the host has lost, which goes by itself. Hosts that are lost or do not answer are named with `asked: false`. What bears no mark is not listed.',
  'orphans-remove': 'Removes them, each by its own mark, if it has been without an owner for `graceMs` at least; with `dryRun` it only says what it would remove. Each object has its outcome; what is in use stays, with the reason.',
  fingerprint: 'What the tools and the kernel of a host can do, probed at this moment; the first host when none is named.',
};

/** The text of ops-api.md. `example` is the source of the example that follows a lab. */
export function renderOpsApi(example: string): string {
  const names = nameSchemas([carriedFile, labSpec, labView, labPlan, hostFacts, hostView, event, orphan, observation, contract]);
  const verbs = Object.keys(contract.OPS) as OpsVerb[];
  const shapes = new Map(verbs.flatMap((verb) => [contract.OPS[verb].request, contract.OPS[verb].response]).concat([labView.Notice]).flatMap((schema) => [...renderShape(schema, names).used]));
  return [
    introduction(),
    '## Verbs\n',
    markdownTable(['verb', 'subject', 'who may call it'], verbs.map((verb) => [`[${verb}](#${verb})`, code(subjectOf(verb)), contract.OPS[verb].kind === 'do' ? 'operator' : 'operator, viewer'])),
    ...verbs.map((verb) => renderVerb(verb, names)),
    '## Error codes\n',
    'From the supervisor. *Again* says whether the same request may be sent again as it is.\n',
    markdownTable(['code', 'again', 'verbs', 'meaning'], SERVICE_CODES.map((one) => [code(one.code), one.retryable ? 'yes' : 'no', verbsOf(one), one.meaning])),
    'From the typed client, where no answer came:\n',
    markdownTable(['code', 'again', 'meaning'], CLIENT_CODES.map((one) => [code(one.code), one.retryable ? 'yes' : 'no', one.meaning])),
    following(example),
    '## Shapes\n',
    'Times are milliseconds since 1970 (UTC).\n',
    fence([...shapes].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([name, json]) => renderNamed(name, json)).join('\n\n')),
  ].join('\n').replaceAll(/\n{3,}/g, '\n\n');
}

function renderVerb(verb: OpsVerb, names: ReturnType<typeof nameSchemas>): string {
  const { request, response } = contract.OPS[verb];
  const needsLab = contract.OPS[verb].scope === 'lab' && verb !== 'deploy' && verb !== 'plan';
  const own = SERVICE_CODES.filter((one) => (one.verbs === 'every verb about a lab' ? needsLab : one.verbs.includes(verb))).map((one) => code(one.code));
  return [
    `### ${verb}\n`,
    `${MEANING[verb]}\n`,
    fence(`// ${subjectOf(verb)}\nrequest ${renderShape(request, names).text}\nanswer  ${renderShape(response, names).text}`),
    own.length === 0 ? '' : `Errors of its own: ${own.join(', ')}.\n`,
  ].join('\n');
}

const subjectOf = (verb: OpsVerb): string => opsSubject(contract.OPS[verb].kind, verb, contract.OPS[verb].scope === 'lab' ? LAB : undefined);

const verbsOf = (one: ErrorCode): string => (typeof one.verbs === 'string' ? one.verbs : one.verbs.join(', '));

const fence = (text: string, language = 'ts'): string => `\`\`\`${language}\n${text}\n\`\`\`\n`;

function introduction(): string {
  return `# The ops API

Made from the code by \`node docs/render-docs.ts\`; do not edit.

All that \`labwright\` does to labs it asks of the supervisor by NATS request and reply, and so can any other program. The
subjects carry the version (\`lw.v1\`), bodies are JSON. The service announces itself by the NATS services protocol, so that
the stock \`nats\` command discovers and calls it.

## Address and credentials

\`labwright status\` shows the state directory (\`/var/lib/labwright\` for root). In it:

- \`endpoint.json\`: \`url\` of the server, \`credentials\` a folder
- \`credentials/operator.nk\`, \`credentials/viewer.nk\`: one secret a role (an nkey seed), readable by their owner only

A viewer may call the verbs under \`lw.v1.read\` and hear the notices; an operator also what is under \`lw.v1.do\`.
\`labwright viewer token --lab LAB\` makes credentials of a viewer that reads and follows that lab only; its answers come to inboxes of
its own, so the stock command takes \`--inbox-prefix\` (the \`inbox\` that was told with them), the client below \`role: 'viewer', labs: [LAB]\`.
[subjects.md](subjects.md) has each role's permissions.

## With the stock \`nats\` command

${fence(`H=/var/lib/labwright
alias lw='nats --server "$(jq -r .url $H/endpoint.json)" --nkey $H/credentials/operator.nk'
lw micro info labwright                                             # every verb with its subject
lw request --raw ${opsSubject('read', 'list')} '{"destroyed": false}'
lw request --raw ${opsSubject('read', 'inspect', LabId.parse('frr6'))} '{}' | jq .state
lw request --raw ${opsSubject('do', 'node-restart', LabId.parse('frr6'))} '{"commandId": "'$(uuidgen)'", "nodes": ["r1"]}'
lw sub '${noticeSubject(LabId.parse('frr6'))}'                                       # what changes from now on`, 'sh')}
The last token of a subject is the lab's name; letters, digits, \`-\` and \`_\` stand for themselves, every other byte is
written \`=XX\`: the lab \`my.lab\` is \`${subjectToken('my.lab')}\`. Verbs that concern no lab end in \`_\`. The same holds for hosts:
\`${subjectToken(HostId.parse('rack1.lan'))}\`.

## Bodies

- A request without fields may be empty. Fields that are not known are ignored.
- A large answer (above a quarter of the server's \`max_payload\`) comes compressed by gzip: its first two bytes are \`1f 8b\`.
  (\`nats request --raw ... | gunzip\`). A request may be compressed in the same way.
- The reply subject must be an inbox (\`_INBOX.>\`, as every client makes them); a request that wants its answer elsewhere gets none.

## Errors

An error has the headers \`Nats-Service-Error-Code\` (400: do not repeat it; 503: may be repeated) and \`Nats-Service-Error\`
(its code), and this body. Judge by \`code\`; \`message\` is for people.

${fence('{ error: { code: string; message: string; retryable: boolean; details: { [name: string]: unknown } } }')}
## Repeating a command

Every verb under \`lw.v1.do\` but \`node-exec\` and \`orphans-remove\` takes a \`commandId\` that the caller makes (any text up to 100 characters,
unique: a UUID). That of a wish for a lab stands in the log entry that holds the wish. When no answer came, send the same request with the same id again, as
often as needed: one that was taken has no second effect and answers with \`repeated: true\` and the \`n\` of the first time.
The last 200 ids of a lab are remembered, over restarts of everything. A command that was refused or had nothing to do
is not remembered; a repeat is decided anew. \`node-exec\` may bear one, which hosts remember for some minutes, and the log does not.

\`outcome: 'accepted'\` means that the wish is in the log and will be carried out, not that it has been: follow the lab from \`n\`.
`;
}

function following(example: string): string {
  return `## Following a lab

Each entry of a lab's log makes one notice on \`${noticeSubject(LAB)}\`: what changed, as views. Notices are news, not the truth: one may be
lost (a subscriber that is away gets none), and then shows as a gap in \`n\`. To follow without a gap:

1. subscribe to \`${noticeSubject(LAB)}\`;
2. ask \`${subjectOf('inspect')}\`: the present state, with the number \`n\` of the last entry in it;
3. of each notice: \`n\` not above the one you have: drop it (a notice with \`n\` 1 begins a new log: take it as in 4);
   exactly one above: fold it in (replace the nodes and links it names, remove those in \`gone\`, take over the rest);
4. anything else: a notice was lost; ask for the state again. After a silence of some seconds, too: the lost one may be the last.

## From TypeScript or JavaScript

The package has the client that \`labwright\` itself uses: requests and answers with their types, commands sent again until they are answered, labs
followed without a gap (\`watch\` one, \`watchAll\`). A refusal is an \`OpsRequestError\` with \`code\` and \`retryable\`. This program is
\`docs/examples/follow-lab.ts\`, as it stands where the package is installed (\`npm install labwright-0.1.0.tgz\`; \`npm pack\` makes that file):

${fence(example.trimEnd().replace("'../../nats/client.ts'", "'labwright/client'"))}`;
}
