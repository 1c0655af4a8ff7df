// Open vSwitch: is it there, does its daemon answer, and which datapath carries its frames?
import type { ProbeSpec } from '../probe.ts';
import { reasonOf, runCommand } from '../run-command.ts';

const absent = {
  costs: 'Nodes of kind ovs-bridge and the link plane ovs cannot be used; the default plane tc is not concerned.',
  remedy: 'Install openvswitch-switch and start ovsdb-server and ovs-vswitchd.',
};

export const openVswitchProbe: ProbeSpec = {
  id: 'open-vswitch',
  title: 'Open vSwitch',
  deadlineMs: 5_000,
  ...absent,
  run: async (context) => {
    const version = await runCommand(context, 'ovs-vsctl', ['--version']);
    const number = /\) (\d+\.\d+\S*)/.exec(version.stdout)?.[1] ?? 'of unknown version';
    // --timeout also bounds the wait for ovs-vswitchd: a database alone carries no frame.
    const alive = await runCommand(context, 'ovs-appctl', ['--timeout=2', 'version']);
    if (alive.exitCode === 0) return { status: 'ok', found: `${number}, ovs-vswitchd answers` };
    return { status: 'not-effective', found: `${number} is installed, but ovs-vswitchd does not answer: ${reasonOf(alive)}`, ...absent };
  },
};

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
