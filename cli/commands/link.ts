// link: the links of a lab; admin state and impairments of one of them.
import { z } from 'zod';
import type { LinkId } from '../../machines/vocabulary/ids.ts';
import { Impairment } from '../../machines/vocabulary/lab-spec.ts';
import type { LabView, LinkView } from '../../machines/vocabulary/lab-view.ts';
import { awaitLab, verdict } from '../await-lab.ts';
import { command } from '../command-spec.ts';
import type { CommandSpec, OptionSpec } from '../command-spec.ts';
import { Duration } from '../context.ts';
import type { Context } from '../context.ts';
import { CliError, EXIT } from '../exit-code.ts';
import type { ExitCode } from '../exit-code.ts';
import { withLab } from '../find-lab.ts';
import { inspectIfThere } from '../lab-exists.ts';
import { newCommandId } from '../new-command-id.ts';
import type { Session } from '../open-client.ts';
import { renderLinkTable } from '../output/link-table.ts';
import { paintState } from '../output/print-nodes.ts';
import { missingLink } from './lifecycle.ts';

const TIMEOUT_MS = 60_000;
const Percent = z.coerce.number().min(0).max(100);

export const IMPAIRMENT_OPTIONS: readonly OptionSpec[] = [
  { flags: '--delay <duration>', text: 'delay each frame, e.g. 20ms' },
  { flags: '--jitter <duration>', text: 'vary the delay by up to this' },
  { flags: '--loss <percent>', text: 'lose this share of the frames' },
  { flags: '--rate <kbit/s>', text: 'most that may pass' },
  { flags: '--corruption <percent>', text: 'damage this share of the frames' },
  { flags: '--duplication <percent>', text: 'send this share of the frames twice' },
];
export const ImpairmentOptions = z.object({
  delay: Duration.optional(), jitter: Duration.optional(), loss: Percent.optional(), rate: z.coerce.number().nonnegative().optional(),
  corruption: Percent.optional(), duplication: Percent.optional(),
});

/** What the options ask for; zeros mean "none of it". */
export function impairmentOf(options: z.infer<typeof ImpairmentOptions>): Impairment {
  const given = {
    delayMs: options.delay, jitterMs: options.jitter, lossPercent: options.loss, rateKbps: options.rate,
    corruptionPercent: options.corruption, duplicationPercent: options.duplication,
  };
  return Impairment.parse(Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined && value !== 0)));
}

const LINK_TEXT = 'LINK is an id of `link ls`, or one of its ends: r1:eth1.';

const list = command({
  usage: 'ls',
  aliases: ['list'],
  summary: 'list the links',
  examples: ['labwright link ls -t lab.clab.yml'],
  schema: z.object({}),
  run: async (context) => await withLab(context, { start: 'never' }, async ({ ops }, lab) => {
    const view = await ops.request('inspect', {}, { lab });
    if (context.globals.json) context.terminal.out(JSON.stringify(view.links, undefined, 2));
    else context.terminal.out(renderLinkTable(view.links, (state) => paintState(context.terminal, state)));
    return EXIT.ok;
  }),
});

function admin(state: 'up' | 'down'): CommandSpec {
  return command({
    usage: `${state} <link>`,
    summary: state === 'up' ? 'let a link carry frames again' : 'take the carrier from both ends of a link',
    details: LINK_TEXT,
    examples: [`labwright link ${state} r1:eth1 -t lab.clab.yml`],
    schema: z.object({}),
    run: async (context, _options, [text = '']) => await setOnLab(context, text, { admin: state }),
  });
}

