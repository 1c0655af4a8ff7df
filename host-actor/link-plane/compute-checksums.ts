// Makes nodes put real checksums on what they send, for receivers that see frames as they are: a userspace switch, a raw reader.
import { LinkPlaneError } from './link-plane-error.ts';
import { netnsWord } from './render-lines.ts';
import type { RunTool } from './run-tool.ts';
import { innerEndsOf } from './host-ports.ts';
import type { InnerEnd, Wire } from './wire.ts';
import type { WireOutcome } from './wire-outcome.ts';

/** A veth leaves checksums to hardware that is not there. One shell for all, one nsenter a namespace. Every word was checked before
 *  it comes here.
 *  @throws {LinkPlaneError} `kernel-lacks` where ethtool is missing: without it TCP moves nothing over such a link, while ping works */
export async function computeChecksums(run: RunTool, ends: readonly InnerEnd[]): Promise<void> {
  if (ends.length === 0) return;
  const byNetns = Map.groupBy(ends, ({ netns }) => netnsWord(netns) ?? '');
  const sections = [...byNetns].map(([netns, own]) => {
    const enter = netns === '' ? 'sh' : `nsenter --net=${netns.startsWith('/') ? netns : `/run/netns/${netns}`} sh`;
    return `${enter} >/dev/null <<'END_OF_SECTION'\n${own.map((end) => `ethtool -K ${end.interface} tx off`).join('\n')}\nEND_OF_SECTION\n`;
  });
  const { stderr } = await run({ program: 'sh', args: [], stdin: sections.join('') });
  if (/ethtool: .*not found/.test(stderr)) {
    throw new LinkPlaneError('kernel-lacks', 'a link over a userspace switch needs ethtool, which is not installed: without it TCP over the link moves nothing (apt-get install ethtool)');
  }
}

/** Sees to it for the wires that ask for it: where an end was made just now, or it is not known to be so. Those for which it cannot
 *  be had fail, the others do not. @param done - wires whose ends are known to compute; kept by the caller, changed here */
export async function keepChecksums(run: RunTool, wires: readonly Wire[], outcomes: ReadonlyMap<string, WireOutcome>, done: Set<string>): Promise<ReadonlyMap<string, WireOutcome>> {
  for (const wire of wires) if (wire.computeChecksums !== true) done.delete(wire.id);
  const made = wires.flatMap((wire) => {
    const outcome = wire.computeChecksums === true ? outcomes.get(wire.id) : undefined;
    return outcome?.ok && (outcome.changed || !done.has(wire.id)) ? [{ wire, outcome }] : [];
  });
  try {
    await computeChecksums(run, made.flatMap(({ wire }) => innerEndsOf(wire).map(({ inner }) => inner)));
  } catch (error) {
    if (!(error instanceof LinkPlaneError)) throw error;
    return new Map(made.map(({ wire, outcome }): [string, WireOutcome] => [wire.id, { ok: false, error, state: outcome.state }]));
  }
  for (const { wire } of made) done.add(wire.id);
  return new Map();
}
