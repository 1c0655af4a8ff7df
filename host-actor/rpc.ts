// Questions to this host that need not outlive it: run a command in a node, show its log, read back what is, probe the host.
import type { Msg, NatsConnection, Subscription } from '@nats-io/transport-node';
import { z } from 'zod';
import { HostThings } from '../machines/vocabulary/host-things.ts';
import { CommandId, LabId, NodeId } from '../machines/vocabulary/ids.ts';
import type { ExecResult } from '../machines/vocabulary/observation.ts';
import { rpcSubject } from '../nats/subjects.ts';
import type { DoneOnce } from './done-once.ts';
import { makeDoneOnce } from './done-once.ts';
import type { Fence } from './fence.ts';
import type { FingerprintKeeper } from './fingerprint-keeper.ts';
import { failureOf, HostActorError } from './host-actor-error.ts';
import type { HostContext } from './host-context.ts';
import type { Orphans } from './orphans.ts';
import { readLacks } from './read-lacks.ts';
import { runtimeIdOf } from './node-handlers.ts';
import type { LastingNodeOrder } from './wanted.ts';

const aboutNode = { lab: LabId, node: NodeId };
const ExecQuestion = z.object({ ...aboutNode, argv: z.union([z.string().min(1), z.array(z.string()).min(1)]), timeoutMs: z.number().int().positive().default(60_000), commandId: CommandId.optional() });
const LogsQuestion = z.object({ ...aboutNode, lines: z.number().int().positive().max(10_000).default(100) });
/** Which management addresses are other people's. */
const AddressesQuestion = z.object({ network: z.string().min(1) });
/** Read anew unless the last reading will do. */
const FingerprintQuestion = z.object({ fresh: z.boolean().default(true) });
const InspectQuestion = z.object({ lab: LabId });
const OrphansQuestion = z.discriminatedUnion('op', [
  z.object({ op: z.literal('list') }),
  z.object({ op: z.literal('remove'), ids: z.array(z.string()), graceMs: z.number().int().nonnegative(), dryRun: z.boolean() }),
]);

/** Reply subjects of the supervisor: `_R_` from its account, an inbox on a server without accounts; the server does not check where an answer is sent to. */
const REPLY_PREFIXES = ['_R_.', '_INBOX_supervisor.', '_INBOX.'];

export type RpcContext = Pick<HostContext, 'hands' | 'wanted' | 'states' | 'log'> & { readonly context: HostContext & { readonly orphans: Pick<Orphans, 'read' | 'remove'> }; readonly fingerprint: Pick<FingerprintKeeper, 'read'>; readonly fence: Pick<Fence, 'fenced' | 'hear'> };
type Answering = RpcContext & { readonly execOnce: DoneOnce<ExecResult> };
type Answerer = (context: Answering, question: unknown) => Promise<unknown>;

/** Whoever asks again does so within seconds; a supervisor that stood still for longer asks for nothing. */
const EXECS_KEPT = { forgetAfterMs: 300_000, most: 64 };

/** The complete list of questions. */
const ANSWERERS: Readonly<Record<string, Answerer>> = {
  exec: answerExec,
  logs: answerLogs,
  inspect: answerInspect,
  addresses: async (context, question) => ({ addresses: await context.hands.network.foreignAddresses(parseQuestion(AddressesQuestion, question).network) }),
  lacks: async (context, question) => await readLacks(context.hands, parseQuestion(HostThings, question)),
  orphans: answerOrphans,
  fingerprint: async (context, question) => await context.fingerprint.read(parseQuestion(FingerprintQuestion, question)),
};

/** Answers until the connection ends. An answer is the value, or `{error: {code, message, retryable}}`. */
export function serveRpc(nc: NatsConnection, context: RpcContext): Subscription {
  const subject = rpcSubject(context.hands.host, '*');
  const answering: Answering = { ...context, execOnce: makeDoneOnce({ now: () => performance.now(), ...EXECS_KEPT }) };
  return nc.subscribe(subject, { callback: (err, message) => (err === null ? void answer(message, answering) : context.log.warn({ err }, 'question could not be read')) });
}

