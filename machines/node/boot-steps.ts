// What a node goes through after its process started: stages, the waits between them, and the commands at their borders.
import type { NodeSpec, Stage, StageExec, StageName } from '../vocabulary/lab-spec.ts';

export type ExecCommand = Pick<StageExec, 'command' | 'target'>;

export type BootStep =
  | { readonly kind: 'exec'; readonly commands: readonly ExecCommand[] }
  /** Wait for other nodes to finish the stages that the file names. */
  | { readonly kind: 'gate'; readonly waitFor: Stage['waitFor'] }
  | { readonly kind: 'links' }
  | { readonly kind: 'healthy' }
  | { readonly kind: 'done'; readonly stage: StageName };

/**
 * Steps in order; empty ones are left out. Health is waited for only where the file gives the stage something to do or
 * another node waits for it (`healthAwaited`), so that a slow health check does not hold up a deploy.
 * Source: containerlab stages create, create-links, configure, healthy, exit.
 */
export function bootSteps(spec: NodeSpec, options: { healthAwaited: boolean }): BootStep[] {
  const steps: BootStep[] = [];
  const exec = (commands: readonly ExecCommand[]) => {
    if (commands.length > 0) steps.push({ kind: 'exec', commands });
  };
  const enter = (name: StageName) => {
    const stage = spec.stages[name];
    if (stage && stage.waitFor.length > 0 && name !== 'create') steps.push({ kind: 'gate', waitFor: stage.waitFor });
    exec(atBorder(stage, 'on-enter'));
  };
  const leave = (name: StageName) => {
    exec(atBorder(spec.stages[name], 'on-exit'));
    steps.push({ kind: 'done', stage: name });
  };
  enter('create');
  leave('create');
  enter('create-links');
  steps.push({ kind: 'links' });
  leave('create-links');
  enter('configure');
  exec(spec.exec.map((command) => ({ command, target: 'container' as const })));
  leave('configure');
  enter('healthy');
  if (spec.healthcheck && (options.healthAwaited || spec.stages.healthy)) steps.push({ kind: 'healthy' });
  leave('healthy');
  return steps;
}

function atBorder(stage: Stage | undefined, phase: StageExec['phase']): ExecCommand[] {
  return (stage?.exec ?? []).filter((exec) => exec.phase === phase).map(({ command, target }) => ({ command, target }));
}
