// Which tunnel numbers others have on this host: VXLAN devices of the kernel without our mark, and tunnels that Open vSwitch ends itself.
import type { HostTunnels } from '../machines/vocabulary/host-facts.ts';
import type { HostId } from '../machines/vocabulary/ids.ts';
import type { DeviceRead } from './link-plane/kernel-state.ts';
import { readDevicesOfKind } from './link-plane/read-kernel-state.ts';
import type { RunTool } from './link-plane/run-tool.ts';
import { isMgmtTunnelOf } from './mgmt-network/mgmt-tunnel.ts';
import type { OvsSwitch } from './ovs-plane/ovs-switch.ts';
import { rangesOf } from './ovs-plane/read-planes.ts';
import { hostMarkPrefix } from './ownership-mark.ts';

export type TakenTunnelsQuestion = { readonly host: HostId; readonly run: RunTool; readonly ovs: Pick<OvsSwitch, 'isInstalled' | 'readTunnels'> };

/** A listing of a thousand tunnels takes tens of milliseconds; a number that is taken meanwhile is refused by the kernel, by name. */
const HOLD_MS = 30_000;

/** Reads them now and then; those of whatever UDP port, for numbers are plenty. A switch that does not answer holds none that are known. */
export function createTakenTunnelsReader({ host, run, ovs }: TakenTunnelsQuestion, now: () => number = () => performance.now()): () => Promise<HostTunnels> {
  let known: { readonly facts: HostTunnels; readonly readAt: number } | undefined;
  const read = async (): Promise<HostTunnels> => {
    const [devices, ports] = await Promise.all([readDevicesOfKind(run, 'vxlan'), ovs.isInstalled().then(async (is) => (is ? await ovs.readTunnels() : [])).catch(() => [])]);
    const vnis = [...devices.filter((device) => !isOurs(host, device)).map(({ tunnel }) => tunnel?.vni), ...ports.map(({ vni }) => vni)];
    return { usedVnis: rangesOf(vnis.flatMap((vni) => (vni === undefined || vni === 0 ? [] : [vni]))) };
  };
  return async () => {
    if (known === undefined || now() - known.readAt >= HOLD_MS) known = { facts: await read(), readAt: now() };
    return known.facts;
  };
}

function isOurs(host: HostId, { altnames, alias }: DeviceRead): boolean {
  return altnames.some((name) => name.startsWith(hostMarkPrefix(host))) || isMgmtTunnelOf(host, alias);
}
