// Runs probes a few at a time, each within its deadline; whatever happens, each gives a finding.
import { ProgramMissingError } from './run-command.ts';
import type { Finding, Probe, ProbeContext, ProbeSpec } from './probe.ts';

/** Debian package of a program that probes need. */
const PACKAGE_OF: Readonly<Record<string, string>> = {
  ip: 'iproute2',
  tc: 'iproute2',
  nft: 'nftables',
  ping: 'iputils-ping',
  unshare: 'util-linux',
  sh: 'dash',
  'qemu-system-x86_64': 'qemu-system-x86',
  'ovs-vsctl': 'openvswitch-switch',
  'ovs-appctl': 'openvswitch-common',
  'ovs-dpctl': 'openvswitch-switch',
};

/** All findings in the order of the specs; never rejects. */
export const runProbes = async (specs: readonly ProbeSpec[], context: Omit<ProbeContext, 'signal'>, atOnce: number): Promise<Probe[]> => {
  const probes: Probe[] = [];
  const queue = specs.entries();
  const work = async (): Promise<void> => {
    for (const [index, spec] of queue) probes[index] = { id: spec.id, title: spec.title, ...(await runProbe(spec, context)) };
  };
  await Promise.all(Array.from({ length: atOnce }, work));
  return probes;
};

const runProbe = async (spec: ProbeSpec, context: Omit<ProbeContext, 'signal'>): Promise<Finding> => {
  const { costs, remedy } = spec;
  const deadline = new AbortController();
  const late: Finding = { status: 'not-effective', found: `no answer within ${spec.deadlineMs / 1_000} s`, costs, remedy };
  let timer: NodeJS.Timeout | undefined;
  const untilLate = new Promise<Finding>((resolve) => {
    timer = setTimeout(() => {
      deadline.abort();
      resolve(late);
    }, spec.deadlineMs);
  });
  try {
    return await Promise.race([spec.run({ ...context, signal: deadline.signal }), untilLate]);
  } catch (error) {
    if (deadline.signal.aborted) return late;
    if (error instanceof ProgramMissingError) {
      const name = PACKAGE_OF[error.program] ?? error.program;
      return { status: 'missing', found: error.message, costs, remedy: `Install ${name}, which brings ${error.program}.` };
    }
    return { status: 'not-effective', found: error instanceof Error ? error.message : String(error), costs, remedy };
  } finally {
    clearTimeout(timer);
  }
};
