// Open vSwitch: is it there, does its daemon answer, and which datapath carries its frames?
import { renderVlans, VlanRanges } from '../../../machines/vocabulary/vlan-ranges.ts';
import type { ProbeContext, ProbeSpec } from '../probe.ts';
import { reasonOf, runCommand } from '../run-command.ts';

const absent = {
  costs: 'Nodes of kind ovs-bridge and the link plane ovs cannot be used; the default plane tc is not concerned.',
  remedy: 'Install openvswitch-switch and start ovsdb-server and ovs-vswitchd.',
};

const wrongVlans = {
  costs: 'The host-actor does not start with this setting.',
  remedy: 'Name the bridge and the VLANs, e.g. LABWRIGHT_OVS_SHARED_BRIDGE=br0 LABWRIGHT_OVS_VLANS=100-399, or neither.',
};

export const openVswitchProbe: ProbeSpec = {
  id: 'open-vswitch',
  title: 'Open vSwitch',
  deadlineMs: 5_000,
  ...absent,
  run: async (context) => {
    const shared = readShared(context.env);
    if (shared.fault !== undefined) return { status: 'not-effective', found: `LABWRIGHT_OVS_VLANS: ${shared.fault}`, ...wrongVlans };
    const version = await runCommand(context, 'ovs-vsctl', ['--version']);
    const number = /\) (\d+\.\d+\S*)/.exec(version.stdout)?.[1] ?? 'of unknown version';
    // --timeout also bounds the wait for ovs-vswitchd: a database alone carries no frame.
    const alive = await runCommand(context, 'ovs-appctl', ['--timeout=2', 'version']);
    if (alive.exitCode === 0) return { status: 'ok', found: `${number}, ovs-vswitchd answers${shared.words}` };
    return { status: 'not-effective', found: `${number} is installed, but ovs-vswitchd does not answer: ${reasonOf(alive)}`, ...absent };
  },
};

/** Which bridge links share with others, and which VLANs they may take there; the same judgement as the host-actor's. */
function readShared({ LABWRIGHT_OVS_SHARED_BRIDGE: bridge, LABWRIGHT_OVS_VLANS: text }: ProbeContext['env']): { words: string; fault?: string } {
  if (text === undefined) return { words: bridge === undefined ? '' : `; links share bridge ${bridge} and take VLANs that nobody has, from 4094 down` };
  const vlans = VlanRanges.safeParse(text);
  if (!vlans.success) return { words: '', fault: vlans.error.issues.map(({ message }) => message).join('; ') };
  if (bridge === undefined) return { words: '', fault: 'LABWRIGHT_OVS_SHARED_BRIDGE names no bridge that they are of' };
  return { words: `; links share bridge ${bridge} and take VLANs of ${renderVlans(vlans.data)}` };
}

const slow = {
  costs: 'Links of plane ovs use the userspace datapath: more latency, work that grows with the square of the ports, and checksums that nodes must compute.',
  remedy: 'modprobe openvswitch, or use a kernel that has it; or stay with the default plane tc.',
};

export const ovsDatapathProbe: ProbeSpec = {
  id: 'ovs-datapath',
  title: 'Open vSwitch datapath',
  deadlineMs: 3_000,
  ...slow,
  run: async (context) => {
    // Asking for the kernel's datapaths loads the module where it can be loaded.
    const kernel = await runCommand(context, 'ovs-dpctl', ['dump-dps']);
    if (kernel.exitCode === 0) return { status: 'ok', found: 'kernel' };
    return { status: 'missing', found: 'userspace only: the kernel has no module openvswitch', ...slow };
  },
};
