// Stages of a node merged over its layers, and the check that no node waits for itself in a circle.
import type { z } from 'zod';
import type { Stage } from '../machines/vocabulary/lab-spec.ts';
import { fault, warning } from './issue.ts';
import type { Layer } from './layers.ts';
import type { Reading } from './reading.ts';
import { replaceMagic } from './reading.ts';

/** The stages of a start, in their order. */
export const stageOrder = ['create', 'create-links', 'configure', 'healthy', 'exit'] as const;
export type StageWord = (typeof stageOrder)[number];
type StageInput = z.input<typeof Stage>;
export type Stages = Partial<Record<StageWord, StageInput>>;

/** Merges stages: waits and commands of all layers are joined, general to specific; the same wait counts once. */
export function resolveStages(layers: readonly Layer[], node: string, nodes: readonly string[], reading: Reading): Stages {
  const stages: Stages = {};
  for (const layer of layers) {
    for (const name of stageOrder) {
      const given = layer.keys.stages?.[name];
      if (given === undefined) continue;
      const stage = (stages[name] ??= { waitFor: [], exec: [] });
      const path = `${layer.path}.stages.${name}`;
      for (const [index, wait] of (given['wait-for'] ?? []).entries()) {
        if (!isKnown(wait.node, node, nodes, `${path}.wait-for[${index}]`, reading)) continue;
        const stageName = wait.stage ?? 'create';
        if (!stage.waitFor.some((known) => known.node === wait.node && known.stage === stageName)) stage.waitFor.push({ node: wait.node, stage: stageName });
      }
      for (const exec of given.exec ?? []) {
        stage.exec.push({ command: replaceMagic(exec.command, reading, node), phase: exec.phase ?? 'on-enter', target: exec.target ?? 'container' });
      }
    }
  }
  return stages;
}

function isKnown(target: string, node: string, nodes: readonly string[], path: string, reading: Reading): boolean {
  if (nodes.includes(target)) return true;
  if (target !== '') reading.report(fault('wait-for-unknown', path, `node ${node} waits for ${JSON.stringify(target)}, which is no node of this lab`));
  return false;
}

/** What the circle check needs of a node. */
export type Waiter = { id: string; stages: Stages; sharesWith?: string };

/**
 * Finds nodes that wait for each other in a circle. A stage begins after the one before it ended and after all its
 * waits; a node in another node's network namespace is created after that node.
 */
export function findWaitCircles(waiters: readonly Waiter[]): string[][] {
  const known = new Set(waiters.map((waiter) => waiter.id));
  const needs = new Map<string, string[]>();
  for (const waiter of waiters) {
    for (const [index, stage] of stageOrder.entries()) {
      const before = index === 0 ? [] : [`${waiter.id}/${stageOrder[index - 1] ?? ''}`];
      const waits = (waiter.stages[stage]?.waitFor ?? []).filter((wait) => known.has(wait.node)).map((wait) => `${wait.node}/${wait.stage}`);
      const shared = index === 0 && waiter.sharesWith !== undefined && known.has(waiter.sharesWith) ? [`${waiter.sharesWith}/create`] : [];
      needs.set(`${waiter.id}/${stage}`, [...before, ...waits, ...shared]);
    }
  }
  return circlesOf(needs);
}

// Depth first without recursion: a lab may chain thousands of waits.
function circlesOf(needs: ReadonlyMap<string, readonly string[]>): string[][] {
  const done = new Set<string>();
  const circles: string[][] = [];
  for (const start of needs.keys()) {
    const path: { at: string; next: number }[] = done.has(start) ? [] : [{ at: start, next: 0 }];
    const onPath = new Set(path.map((step) => step.at));
    for (let step = path.at(-1); step !== undefined; step = path.at(-1)) {
      const target = needs.get(step.at)?.[step.next];
      step.next += 1;
      if (target === undefined) {
        done.add(step.at);
        onPath.delete(step.at);
        path.pop();
      } else if (onPath.has(target)) circles.push([...path.slice(path.findIndex(({ at }) => at === target)).map(({ at }) => at), target]);
      else if (!done.has(target)) {
        path.push({ at: target, next: 0 });
        onPath.add(target);
      }
    }
  }
  return circles;
}

/** Warns about a health wait that can never end: the awaited node has no health check of its own in the file. */
export function warnHealthWaits(waiters: readonly Waiter[], hasHealthcheck: (node: string) => boolean, reading: Reading): void {
  for (const waiter of waiters) {
    for (const stage of stageOrder) {
      for (const wait of waiter.stages[stage]?.waitFor ?? []) {
        if (wait.stage === 'healthy' && !hasHealthcheck(wait.node)) {
          reading.report(warning('wait-for-health', `topology.nodes.${waiter.id}.stages.${stage}.wait-for`, `node ${waiter.id} waits until ${wait.node} is healthy, but the file gives ${wait.node} no healthcheck`, { hint: 'unless its image brings one, the wait ends only by its deadline' }));
        }
      }
    }
  }
}
