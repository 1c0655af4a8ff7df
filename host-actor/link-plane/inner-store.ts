// Keeps the state last read of each inner end, in memory and in a file each, so that it can be put back after a restart of ours too.
import { readdir, readFile, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { z } from 'zod';
import { replaceFileIn } from '../replace-file.ts';
import { hostPortsOf, isVethPort, type VethPort } from './host-ports.ts';
import { queryInner } from './inner-batches.ts';
import { INNER_STATE_QUERY, InnerState, parseInnerStates, restoreLines } from './inner-state.ts';
import { netnsWord, type BornWith } from './render-lines.ts';
import type { RunTool } from './run-tool.ts';
import type { Wire } from './wire.ts';

const InnerRecord = z.object({ ordered: z.object({ mtu: z.number(), mac: z.string().optional() }), state: InnerState });
type InnerRecord = z.infer<typeof InnerRecord>;

export type InnerStore = {
  /** Reads the inner ends that the wires have in one namespace and remembers those that are there. The caller holds the wires' locks. */
  readonly snapshot: (wires: readonly Wire[], netns: string) => Promise<void>;
  /** Brings what a former run of ours remembered into memory. */
  readonly load: (wires: readonly Wire[]) => Promise<void>;
  /** MAC and MTU to be born with; those ordered win when the order has changed since they were read. */
  readonly bornWith: (port: VethPort) => BornWith;
  readonly restoreLinesFor: (port: VethPort) => readonly string[];
  /** Forgets the inner ends of the wires, or those of them that lie in these namespaces. */
  readonly forget: (wires: readonly Wire[], only?: { readonly netns: readonly string[] }) => Promise<void>;
};

/** A store with its files under the folder. */
export function createInnerStore(run: RunTool, folder: string): InnerStore {
  const states = new Map<string, InnerRecord>();
  const loaded = new Set<string>();
  const fileOf = (port: VethPort): string => join(folder, `${encodeURIComponent(port.mark)}.json`);
  const remember = async (port: VethPort, state: InnerState): Promise<void> => {
    const record = { ordered: orderedOf(port), state };
    const text = JSON.stringify(record);
    if (JSON.stringify(states.get(port.mark)) === text) return;
    states.set(port.mark, record);
    await replaceFileIn(folder, basename(fileOf(port)), text);
  };
  return {
    snapshot: async (wires, netns) => {
      const answers = await queryInner(run, [{ netns, lines: INNER_STATE_QUERY }]);
      const found = parseInnerStates(answers.get(netns) ?? '');
      for (const port of innerPorts(wires).filter(({ inner }) => netnsWord(inner.netns) === netns)) {
        const state = found.get(port.inner.interface);
        loaded.add(port.mark);
        if (state) await remember(port, state);
      }
    },
    load: async (wires) => {
      const missing = innerPorts(wires).filter((port) => !loaded.has(port.mark));
      const files = missing.length === 0 ? new Set<string>() : new Set(await readdir(folder).catch(() => []));
      await Promise.all(
        missing.map(async (port) => {
          const record = files.has(basename(fileOf(port))) ? await readRecord(fileOf(port)) : undefined;
          if (loaded.has(port.mark)) return;
          loaded.add(port.mark);
          if (record) states.set(port.mark, record);
        }),
      );
    },
    bornWith: (port) => {
      const record = states.get(port.mark);
      if (!record || JSON.stringify(record.ordered) !== JSON.stringify(orderedOf(port))) return {};
      return { mtu: record.state.mtu, ...(record.state.mac === undefined ? {} : { mac: record.state.mac }) };
    },
    restoreLinesFor: (port) => {
      const state = states.get(port.mark)?.state;
      return state === undefined ? [] : restoreLines(port.inner.interface, state);
    },
    forget: async (wires, only) => {
      // A file of a former run counts too.
      const files = new Set(await readdir(folder).catch(() => []));
      for (const port of innerPorts(wires)) {
        if (only !== undefined && !only.netns.includes(netnsWord(port.inner.netns) ?? '')) continue;
        loaded.delete(port.mark);
        states.delete(port.mark);
        if (files.has(basename(fileOf(port)))) await rm(fileOf(port), { force: true });
      }
    },
  };
}

function orderedOf({ mtu, inner }: VethPort): InnerRecord['ordered'] {
  return inner.mac === undefined ? { mtu } : { mtu, mac: inner.mac };
}

/** The wires that have an end in each namespace. */
export function wiresByNetns(wires: readonly Wire[]): ReadonlyMap<string, readonly Wire[]> {
  const found = new Map<string, Set<Wire>>();
  for (const wire of wires) {
    for (const { inner } of innerPorts([wire])) {
      const netns = netnsWord(inner.netns) ?? '';
      found.set(netns, (found.get(netns) ?? new Set()).add(wire));
    }
  }
  return new Map([...found].map(([netns, own]) => [netns, [...own]]));
}

/** An end in the host's own namespace belongs to people; nothing of it is put back. */
function innerPorts(wires: readonly Wire[]): readonly VethPort[] {
  return wires.flatMap(hostPortsOf).filter(isVethPort).filter((port) => port.inner.netns !== 'host');
}

async function readRecord(path: string): Promise<InnerRecord | undefined> {
  try {
    return InnerRecord.safeParse(JSON.parse(await readFile(path, 'utf8'))).data;
  } catch {
    return undefined;
  }
}
