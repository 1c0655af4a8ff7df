// The mark that each device and namespace of ours bears: host, lab, node and interface, spelled so that it is exact and never a prefix.
import { createHash } from 'node:crypto';
import type { HostId, NodeId } from '../machines/vocabulary/ids.ts';
import { LabId } from '../machines/vocabulary/ids.ts';
import { fromSubjectToken, subjectToken } from '../nats/subjects.ts';

const PREFIX = 'lw.';
type About = { readonly host: HostId; readonly lab: LabId };

/** The kernel takes 127 bytes as an alternative name. */
const MAX_BYTES = 127;

/** Mark of the host end of an interface of a node, or of the host itself. Names too long for the kernel keep their beginning and end in a hash. */
export function interfaceMark(about: About, owner: NodeId | 'host', interfaceName: string): string {
  const mark = `${namespaceMark(about)}.${subjectToken(owner)}.${subjectToken(interfaceName)}`;
  if (mark.length <= MAX_BYTES) return mark;
  const digest = createHash('sha256').update(mark).digest('hex').slice(0, 24);
  return `${mark.slice(0, MAX_BYTES - digest.length - 1)}~${digest}`;
}

/** Mark of a lab's namespaces. */
export function namespaceMark(about: About): string {
  return `${hostMarkPrefix(about.host)}${subjectToken(about.lab)}`;
}

/** What all marks of a host begin with: two installations on one kernel must not take each other's devices for their own. */
export function hostMarkPrefix(host: HostId): string {
  return `${PREFIX}${subjectToken(host)}.`;
}

/** The lab that a mark names; undefined when it is none of this host's, or was cut short before the lab's name ended. */
export function labOfMark(host: HostId, mark: string): LabId | undefined {
  const prefix = hostMarkPrefix(host);
  if (!mark.startsWith(prefix)) return undefined;
  const [token = ''] = mark.slice(prefix.length).split('.');
  const lab = LabId.safeParse(fromSubjectToken(token));
  return lab.success && subjectToken(lab.data) === token ? lab.data : undefined;
}
