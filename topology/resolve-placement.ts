// The `placement` section of a lab file: how nodes are laid out over hosts, and what becomes of those of a lost host.
import type { PlacementSettings } from '../machines/vocabulary/placement.ts';
import { parseDurationMs } from './duration.ts';
import type { Report } from './issue.ts';
import { fault } from './issue.ts';
import type { PlacementFile } from './lab-file-schema.ts';

/** Settings with their defaults; undefined when the file has no such section. */
export function resolvePlacement(file: PlacementFile | undefined, report: Report): PlacementSettings | undefined {
  if (file === undefined) return undefined;
  return { policy: file.policy ?? 'pack', ...(file.plane === undefined ? {} : { plane: file.plane }), onLostHost: onLostHost(file['on-lost-host'], report) };
}

function onLostHost(given: string | undefined, report: Report): PlacementSettings['onLostHost'] {
  if (given === undefined || given.trim() === '' || given.trim() === 'wait') return 'wait';
  const ms = parseDurationMs(given);
  if (ms !== undefined) return { moveAfterSeconds: ms / 1000 };
  report(fault('placement-invalid', 'placement.on-lost-host', 'this is neither wait nor a time', { expected: 'wait, or a time such as 10m or 1h30m', got: JSON.stringify(given), hint: 'write wait to leave the nodes of a lost host where they are' }));
  return 'wait';
}
