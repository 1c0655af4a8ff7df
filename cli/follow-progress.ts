// Shows how a lab comes along while a command waits for it: redrawn lines on a terminal, plain log records elsewhere.
import type { LabView, LinkView, NodeView } from '../machines/vocabulary/lab-view.ts';
import { renderProgress } from './output/progress.ts';
import type { Terminal } from './terminal.ts';

const REDRAW_MS = 80;

export type Progress = {
  show(view: LabView): void;
  /** Leaves nothing of the redrawn lines behind. */
  end(): void;
};

/** @param before - the lab as it was before the wish; what is as it was is not told. */
export function openProgress(terminal: Terminal, before: LabView | undefined): Progress {
  return terminal.isInteractive ? liveProgress(terminal) : plainProgress(terminal, before);
}

function liveProgress(terminal: Terminal): Progress {
  let drawn = 0;
  let drawnAt = 0;
  const wipe = () => {
    if (drawn > 0) terminal.err(`\u001b[${drawn}A\u001b[0J`);
    drawn = 0;
  };
  return {
    show(view) {
      if (performance.now() - drawnAt < REDRAW_MS) return;
      const lines = renderProgress(view, { columns: terminal.columns, rows: 12 });
      wipe();
      terminal.err(`${lines.join('\n')}\n`);
      drawn = lines.length;
      drawnAt = performance.now();
    },
    end: wipe,
  };
}

/** One record for each node and link when it comes up or fails (which may be tried again: what failed for good is told at the end). */
function plainProgress(terminal: Terminal, before: LabView | undefined): Progress {
  let nodes = nodeStates(before);
  let links = linkStates(before);
  return {
    show(view) {
      for (const node of view.nodes) if (nodes.get(node.node) !== node.state) logNode(terminal, node);
      for (const link of view.links) if (links.get(link.link) !== link.state) logLink(terminal, link);
      nodes = nodeStates(view);
      links = linkStates(view);
    },
    end: () => undefined,
  };
}

const nodeStates = (view: LabView | undefined): Map<string, string> => new Map((view?.nodes ?? []).map((node) => [node.node, node.state]));
const linkStates = (view: LabView | undefined): Map<string, string> => new Map((view?.links ?? []).map((link) => [link.link, link.state]));

function logNode(terminal: Terminal, node: NodeView): void {
  if (node.state === 'running') terminal.log('INFO', 'Node is running', { node: node.node, name: node.containerName });
  else if (node.state === 'failed') terminal.log('WARN', 'Node failed', { node: node.node, reason: node.failure?.message ?? 'unknown' });
  else terminal.log('DEBU', `Node is ${node.state}`, { node: node.node });
}

function logLink(terminal: Terminal, link: LinkView): void {
  if (link.state === 'up') terminal.log('INFO', 'Link is up', { a: link.a.label, b: link.b.label });
  else if (link.state === 'failed') terminal.log('WARN', 'Link failed', { link: link.link, reason: link.failure?.message ?? link.reason });
  else terminal.log('DEBU', `Link is ${link.state}`, { link: link.link });
}
