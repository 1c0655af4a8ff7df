// destroy: takes labs away and waits until nothing of them is left.
import { createInterface } from 'node:readline/promises';
import { z } from 'zod';
import type { LabId } from '../../machines/vocabulary/ids.ts';
import type { LabView } from '../../machines/vocabulary/lab-view.ts';
import { OpsRequestError } from '../../nats/errors.ts';
import { awaitLab, isGone } from '../await-lab.ts';
import { command } from '../command-spec.ts';
import { withSession } from '../context.ts';
import type { Context } from '../context.ts';
import { CliError, EXIT } from '../exit-code.ts';
import type { ExitCode } from '../exit-code.ts';
import { withLab } from '../find-lab.ts';
import { followLab } from '../follow-lab.ts';
import { inspectIfThere } from '../lab-exists.ts';
import { removeLabFolder } from '../lab-folder/lab-folder.ts';
import { newCommandId } from '../new-command-id.ts';
import type { Session } from '../open-client.ts';

const DESTROY_TIMEOUT_MS = 600_000;
const STOP_TIMEOUT_MS = 30_000;

const Options = z.object({
  cleanup: z.boolean().default(false),
  all: z.boolean().default(false),
  yes: z.boolean().default(false),
  keepMgmtNet: z.boolean().default(false),
  graceful: z.boolean().default(false),
  wait: z.enum(['gone', 'none']).default('gone'),
});
export type DestroyOptions = z.infer<typeof Options>;

export const destroyCommand = command({
  usage: 'destroy',
  aliases: ['des'],
  summary: 'destroy a lab, or all labs',
  details: 'Ends when containers, links and what else was made for the lab are gone. A lab that does not exist is no error.',
  examples: ['labwright destroy -t lab.clab.yml', 'labwright destroy --name core --cleanup', 'labwright destroy --all --yes'],
  options: [
    { flags: '-c, --cleanup', text: 'remove the lab folder too' },
    { flags: '-a, --all', text: 'all labs' },
    { flags: '-y, --yes', text: 'do not ask before all labs are destroyed' },
    { flags: '--keep-mgmt-net', text: 'leave the management network' },
    { flags: '--wait <what>', text: 'what to wait for', choices: ['gone', 'none'] },
    { flags: '--graceful', text: 'stop the processes of the nodes first (SIGTERM), instead of ending them at once' },
    { flags: '--max-workers <n>', text: 'not needed: taken and ignored' },
  ],
  schema: Options,
  run: async (context, options) => {
    const work = options.all
      ? withSession(context, { start: 'known' }, async (session) => await destroyLabs(context, session, { labs: await allLabs(context, session, options), options }))
      : withLab(context, { start: 'known' }, async (session, lab) => await destroyLabs(context, session, { labs: [lab], options }));
    return await work.catch((error: unknown) => {
      if (!(error instanceof CliError) || error.code !== 'never-started') throw error;
      context.terminal.log('INFO', 'no labs to destroy');
      return EXIT.ok;
    });
  },
});

/** All at once; the worst outcome is the exit code. */
export async function destroyLabs(context: Context, session: Session, { labs, options }: { labs: readonly LabId[]; options: DestroyOptions }): Promise<ExitCode> {
  const outcomes = await Promise.allSettled(labs.map(async (lab) => await destroyLab(context, session, { lab, options })));
  const codes = outcomes.map((outcome) => {
    if (outcome.status === 'fulfilled') return outcome.value;
    if (labs.length === 1) throw outcome.reason;
    context.terminal.log('ERRO', outcome.reason instanceof Error ? outcome.reason.message : String(outcome.reason));
    return EXIT.failed;
  });
  return codes.find((code) => code !== EXIT.ok) ?? EXIT.ok;
}

async function destroyLab({ terminal, globals }: Context, { ops }: Session, { lab, options }: { lab: LabId; options: DestroyOptions }): Promise<ExitCode> {
  const view = await inspectIfThere(ops, lab);
  if (view === undefined) {
    terminal.log('INFO', 'No such lab; nothing to destroy', { lab });
    return EXIT.ok;
  }
  terminal.log('INFO', 'Destroying lab', { name: lab });
  if (options.graceful) await stopNodes(ops, view);
  const accepted = await ops.request('destroy', { commandId: newCommandId(), cleanup: options.cleanup, keepMgmtNet: options.keepMgmtNet }, { lab }).catch(goneMeanwhile);
  if (accepted === undefined) return EXIT.ok;
  if (options.wait === 'none') return EXIT.ok;
  const followed = await awaitLab(ops, lab, { n: accepted.n, until: isGone, timeoutMs: globals.timeout ?? DESTROY_TIMEOUT_MS, terminal, before: view });
  if (!followed.reached) {
    const left = [...followed.view.nodes.map((node) => `node ${node.node} (${node.state})`), ...followed.view.links.map((link) => `link ${link.link} (${link.state})`)];
    terminal.log('ERRO', `lab ${lab} is not gone yet; it is being worked on. Left: ${left.join(', ') || 'the management network'}${followed.view.problems.map((problem) => `\n  ${problem}`).join('')}`);
    return EXIT.timeout;
  }
  if (options.cleanup && view.labDir !== '') await removeLabFolder(view.labDir);
  terminal.log('INFO', 'Lab is gone', { name: lab });
  return EXIT.ok;
}

/** Waits until no process of the lab is left; a node that does not stop in time is ended by the removal. */
async function stopNodes(ops: Session['ops'], view: LabView): Promise<void> {
  const nodes = view.nodes.map((node) => node.node);
  if (nodes.length === 0) return;
  await ops.request('node-stop', { commandId: newCommandId(), nodes }, { lab: view.lab });
  const isDown = (now: LabView) => now.nodes.every((node) => ['stopped', 'exited', 'failed', 'absent'].includes(node.state));
  await followLab(ops, view.lab, { until: isDown, timeoutMs: STOP_TIMEOUT_MS });
}

function goneMeanwhile(error: unknown): undefined {
  if (error instanceof OpsRequestError && error.code === 'lab-not-found') return undefined;
  throw error;
}

async function allLabs(context: Context, { ops }: Session, options: DestroyOptions): Promise<LabId[]> {
  const { labs } = await ops.request('list', { destroyed: false });
  const names = labs.map((lab) => lab.lab);
  if (names.length === 0) context.terminal.log('INFO', 'no labs to destroy');
  if (names.length > 0 && !options.yes && process.stdin.isTTY) await confirm(names);
  return names;
}

/** @throws {CliError} failed when the answer is not yes. */
async function confirm(names: readonly string[]): Promise<void> {
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  const answer = await lines.question(`These labs will be destroyed:\n${names.map((name) => `  ${name}`).join('\n')}\nGo on? [y/N] `);
  lines.close();
  if (!/^y(es)?$/i.test(answer.trim())) throw new CliError(EXIT.failed, 'not-confirmed', 'nothing was destroyed');
}