const set = command({
  usage: 'set <link>',
  summary: 'set admin state and impairments of a link at once',
  details: LINK_TEXT,
  examples: ['labwright link set r1:eth1 --admin up --delay 20ms -t lab.clab.yml'],
  options: [{ flags: '--admin <state>', text: 'up or down', choices: ['up', 'down'] }, ...IMPAIRMENT_OPTIONS, { flags: '--clear', text: 'take all impairments away' }],
  schema: ImpairmentOptions.extend({ admin: z.enum(['up', 'down']).optional(), clear: z.boolean().default(false) }),
  run: async (context, { admin: state, clear, ...rest }, [text = '']) => {
    const asked = Object.values(rest).some((value) => value !== undefined);
    if (state === undefined && !asked && !clear) throw new CliError(EXIT.usage, 'nothing-to-set', 'nothing to set: give --admin, an impairment or --clear');
    return await setOnLab(context, text, { ...(state === undefined ? {} : { admin: state }), ...(asked || clear ? { impairment: impairmentOf(clear ? {} : rest) } : {}) });
  },
});

const impairment = command({
  usage: 'impairment <link>',
  aliases: ['impair'],
  summary: 'make a link worse than it is, or well again',
  details: `${LINK_TEXT}\nWhat is not given is taken away. Impairments are part of what is wanted: they survive restarts.`,
  examples: ['labwright link impairment r1:eth1 --delay 20ms --jitter 5ms --loss 1 -t lab.clab.yml', 'labwright link impairment r1:eth1 --clear -t lab.clab.yml'],
  options: [...IMPAIRMENT_OPTIONS, { flags: '--clear', text: 'take all impairments away' }],
  schema: ImpairmentOptions.extend({ clear: z.boolean().default(false) }),
  run: async (context, { clear, ...rest }, [text = '']) => {
    if (!clear && Object.values(rest).every((value) => value === undefined)) throw new CliError(EXIT.usage, 'nothing-to-set', 'nothing to set: give an impairment or --clear');
    return await setOnLab(context, text, { impairment: impairmentOf(clear ? {} : rest) });
  },
});

export const linkCommand: CommandSpec = {
  usage: 'link',
  summary: 'show links, set them up or down, impair them',
  examples: ['labwright link ls -t lab.clab.yml', 'labwright link down r1:eth1 -t lab.clab.yml'],
  subcommands: [list, admin('up'), admin('down'), set, impairment],
};

export type LinkWish = { readonly admin?: 'up' | 'down'; readonly impairment?: Impairment };

async function setOnLab(context: Context, text: string, wish: LinkWish): Promise<ExitCode> {
  return await withLab(context, { start: 'known' }, async (session, lab) => {
    const view = await inspectIfThere(session.ops, lab);
    if (view === undefined) throw new CliError(EXIT.failed, 'lab-not-found', `lab ${lab} does not exist: see \`labwright ls\``);
    return await setLink(context, session, { view, link: linkNamed(view, text), wish });
  });
}

/** Sends the wish and waits until the host has carried it out. */
export async function setLink(context: Context, { ops }: Session, { view, link, wish }: { view: LabView; link: LinkId; wish: LinkWish }): Promise<ExitCode> {
  const { terminal, globals } = context;
  const accepted = await ops.request('link-set', { commandId: newCommandId(), link, ...wish }, { lab: view.lab });
  const followed = await awaitLab(ops, view.lab, {
    n: accepted.n, timeoutMs: globals.timeout ?? TIMEOUT_MS, terminal, before: view,
    until: (now) => now.links.some((one) => one.link === link && !['waiting', 'joining', 'repairing'].includes(one.state)),
  });
  const links = followed.view.links.filter((one) => one.link === link);
  if (globals.json) terminal.out(JSON.stringify(links[0] ?? {}, undefined, 2));
  else terminal.out(renderLinkTable(links, (state) => paintState(terminal, state)));
  return verdict({ ...followed, view: { ...followed.view, nodes: [], links, problems: [], state: 'running' } }, terminal, 'as set');
}

/** By id, in either order of its ends, or by one end. @throws {CliError} failed. */
export function linkNamed(view: LabView, text: string): LinkId {
  const turned = text.split('--').toReversed().join('--');
  const found = view.links.find((link: LinkView) => [link.link, link.a.label, link.b.label].some((name) => name === text || name === turned));
  return found?.link ?? missingLink(view, text);
}
