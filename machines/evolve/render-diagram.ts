// A flat machine -> its Mermaid state diagram, for the documentation.
import { createActor } from 'xstate';
import type { AnyStateMachine } from 'xstate';

/** One arrow a pair of states, its events joined; arrows in the order of the machine. */
export function renderDiagram(machine: AnyStateMachine): string {
  const lines = [`stateDiagram-v2`, `  [*] --> ${name(createActor(machine).getSnapshot().value)}`];
  for (const state of Object.values(machine.states)) {
    const arrows = new Map<string, string[]>();
    for (const transition of state.transitions.values()) {
      for (const one of transition) {
        for (const target of one.target ?? [state]) {
          const label = one.guard ? `${one.eventType} [${guardName(one.guard)}]` : one.eventType;
          arrows.set(target.key, [...(arrows.get(target.key) ?? []), label]);
        }
      }
    }
    for (const [target, labels] of arrows) lines.push(`  ${name(state.key)} --> ${name(target)}: ${[...new Set(labels)].join(', ')}`);
  }
  return `${lines.join('\n')}\n`;
}

const name = (state: string): string => state.replaceAll('-', '_');
const guardName = (guard: unknown): string => (typeof guard === 'string' ? guard : 'guard');
