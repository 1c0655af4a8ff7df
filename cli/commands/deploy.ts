// deploy (apply): a lab file becomes a supervised lab; on a running lab, the smallest change that makes it as written.
import { z } from 'zod';
import type { NodeId } from '../../machines/vocabulary/ids.ts';
import type { LabSpec } from '../../machines/vocabulary/lab-spec.ts';
import { awaitLab, isSettled, verdict } from '../await-lab.ts';
import { issueNodeCertificates } from '../cert/node-certificates.ts';
import { command } from '../command-spec.ts';
import type { OptionSpec } from '../command-spec.ts';
import { withSession } from '../context.ts';
import type { Context } from '../context.ts';
import { CliError, EXIT } from '../exit-code.ts';
import type { ExitCode } from '../exit-code.ts';
import { labGraph } from '../graph/lab-graph.ts';
import { renderGraph } from '../graph/render-graph.ts';
import { writeGraph } from '../graph/write-graph.ts';
import { readExportTemplate } from '../lab-folder/export-template.ts';
import { backUpTopology, makeLabFolder, writeInventories } from '../lab-folder/lab-folder.ts';
import { collectForHosts } from '../lab-files/collect-for-hosts.ts';
import { uploadFiles } from '../lab-files/upload-files.ts';
import { newCommandId } from '../new-command-id.ts';
import type { Session } from '../open-client.ts';
import { renderChangeSummary } from '../output/change-summary.ts';
import { fragmentedLinks, fragmentWarnings } from '../output/fragments.ts';
import { printNodes } from '../output/print-nodes.ts';
import { inspectIfThere, labExists } from '../lab-exists.ts';
import { printExecResults } from '../print-exec-results.ts';
import { readTopology } from '../read-topology.ts';
import { printPlan } from './plan.ts';

export const DEPLOY_TIMEOUT_MS = 600_000;

export const DeployOptions = z.object({
  reconfigure: z.boolean().default(false),
  nodeFilter: z.array(z.string()).optional(),
  takeOver: z.boolean().default(false),
  dryRun: z.boolean().default(false),
  wait: z.enum(['running', 'none']).default('running'),
  owner: z.string().optional(),
  maxWorkers: z.string().optional(),
  skipLabdirAcl: z.boolean().default(false),
  skipPostDeploy: z.boolean().default(false),
  exportTemplate: z.string().optional(),
  graph: z.boolean().default(false),
});
export type DeployOptions = z.infer<typeof DeployOptions>;

export const READ_OPTIONS: readonly OptionSpec[] = [
  { flags: '--node-filter <nodes>', text: 'only these nodes and the links between them, with commas', many: 'split' },
  { flags: '--owner <user>', text: 'whom the lab belongs to; the user behind sudo when absent' },
];

export const EXPORT_TEMPLATE: OptionSpec = { flags: '--export-template <file>', text: 'Go template that topology-data.json is made by; __full for all data' };
export const GRAPH: OptionSpec = { flags: '-g, --graph', text: 'draw the lab for Graphviz into its folder' };

export const deployCommand = command({
  usage: 'deploy',
  aliases: ['apply'],
  summary: 'deploy a lab, or bring a running one to what its file says now',
  details: 'Ends when all nodes run and all links are up (exit code 0), when something failed (3), or when --timeout is over (4).\nThe lab stays supervised afterwards.',
  examples: ['labwright deploy -t lab.clab.yml', 'labwright deploy -t lab.clab.yml --dry-run', 'labwright apply -t labs/ --node-filter r1,r2 --timeout 5m'],
  options: [
    { flags: '-c, --reconfigure', text: 'recreate all nodes, whatever they are' },
    ...READ_OPTIONS,
    { flags: '--take-over', text: 'let this file replace the one that a lab of this name runs from' },
    { flags: '--dry-run', text: 'print what would be done and why; touch no lab (the controller is started where none runs, for it knows the hosts)' },
    { flags: '--wait <what>', text: 'what to wait for', choices: ['running', 'none'] },
    { flags: '--max-workers <n>', text: 'not needed: taken and ignored' },
    { flags: '--skip-labdir-acl', text: 'no access lists are set: taken and ignored' },
    { flags: '--skip-post-deploy', text: 'not known: taken and ignored' },
    EXPORT_TEMPLATE,
    GRAPH,
  ],
  schema: DeployOptions,
  run: async (context, options) => await deploy(context, options),
});

