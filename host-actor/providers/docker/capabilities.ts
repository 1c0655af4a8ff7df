// Which capabilities a node's container gets, and whether this host has them to give. Pure.
import type { NodeSpec } from '../../../machines/vocabulary/lab-spec.ts';

/** What routers and switches in containers need beyond the engine's default set: FRR's zebra drops to NET_ADMIN, NET_RAW and
 *  SYS_ADMIN and ends without one of them; `ip netns`, `ip vrf exec` and mounts need SYS_ADMIN. Source: FRR zebra privileges. */
const networkNode: readonly string[] = ['NET_ADMIN', 'NET_RAW', 'SYS_ADMIN'];

/** Numbers of capabilities in the kernel's masks. Source: include/uapi/linux/capability.h. */
const capabilityNames: readonly string[] = [
  'CHOWN', 'DAC_OVERRIDE', 'DAC_READ_SEARCH', 'FOWNER', 'FSETID', 'KILL', 'SETGID', 'SETUID', 'SETPCAP', 'LINUX_IMMUTABLE',
  'NET_BIND_SERVICE', 'NET_BROADCAST', 'NET_ADMIN', 'NET_RAW', 'IPC_LOCK', 'IPC_OWNER', 'SYS_MODULE', 'SYS_RAWIO', 'SYS_CHROOT',
  'SYS_PTRACE', 'SYS_PACCT', 'SYS_ADMIN', 'SYS_BOOT', 'SYS_NICE', 'SYS_RESOURCE', 'SYS_TIME', 'SYS_TTY_CONFIG', 'MKNOD', 'LEASE',
  'AUDIT_WRITE', 'AUDIT_CONTROL', 'SETFCAP', 'MAC_OVERRIDE', 'MAC_ADMIN', 'SYSLOG', 'WAKE_ALARM', 'BLOCK_SUSPEND', 'AUDIT_READ',
  'PERFMON', 'BPF', 'CHECKPOINT_RESTORE',
];

/** Capabilities to add for a node, without the `CAP_` in front, sorted. */
export function addedCapabilities(spec: Pick<NodeSpec, 'capAdd' | 'privileged'>): readonly string[] {
  if (spec.privileged) return [];
  return [...new Set([...networkNode, ...spec.capAdd.map(bareName)])].toSorted();
}

/** Capabilities that the kernel knows and this host cannot give, by name.
 *  @param boundingSet - `CapBnd` of /proc/self/status, hexadecimal.
 *  @param lastCapability - /proc/sys/kernel/cap_last_cap. */
export function missingCapabilities(boundingSet: string, lastCapability: number): readonly string[] {
  const mask = BigInt(`0x${boundingSet}`);
  const numbers = Array.from({ length: lastCapability + 1 }, (_unused, number) => number);
  return numbers.filter((number) => (mask & (1n << BigInt(number))) === 0n).map((number) => capabilityNames[number] ?? String(number));
}

/** What the node asks for and this host cannot give; empty where all is well. */
export function impossibleCapabilities(spec: Pick<NodeSpec, 'capAdd' | 'privileged'>, missing: readonly string[]): readonly string[] {
  if (spec.privileged || spec.capAdd.some((name) => bareName(name) === 'ALL')) return missing;
  return addedCapabilities(spec).filter((name) => missing.includes(name));
}

function bareName(name: string): string {
  return name.toUpperCase().replace(/^CAP_/, '');
}
