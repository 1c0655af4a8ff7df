// Says whose tunnel has the number or the port that the kernel refused to ours.
import { LinkPlaneError } from './link-plane-error.ts';
import type { DeviceRead } from './kernel-state.ts';
import { readDevicesOfKind } from './read-kernel-state.ts';
import type { RunTool } from './run-tool.ts';
import type { VxlanPath, Wire } from './wire.ts';
import type { WireOutcome } from './wire-outcome.ts';

/** The outcomes, where those of tunnels that were refused name the device that stands in the way. Devices in other namespaces show no name here. */
export async function nameTunnelHolders(run: RunTool, wires: readonly Wire[], outcomes: ReadonlyMap<string, WireOutcome>): Promise<ReadonlyMap<string, WireOutcome>> {
  const refused = wires.flatMap((wire) => {
    const [outcome, path] = [outcomes.get(wire.id), pathOf(wire)];
    return path && outcome?.ok === false && (outcome.error.code === 'vni-taken' || outcome.error.code === 'udp-port-taken') ? [{ wire, path, outcome }] : [];
  });
  if (refused.length === 0) return outcomes;
  const devices = await readDevicesOfKind(run, 'vxlan');
  const named = refused.flatMap(({ wire, path, outcome: { error, ...rest } }): [string, WireOutcome][] => {
    const holder = devices.find((device) => isInTheWay(device, path, wire));
    if (holder === undefined) return [];
    const what = error.code === 'vni-taken' ? `VNI ${path.vni} at UDP port ${path.udpPort}` : `UDP port ${path.udpPort}`;
    return [[wire.id, { ...rest, ok: false, error: new LinkPlaneError(error.code, `${error.message}; device ${holder.name} of this host has ${what}`, { ...error.details, holder: holder.name }, error) }]];
  });
  return new Map([...outcomes, ...named]);
}

function pathOf(wire: Wire): VxlanPath | undefined {
  if (wire.kind === 'vxlan') return wire.tunnel;
  return wire.kind === 'inner-vxlan' ? wire.path : undefined;
}

/** One that takes all numbers of a port, as Open vSwitch's own does, has number 0 here. */
function isInTheWay({ name, tunnel, altnames }: DeviceRead, path: VxlanPath, wire: Wire): boolean {
  const isOwn = wire.kind === 'vxlan' && (name === wire.tunnel.device || altnames.includes(wire.tunnel.mark));
  return !isOwn && tunnel?.udpPort === path.udpPort && (tunnel.vni === path.vni || tunnel.vni === 0);
}