/** Deploys what the global options name. */
export async function deploy(context: Context, options: DeployOptions): Promise<ExitCode> {
  const { terminal, globals } = context;
  noteIgnored(context, options);
  const { lab, text, path, leftOut } = await readTopology({ ...globals, nodeFilter: options.nodeFilter, owner: options.owner }, terminal);
  // What is wrong with it is said before anything is touched.
  const template = options.exportTemplate === undefined ? undefined : await readExportTemplate(options.exportTemplate);
  return await withSession(context, { start: 'always' }, async (session) => {
    await refuseRemovalByFilter(session, lab, leftOut);
    if (options.dryRun) return await printPlan(context, session, { lab, takeOver: options.takeOver, reconfigure: options.reconfigure });
    await makeLabFolder(lab, { fresh: options.reconfigure && !(await labExists(session.ops, lab.id)) });
    const certified = await issueNodeCertificates(lab, { now: Date.now(), fresh: options.reconfigure });
    if (certified.length > 0) terminal.log('INFO', 'Certificates issued', { nodes: certified.join(',') });
    await backUpTopology(path, text);
    if (options.graph) terminal.log('INFO', 'Created', { path: await writeGraph(lab, 'dot', renderGraph(labGraph(lab), 'dot')) });
    const carried = await collectForHosts(session, lab, terminal);
    await uploadFiles(session.ops, carried.pieces);
    return await carryOut(context, session, { lab: carried.lab, options, template });
  });
}

/** A filter chooses what to deploy; it must not cost nodes that run. @throws {CliError} usage. */
async function refuseRemovalByFilter({ ops }: Session, lab: LabSpec, leftOut: readonly NodeId[]): Promise<void> {
  if (leftOut.length === 0) return;
  const view = await inspectIfThere(ops, lab.id);
  const lost = (view?.nodes ?? []).map((node) => node.node).filter((id) => leftOut.includes(id));
  if (lost.length === 0) return;
  throw new CliError(EXIT.usage, 'filter-removes-nodes', `lab ${lab.id} runs with ${lost.join(', ')}, which --node-filter leaves out: deploy without it, or destroy the lab first`);
}

async function carryOut(context: Context, { ops }: Session, { lab, options, template }: { lab: LabSpec; options: DeployOptions; template: string | undefined }): Promise<ExitCode> {
  const { terminal, globals } = context;
  const before = await inspectIfThere(ops, lab.id);
  terminal.log('INFO', before !== undefined ? 'Bringing lab to what its file says' : 'Deploying lab', { lab: lab.id, nodes: lab.nodes.length, links: lab.links.length });
  const accepted = await ops.request('deploy', {
    commandId: newCommandId(), spec: lab, takeOver: options.takeOver, reconfigure: options.reconfigure,
  }, { lab: lab.id });
  const existed = accepted.existed ?? before !== undefined;
  if (existed && !globals.json) terminal.out(renderChangeSummary('Apply summary', accepted.changes));
  if (options.wait === 'none') {
    terminal.log('INFO', 'Not waiting; the lab is being worked on', { lab: lab.id });
    return EXIT.ok;
  }
  const followed = await awaitLab(ops, lab.id, { n: accepted.n, until: isSettled, timeoutMs: globals.timeout ?? DEPLOY_TIMEOUT_MS, terminal, before });
  if (accepted.outcome === 'accepted') await printExecResults(ops, lab, { after: accepted.n - 1, terminal });
  await writeInventories(lab, followed.view, template);
  if (globals.json) terminal.out(JSON.stringify({ existed, changes: accepted.changes, lab: followed.view }, undefined, 2));
  else printNodes([followed.view], terminal);
  for (const warning of fragmentWarnings(fragmentedLinks(followed.view.links))) terminal.log('WARN', warning);
  return verdict(followed, terminal, 'running');
}

function noteIgnored({ terminal }: Context, options: DeployOptions): void {
  if (options.maxWorkers !== undefined) terminal.log('INFO', '--max-workers is ignored: nothing here needs a limit');
  if (options.skipPostDeploy) terminal.log('INFO', '--skip-post-deploy is ignored: there are no such steps');
}
