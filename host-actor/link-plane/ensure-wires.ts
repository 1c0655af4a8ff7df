// Makes wires as ordered: reads, plans the difference, runs it in a few batches for all wires at once, reads back.
import { absentNamespaces } from './absent-namespaces.ts';
import type { CrossConnect } from './cross-connect.ts';
import type { LinkPlaneError } from './link-plane-error.ts';
import { wireState } from './assess-ports.ts';
import { hostPortsOf, innerEndsOf, type HostPort, type Redirect } from './host-ports.ts';
import { runInnerBatches, type InnerBatch } from './inner-batches.ts';
import type { KernelState } from './kernel-state.ts';
import type { InnerStore } from './inner-store.ts';
import { isEmptyPlan, planWire, type InnerWork, type WirePlan } from './plan-wires.ts';
import { removeDevices } from './remove-devices.ts';
import { netnsWord, unmarkLine } from './render-lines.ts';
import { runBatch, type BatchLine, type LineFailure } from './run-batch.ts';
import type { RunTool } from './run-tool.ts';
import type { NetnsRef, Wire } from './wire.ts';
import { innerWarning, lineError, namespaceMissingError, notJoinedError, refusalError, type WireOutcome } from './wire-outcome.ts';

export type EnsureInput = {
  readonly wires: readonly Wire[];
  /** Lines to run besides in a namespace, in the same process as the rest there. */
  readonly extraInner?: readonly InnerBatch[];
  /** Knows what was last read of inner ends, for those that are made again. */
  readonly inner: Pick<InnerStore, 'bornWith' | 'restoreLinesFor'>;
  /** Redirects that an event said are gone, whatever the read shows. */
  readonly isRedirectLost: (port: HostPort, redirect: Redirect) => boolean;
  /** Wires that were mended just now, by what an event said; the first read here is their read-back. */
  readonly mended?: ReadonlySet<string>;
  /** Reads what the wires need to be judged. */
  readonly read: (wires: readonly Wire[]) => Promise<KernelState>;
  /** Joins ports on a switch, where no redirect does. */
  readonly join?: CrossConnect['join'] | undefined;
  /** Words of the shaping last set, by mark. */
  readonly shapedAs: ReadonlyMap<string, string>;
};

export type EnsureResult = {
  readonly outcomes: ReadonlyMap<string, WireOutcome>;
  /** What was read last. */
  readonly kernel: KernelState;
  /** When that read began (epoch ms). */
  readonly readAt: number;
  /** Batch lines run; 0 when all was there. */
  readonly linesRun: number;
};

type Progress = { linesRun: number; aborted: string | undefined; changed: Set<string>; errors: Map<string, LineFailure>; unjoined: Map<string, LinkPlaneError>; warnings: Map<string, string[]> };

/** What reads back wrong gets another round: a line that cannot be parsed (a namespace or bridge that vanished this moment) ends a
 *  batch, and the action of a device just removed may live on for a moment under the index that its successor uses. */
const MAX_ROUNDS = 3;
/** A device that went while we worked: the next round sees what is left. */
const VANISHED = /Cannot find device|does not exist|No such device/;

/** Brings all wires about; idempotent. Callers hold the wires' locks and have checked every word. */
export async function ensureJoined(run: RunTool, input: EnsureInput): Promise<EnsureResult> {
  const progress: Progress = { linesRun: 0, aborted: undefined, changed: new Set(input.mended), errors: new Map(), unjoined: new Map(), warnings: new Map() };
  const missing = new Map<string, string>();
  const refused = new Map<string, WirePlan>();
  let readAt = Date.now();
  let state = await input.read(input.wires);
  let extra = input.extraInner ?? [];
  let isRedirectLost = input.isRedirectLost;
  for (let round = 0; round < MAX_ROUNDS; round += 1) {
    const plans: WirePlan[] = [];
    const absent = absentNamespaces(input.wires);
    for (const wire of input.wires) {
      if (progress.errors.has(wire.id) || progress.unjoined.has(wire.id)) continue;
      const gone = innerEndsOf(wire).map(({ inner }) => netnsWord(inner.netns)).find((word) => word !== undefined && absent.has(word));
      if (gone !== undefined) missing.set(wire.id, gone);
      const plan = planWire(wire, state, { bornWith: input.inner.bornWith, isRedirectLost, shapedAs: (port) => (round === 0 ? input.shapedAs.get(port.mark) : port.qdisc?.words) });
      if (plan.refusal) refused.set(wire.id, plan);
      else if (gone === undefined && !isEmptyPlan(plan)) plans.push(plan);
    }
    if (plans.length === 0 && extra.length === 0) break;
    progress.aborted = undefined;
    await runPlans(run, plans, { ...input, extraInner: extra }, state, progress);
    extra = [];
    isRedirectLost = () => false;
    if (plans.length === 0) break;
    readAt = Date.now();
    state = await input.read(input.wires);
  }
  const outcomes = new Map(input.wires.map((wire): [string, WireOutcome] => [wire.id, outcomeOf(wire, state, progress, missing.get(wire.id), refused.get(wire.id))]));
  return { outcomes, kernel: state, readAt, linesRun: progress.linesRun };
}