async function answer(message: Msg, context: Answering): Promise<void> {
  const verb = message.subject.slice(message.subject.lastIndexOf('.') + 1);
  if (verb === 'fence') {
    context.fence.hear(parseJson(message.data));
    return;
  }
  // The process that took its place answers.
  if (context.fence.fenced !== undefined) return;
  const reply = message.reply;
  if (reply === undefined || !REPLY_PREFIXES.some((prefix) => reply.startsWith(prefix))) {
    context.log.warn({ subject: message.subject, reply }, 'question asks for an answer to a place that is no inbox, left alone');
    return;
  }
  const body = await answerTo(verb, message.data, context).catch((error: unknown) => {
    const { code, message: text, retryable } = failureOf(error);
    return { error: { code, message: text, retryable } };
  });
  message.respond(JSON.stringify(body));
}

async function answerTo(verb: string, data: Uint8Array, context: Answering): Promise<unknown> {
  const answerer = ANSWERERS[verb];
  if (answerer === undefined) throw new HostActorError('rpc-invalid', { message: `this host answers ${Object.keys(ANSWERERS).join(', ')}, not ${verb}`, retryable: false });
  return await answerer(context, parseJson(data));
}

async function answerExec(context: Answering, question: unknown): Promise<ExecResult> {
  const asked = parseQuestion(ExecQuestion, question);
  const { lab, node, commandId } = asked;
  return await (commandId === undefined ? exec(context, asked) : context.execOnce(JSON.stringify([lab, node, commandId]), async () => await exec(context, asked)));
}

async function exec(context: RpcContext, { lab, node, argv, timeoutMs }: z.infer<typeof ExecQuestion>): Promise<ExecResult> {
  const order = orderOf(context, lab, node);
  const command = typeof argv === 'string' ? argv : argv.join(' ');
  if (order.node.runtime === 'host') {
    const { exitCode, stdout, stderr } = await context.hands.sight.runCommand(command, { cwd: order.context.labDir, timeoutMs });
    return { command, target: 'host', exitCode, stdout, stderr };
  }
  const { exitCode, stdout, stderr } = await context.hands.provider.exec(await runtimeIdOf(context.context, order), argv, { timeoutMs, foreign: order.node.runtime === 'ext-container' });
  return { command, target: 'container', exitCode, stdout, stderr };
}

async function answerLogs(context: RpcContext, question: unknown): Promise<unknown> {
  const { lab, node, lines } = parseQuestion(LogsQuestion, question);
  return await context.hands.provider.logTail(await runtimeIdOf(context.context, orderOf(context, lab, node)), { lines });
}

/** What engine and kernel show of a lab at this moment. */
async function answerInspect(context: RpcContext, question: unknown): Promise<unknown> {
  const { lab } = parseQuestion(InspectQuestion, question);
  const [nodes, wires] = await Promise.all([context.hands.provider.listOwned({ hostId: context.hands.host, labId: lab }), context.hands.plane.readWires()]);
  const links = [...wires.values()].filter((wire) => wire.id.startsWith(`${lab}\t`));
  return { nodes, links: links.map((wire) => ({ ...wire, id: wire.id.split('\t').slice(2).join('/') })) };
}

/** What is nobody's here; whether a lab of the log wants it is known to who asks. */
async function answerOrphans({ context }: RpcContext, question: unknown): Promise<unknown> {
  const asked = parseQuestion(OrphansQuestion, question);
  if (asked.op === 'list') return { orphans: await context.orphans.read() };
  return { outcomes: await context.orphans.remove(asked.ids, asked) };
}

function orderOf(context: RpcContext, lab: LabId, node: NodeId): LastingNodeOrder {
  const order = context.wanted.node(lab, node);
  if (order === undefined || order.type === 'node.remove') throw new HostActorError('unknown-node', { message: `this host has no node ${node} of lab ${lab}`, retryable: false });
  return order;
}

function parseQuestion<T>(schema: z.ZodType<T>, question: unknown): T {
  const parsed = schema.safeParse(question);
  if (parsed.success) return parsed.data;
  const faults = parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`).join('; ');
  throw new HostActorError('rpc-invalid', { message: `question is not understood: ${faults}`, retryable: false });
}

function parseJson(data: Uint8Array): unknown {
  try {
    return data.length === 0 ? {} : JSON.parse(new TextDecoder().decode(data));
  } catch (cause) {
    throw new HostActorError('rpc-invalid', { message: 'question is not JSON', retryable: false, cause });
  }
}
