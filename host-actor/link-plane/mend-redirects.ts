// Puts redirects back that an event said were taken away, before anything is read: what the event names is all that is known to be wrong.
import { hostPortsOf, redirectsOf, type HostPort, type Redirect } from './host-ports.ts';
import { redirectLine } from './render-lines.ts';
import { runBatch, type BatchLine } from './run-batch.ts';
import type { RunTool } from './run-tool.ts';
import type { Wire } from './wire.ts';
import type { WireRegistry } from './wire-registry.ts';

export type Mended = {
  /** Wires that were changed. */
  readonly wires: ReadonlySet<string>;
  /** Redirects that are still to be put back, whatever a read shows. */
  readonly isRedirectLost: (port: HostPort, redirect: Redirect) => boolean;
};

type Lost = { readonly port: HostPort; readonly redirect: Redirect };

/** Takes the lost redirects of these wires from the registry and puts back those of ends that bore our mark when last seen, under
 *  their own name; the caller reads back. One process instead of three until traffic flows again. */
export async function mendRedirects(run: RunTool, registry: WireRegistry, wires: readonly Wire[]): Promise<Mended> {
  const lost = new Map<string, Lost>();
  for (const port of wires.flatMap(hostPortsOf)) {
    // As it is ordered now, whatever it was when it was taken away.
    const prefs = new Set(registry.takeLostRedirects(port).map(({ pref }) => pref));
    for (const redirect of redirectsOf(port)) if (prefs.has(redirect.pref)) lost.set(keyOf(port, redirect), { port, redirect });
  }
  const known = [...lost].filter(([, { port }]) => registry.seen(port)?.name === port.device);
  const lines = known.flatMap(([key, { port, redirect }]): BatchLine[] => [
    { owner: key, text: `qdisc replace dev ${port.device} clsact` },
    { owner: key, text: redirectLine(port.device, redirect) },
  ]);
  const { failures, aborted } = await runBatch(run, 'tc', lines);
  const failed = new Set(aborted === undefined ? failures.map(({ owner }) => owner) : lost.keys());
  const mended = known.filter(([key]) => !failed.has(key));
  for (const [key] of mended) lost.delete(key);
  return { wires: new Set(mended.map(([, { port }]) => port.wireId)), isRedirectLost: (port, redirect) => lost.has(keyOf(port, redirect)) };
}

function keyOf(port: HostPort, { pref }: Redirect): string {
  return `${port.mark} ${pref}`;
}
