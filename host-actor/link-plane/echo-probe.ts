// Asks legs whether a frame of full size comes back from the far kernel: sent as UDP, reflected there by a filter, counted here by another.
import { setTimeout as delay } from 'node:timers/promises';
import { redirectCookie } from './host-ports.ts';
import { parseActions } from './kernel-state.ts';
import type { SendProbes } from './probe-sender.ts';
import type { RunTool } from './run-tool.ts';
import type { VxlanWire } from './wire.ts';

export type EchoResult = { readonly echo: 'ok' } | { readonly echo: 'lost'; readonly reason: string };

type Leg = VxlanWire & { readonly tunnel: { readonly echo: NonNullable<VxlanWire['tunnel']['echo']> } };

/** Pauses between looks at the counters; half a second in all, more than any underlay takes. */
const LOOKS_MS = [2, 6, 15, 40, 80, 140, 220];
/** Above this many counters a dump of all is cheaper. */
const FEW_COUNTERS = 24;

/** Whether the far end of a wire can be probed. */
export function isLeg(wire: { readonly kind: string }): wire is Leg {
  return wire.kind === 'vxlan' && 'tunnel' in wire && (wire as VxlanWire).tunnel.echo !== undefined;
}

/** Probes all legs at once; a few reads for all of them. */
export async function probeLegs(run: RunTool, send: SendProbes, legs: readonly Leg[]): Promise<ReadonlyMap<string, EchoResult>> {
  const results = new Map<string, EchoResult>();
  if (legs.length === 0) return results;
  const lost = (leg: Leg, reason: string): void => void results.set(leg.id, { echo: 'lost', reason });
  const before = await readCounters(run, legs);
  const ready = legs.filter((leg) => before.has(leg.id));
  for (const leg of legs) if (!before.has(leg.id)) lost(leg, `tunnel ${leg.tunnel.device} is not there to be probed`);
  const failures = await send(ready.map(({ mtu, tunnel }) => ({ vni: tunnel.vni, mtu, role: tunnel.echo.role, remote: tunnel.remote, udpPort: tunnel.udpPort, ...(tunnel.local === undefined ? {} : { local: tunnel.local }) })));
  for (const [index, leg] of ready.entries()) if (failures.has(index)) lost(leg, `no probe could be sent to ${leg.tunnel.remote}: ${failures.get(index) ?? ''}`);
  const sent = ready.filter((_leg, index) => !failures.has(index));
  const answered = await awaitAnswers(sent, before, (waiting) => readCounters(run, waiting));
  for (const leg of sent) {
    if (answered.has(leg.id)) results.set(leg.id, { echo: 'ok' });
    else lost(leg, nothingBack({ ...leg.tunnel, mtu: leg.mtu }));
  }
  return results;
}

/** Looks at counters until all are higher than before, or half a second is over; which of them are. */
export async function awaitAnswers<Asked extends { readonly id: string }>(asked: readonly Asked[], before: ReadonlyMap<string, number>, read: (waiting: readonly Asked[]) => Promise<ReadonlyMap<string, number>>): Promise<ReadonlySet<string>> {
  const answered = new Set<string>();
  for (const pause of LOOKS_MS) {
    const waiting = asked.filter(({ id }) => !answered.has(id));
    if (waiting.length === 0) break;
    await delay(pause);
    const now = await read(waiting);
    for (const { id } of waiting) if ((now.get(id) ?? 0) > (before.get(id) ?? 0)) answered.add(id);
  }
  return answered;
}

/** In words, that a probe was sent and nothing came back. */
export function nothingBack({ mtu, remote, vni, udpPort }: { readonly mtu: number; readonly remote: string; readonly vni: number; readonly udpPort: number }): string {
  return `no frame of ${mtu} bytes came back from ${remote} (VNI ${vni}, UDP port ${udpPort})`;
}

async function readCounters(run: RunTool, legs: readonly Leg[]): Promise<ReadonlyMap<string, number>> {
  const few = legs.length <= FEW_COUNTERS;
  const stdin = `${legs.map(({ tunnel }) => `actions get action mirred index ${tunnel.echo.countIndex}`).join('\n')}\n`;
  const { stdout } = await run({ program: 'tc', ...(few ? { args: ['-s', '-j', '-force', '-batch', '-'], stdin } : { args: ['-s', '-j', 'actions', 'ls', 'action', 'mirred'] }) });
  const counters = new Map(parseActions(stdout).map((action) => [action.index, action]));
  return new Map(
    legs.flatMap(({ id, tunnel }): [string, number][] => {
      const counter = counters.get(tunnel.echo.countIndex);
      return counter !== undefined && counter.bound > 0 && counter.cookie === redirectCookie(`${tunnel.mark} count`) ? [[id, counter.packets]] : [];
    }),
  );
}
