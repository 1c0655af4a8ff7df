// Prints the table of nodes as the terminal wants it: paths as the user would type them, states in colour.
import { relative } from 'node:path';
import type { LabView } from '../../machines/vocabulary/lab-view.ts';
import type { Terminal } from '../terminal.ts';
import { renderNodeTable } from './node-table.ts';

export function printNodes(labs: readonly LabView[], terminal: Terminal, options: { withLab?: boolean; withOwner?: boolean } = {}): void {
  terminal.out(renderNodeTable(labs, {
    withLab: options.withLab ?? false,
    withOwner: options.withOwner ?? false,
    showPath: shortPath,
    paintState: (state) => paintState(terminal, state),
  }));
}

/** The shorter of the absolute path and the one from the working folder. */
export function shortPath(path: string): string {
  const near = relative(process.cwd(), path);
  return near.length > 0 && near.length < path.length ? near : path;
}

/** Green for what is well, red for what failed, yellow for what is under way. */
export function paintState(terminal: Terminal, state: string): string {
  if (['running', 'up', 'ok', 'healthy', 'joined'].includes(state)) return terminal.paint('green', state);
  if (['failed', 'dead', 'down', 'missing', 'degraded', 'lost', 'unhealthy'].includes(state)) return terminal.paint('red', state);
  return terminal.paint('yellow', state);
}