async function runPlans(run: RunTool, plans: readonly WirePlan[], input: EnsureInput, state: KernelState, progress: Progress): Promise<void> {
  const going = (pick: (plan: WirePlan) => readonly BatchLine[]): readonly BatchLine[] => plans.filter((plan) => !progress.errors.has(plan.wireId) && !progress.unjoined.has(plan.wireId)).flatMap(pick);
  /** Wires of whose lines some may not have run: of a leg, the port stays down then. */
  const unsure = new Set<string>();
  const batch = async (tool: 'ip' | 'tc', lines: readonly BatchLine[]): Promise<void> => {
    const result = await runBatch(run, tool, lines);
    progress.linesRun += lines.length;
    for (const { owner } of result.aborted === undefined ? result.failures : lines) unsure.add(owner);
    for (const failure of result.failures) if (!progress.errors.has(failure.owner) && !VANISHED.test(failure.reason)) progress.errors.set(failure.owner, failure);
    if (result.aborted !== undefined) progress.aborted ??= `${tool}: ${result.aborted}`;
  };
  for (const plan of plans) progress.changed.add(plan.wireId);
  const remove = plans.flatMap((plan) => plan.remove).flatMap((name) => state.devices.get(name) ?? []);
  progress.linesRun += remove.length;
  await removeDevices(run, remove, state.devices.values());
  const make = [...going((plan) => plan.make), ...going((plan) => plan.tunnels)];
  await batch('ip', make);
  await undoForeignMarks(run, make, progress);
  await Promise.all([batch('tc', going((plan) => plan.redirect)).then(() => joinOnSwitch(plans, input, progress)), runInner(run, plans, input, progress)]);
  await batch('ip', going((plan) => plan.open));
  await batch('ip', going((plan) => (plan.tunnels.length + plan.open.length > 0 && unsure.has(plan.wireId) ? [] : plan.raise)));
  await batch('tc', going((plan) => plan.shape));
}

async function joinOnSwitch(plans: readonly WirePlan[], { join }: EnsureInput, progress: Progress): Promise<void> {
  const wires = plans.filter((plan) => plan.join.length > 0 && !progress.errors.has(plan.wireId)).map((plan) => ({ wireId: plan.wireId, ports: plan.join }));
  if (wires.length === 0 || !join) return;
  progress.linesRun += wires.length;
  for (const [wireId, error] of await join(wires)) progress.unjoined.set(wireId, error);
}

async function runInner(run: RunTool, plans: readonly WirePlan[], input: EnsureInput, progress: Progress): Promise<void> {
  const work = plans.filter((plan) => !progress.errors.has(plan.wireId)).flatMap((plan) => plan.inner);
  const byNetns = new Map<string, BatchLine[]>();
  const add = (netns: string, lines: readonly BatchLine[]): void => {
    byNetns.set(netns, [...(byNetns.get(netns) ?? []), ...lines]);
  };
  for (const { netns, lines } of input.extraInner ?? []) add(netns, lines);
  for (const one of work) add(netnsKey(one.port.inner.netns), [...one.lines, ...restoreWork(one, input)]);
  const here = byNetns.get('') ?? [];
  byNetns.delete('');
  const batches = [...byNetns].map(([netns, lines]) => ({ netns, lines }));
  progress.linesRun += here.length + batches.reduce((sum, { lines }) => sum + lines.length, 0);
  const [inside, outside] = await Promise.all([runInnerBatches(run, batches), runBatch(run, 'ip', here)]);
  for (const failure of [...inside, ...outside.failures]) {
    const warnings = progress.warnings.get(failure.owner) ?? [];
    progress.warnings.set(failure.owner, [...warnings, innerWarning(work.find((one) => one.wireId === failure.owner), failure)]);
  }
}

function restoreWork({ wireId, port, remade }: InnerWork, { inner }: EnsureInput): readonly BatchLine[] {
  return remade ? inner.restoreLinesFor(port).map((text) => ({ owner: wireId, text })) : [];
}

/** Where a name was taken between our read and our making, the mark of the next line landed on a device that is not ours. */
async function undoForeignMarks(run: RunTool, make: readonly BatchLine[], progress: Progress): Promise<void> {
  const undo = make.flatMap(({ owner, text }): BatchLine[] => {
    const failed = progress.errors.get(owner);
    const [, , , , device, , mark] = text.split(' ');
    const adds = (line: string): boolean => line.includes(` peer name ${device ?? ''} `) || (line.startsWith(`link add dev ${device ?? ''} `) && line.includes(' type vxlan '));
    const follows = failed !== undefined && adds(failed.text) && text.startsWith('link property add');
    return follows && device !== undefined && mark !== undefined ? [{ owner, text: unmarkLine(device, mark), mayFail: true }] : [];
  });
  await runBatch(run, 'ip', undo);
}

function outcomeOf(wire: Wire, kernel: KernelState, progress: Progress, missing: string | undefined, refused: WirePlan | undefined): WireOutcome {
  const state = wireState(hostPortsOf(wire), kernel, wire.id);
  const failure = progress.errors.get(wire.id);
  const unjoined = progress.unjoined.get(wire.id);
  if (unjoined) return { ok: false, error: unjoined, state };
  if (state.joined && !failure) return { ok: true, state, changed: progress.changed.has(wire.id), warnings: progress.warnings.get(wire.id) ?? [] };
  if (refused?.refusal) return { ok: false, error: refusalError(wire, refused.refusal), state };
  if (missing !== undefined) return { ok: false, error: namespaceMissingError(wire, missing), state };
  return { ok: false, error: failure ? lineError(failure) : notJoinedError(wire, state, progress.aborted), state };
}

function netnsKey(ref: NetnsRef): string {
  return netnsWord(ref) ?? '';
}
