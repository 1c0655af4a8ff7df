// The mark that each device and namespace of ours bears: lab, node and interface, spelled so that it is exact and never a prefix.
import { createHash } from 'node:crypto';
import type { LabId, NodeId } from '../machines/vocabulary/ids.ts';
import { subjectToken } from '../nats/subjects.ts';

/** What all marks begin with. */
export const MARK_PREFIX = 'lw.';
/** The kernel takes 127 bytes as an alternative name. */
const MAX_BYTES = 127;

/** Mark of the host end of an interface of a node, or of the host itself. Names too long for the kernel keep their beginning and end in a hash. */
export function interfaceMark(lab: LabId, owner: NodeId | 'host', interfaceName: string): string {
  const mark = `${MARK_PREFIX}${subjectToken(lab)}.${subjectToken(owner)}.${subjectToken(interfaceName)}`;
  if (mark.length <= MAX_BYTES) return mark;
  const digest = createHash('sha256').update(mark).digest('hex').slice(0, 24);
  return `${mark.slice(0, MAX_BYTES - digest.length - 1)}~${digest}`;
}

/** Mark of a lab's namespaces. */
export function namespaceMark(lab: LabId): string {
  return `${MARK_PREFIX}${subjectToken(lab)}`;
}

/** The token of the lab in a mark, or undefined when it is none of ours. */
export function labTokenOf(mark: string): string | undefined {
  return mark.startsWith(MARK_PREFIX) ? mark.slice(MARK_PREFIX.length).split('.')[0] : undefined;
}
