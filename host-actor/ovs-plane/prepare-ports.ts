// What a port needs around it before it may be on a switch: no redirect of another plane, a deaf host, and checksums that are really there.
import type { PortOnSwitch } from '../link-plane/cross-connect.ts';
import { computeChecksums } from '../link-plane/compute-checksums.ts';
import { runBatch } from '../link-plane/run-batch.ts';
import type { RunTool } from '../link-plane/run-tool.ts';

/** A userspace switch sees copies of frames, and the host still gets the originals: it would answer ARP for its own addresses
 *  right into the lab (seen). So they are dropped after the copy is taken. cls_bpf, since not every kernel has the action `drop`. */
const GUARD_PREF = 20;
const DROP_ALL = "bpf da bytecode '1,6 0 0 2,'";
/** Preferences of the redirects of plane tc, which a leg may have been on before: whoever sends probes back proves that it lives. */
const REDIRECT_PREF = 10;
const REFLECT_PREF = 2;

/** Ports of a kernel datapath: frames reach the switch after tc, so nothing of tc may take them.
 *  Ports of a userspace datapath: see above, and their nodes compute checksums, for a copy carries none that is right.
 *  @throws {LinkPlaneError} `kernel-lacks` where ethtool is missing */
export async function preparePorts(run: RunTool, ports: readonly PortOnSwitch[], datapath: 'system' | 'netdev'): Promise<void> {
  const reflecting = ports.flatMap(({ device, switchPort }) => (switchPort.echo ? [`filter del dev ${device} ingress pref ${REFLECT_PREF}`] : []));
  const lines = ports.flatMap(({ device, switchPort }) => (datapath === 'netdev' ? guardLines(device) : [`filter del dev ${device} ingress pref ${REDIRECT_PREF}`, ...(switchPort.echo ? [] : [`filter del dev ${device} ingress pref ${GUARD_PREF}`])]));
  await Promise.all([
    runBatch(run, 'tc', [...lines, ...reflecting].map((text) => ({ owner: '', text, mayFail: true }))),
    datapath === 'netdev' ? computeChecksums(run, ports.flatMap(({ inner }) => inner ?? [])) : undefined,
    datapath === 'netdev' ? keepFramesWhole(run, ports.flatMap(({ inner, device }) => (inner ? [] : [device]))) : undefined,
  ]);
}

function guardLines(device: string): readonly string[] {
  return [
    `qdisc replace dev ${device} clsact`,
    `filter del dev ${device} ingress pref ${REDIRECT_PREF}`,
    `filter replace dev ${device} ingress protocol all pref ${GUARD_PREF} handle 1 ${DROP_ALL}`,
  ];
}

/** The kernel puts frames that come out of a tunnel together to larger ones, which a userspace switch cannot send on. */
async function keepFramesWhole(run: RunTool, tunnels: readonly string[]): Promise<void> {
  if (tunnels.length > 0) await run({ program: 'sh', args: [], stdin: tunnels.map((device) => `ethtool -K ${device} gro off\n`).join('') });
}

/** Datapath that this host can have: the kernel's where it has one. Asking for it loads its module. */
export async function findDatapath(run: RunTool): Promise<'system' | 'netdev'> {
  const { exitCode } = await run({ program: 'ovs-dpctl', args: ['dump-dps'] }).catch(() => ({ exitCode: 127 }));
  return exitCode === 0 ? 'system' : 'netdev';
}
