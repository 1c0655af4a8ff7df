// The document for people who come from containerlab: what of it works here, and what not and why.
import { kindCatalogue } from '../../vendors/kind-catalogue.ts';
import { findCommand, ownVerbs, takesFlag } from './command-tree.ts';
import { code, markdownTable } from './markdown-table.ts';
import type { PeerBehaviour } from './peer-behaviour.ts';
import { OUTPUT, SIDE_EFFECTS } from './peer-behaviour.ts';
import type { PeerVerb } from './peer-verbs.ts';
import { DIFFERENCES, RICHER } from './peer-differences.ts';
import { NOT_THERE, PEER_VERBS } from './peer-verbs.ts';

/** The text of coming-from-containerlab.md. */
export function renderComingFrom(): string {
  const known = PEER_VERBS.map((one) => one.verb);
  const own = ownVerbs().filter((verb) => !known.includes(verb));
  const kinds = (runnable: boolean) => kindCatalogue.filter((kind) => kind.runnable === runnable).map((kind) => code(kind.name)).join(', ');
  return [
    `# Coming from containerlab

Made from the code by \`node docs/render-docs.ts\`; do not edit. Compared with containerlab 0.79, as seen by running it.

Your lab files, and scripts that call \`containerlab\`, work with \`labwright\` in its place, as far as the tables say. Verbs, flags,
output and side effects that mean the same have the same name and form; what is richer stands beside it. What you get in
exchange: the lab is supervised after the command has ended, and every step is in \`labwright history\` with its cause.

## Verbs and flags

Global flags stand before or after the verb.
`,
    markdownTable(['verb', 'flags that work', 'taken and ignored', 'remarks'], PEER_VERBS.map(verbRow)),
    `Verbs that only we have: ${own.map(code).join(', ')}. [cli.md](cli.md) has them all.\n`,
    '## Small differences\n',
    markdownTable(['there', 'here', 'why'], DIFFERENCES.map((row) => [...row])),
    '## Richer here\n',
    markdownTable(['what', 'how'], RICHER.map((row) => [...row])),
    '## Output that scripts read\n',
    behaviourTable(OUTPUT),
    '## What is seen outside of the program\n',
    behaviourTable(SIDE_EFFECTS),
    `## Lab files

[lab-file.md](lab-file.md) has every key with what becomes of it. In short: a key that is not honoured is named in a warning, and
the file is accepted.

Kinds that run: ${kinds(true)}.

Known by name, refused with that reason (\`--node-filter\` deploys the rest of the lab): ${kinds(false)}.
`,
  ].join('\n');
}

function verbRow(peer: PeerVerb): string[] {
  const command = findCommand(peer.verb);
  const absent = command === undefined || command.description().includes('Not supported yet');
  if (absent) return [code(peer.verb), '', '', `**not there**: ${reasonOf(peer.verb)}`];
  const ignored = peer.flags.filter((flag) => command.options.some((option) => (option.short === flag || option.long === flag) && option.description.includes('ignored')));
  const missing = peer.flags.filter((flag) => !takesFlag(command, flag));
  const works = peer.flags.filter((flag) => !ignored.includes(flag) && !missing.includes(flag));
  const remarks = [...missing.map((flag) => `${code(flag)} is **not there**: ${reasonOf(`${peer.verb} ${flag}`)}`), ...(peer.note === undefined ? [] : [peer.note])];
  return [code(peer.verb), works.map(code).join(' '), ignored.map(code).join(' '), remarks.join('; ')];
}

const reasonOf = (what: string): string => NOT_THERE[what] ?? 'not yet';

function behaviourTable(rows: readonly PeerBehaviour[]): string {
  const words = { same: 'same', otherwise: 'otherwise', not: '**not there**' } as const;
  return markdownTable(['containerlab', 'here', 'remarks', 'see'], rows.map(({ what, ours, how, proof }) => [what, words[ours], how, `[${proof[0].split('/').at(-1)}](../${proof[0]})`]));
}
