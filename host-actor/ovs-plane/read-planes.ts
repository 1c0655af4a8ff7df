// Which link planes a host can be ordered to use, how many ports each carries, and what others have on a bridge that is shared.
import type { HostSwitch } from '../../machines/vocabulary/host-facts.ts';
import type { PlaneName } from '../link-plane/wire.ts';
import type { OvsSwitch } from './ovs-switch.ts';
import type { VlanRange } from '../../machines/vocabulary/vlan-ranges.ts';

/** `planes`: the host's own choice first. `planePorts`: limits, where there are any; without it a plane takes what comes. */
export type PlaneFacts = { readonly planes: PlaneName[]; readonly planePorts?: Record<string, number>; readonly ovs?: HostSwitch };

/** A bridge of Open vSwitch that others use too, and which of its VLANs links may take: all where unset. */
export type SharedBridge = { readonly name: string; readonly vlans: readonly VlanRange[] | undefined };

/** Plane tc is always there; plane ovs where its database answers. */
export async function readPlanes(ovs: Pick<OvsSwitch, 'capacity' | 'isInstalled' | 'readPorts' | 'readVlans'>, own: PlaneName, bridge?: SharedBridge): Promise<PlaneFacts> {
  const capacity = (await ovs.isInstalled()) ? await ovs.capacity().catch(() => undefined) : undefined;
  const foreign = capacity === undefined || bridge === undefined ? 0 : capacity.usedPorts - (await ovs.readPorts().catch(() => [])).length;
  const others: PlaneName[] = own === 'ovs' ? ['tc'] : capacity === undefined ? [] : ['ovs'];
  const used = capacity === undefined || bridge === undefined ? {} : { usedVlans: rangesOf(await ovs.readVlans().catch(() => [])) };
  const shared = bridge === undefined ? {} : { sharedBridge: bridge.name, ...(bridge.vlans === undefined ? {} : { vlans: [...bridge.vlans] }), ...used };
  const facts: HostSwitch = { ...shared, ...(capacity === undefined ? {} : { datapath: capacity.datapath }) };
  return { planes: [own, ...others], ...(capacity === undefined ? {} : { planePorts: { ovs: Math.max(1, capacity.maxPorts - foreign) } }), ...(Object.keys(facts).length === 0 ? {} : { ovs: facts }) };
}

/** Thousands of VLANs fit a sign of life as ranges. */
export function rangesOf(numbers: readonly number[]): VlanRange[] {
  const ranges: VlanRange[] = [];
  for (const number of [...new Set(numbers)].toSorted((a, b) => a - b)) {
    const last = ranges.at(-1);
    if (last !== undefined && last[1] === number - 1) last[1] = number;
    else ranges.push([number, number]);
  }
  return ranges;
}
