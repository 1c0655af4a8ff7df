// Which link planes a host can be ordered to use, how many ports each carries, and what others have on a bridge that is shared.
import type { HostSwitch } from '../../machines/vocabulary/host-facts.ts';
import type { PlaneName } from '../link-plane/wire.ts';
import type { OvsSwitch } from './ovs-switch.ts';

/** `planes`: the host's own choice first. `planePorts`: limits, where there are any; without it a plane takes what comes. */
export type PlaneFacts = { readonly planes: PlaneName[]; readonly planePorts?: Record<string, number>; readonly ovs?: HostSwitch };

/** Plane tc is always there; plane ovs where its database answers. @param sharedBridge - of Open vSwitch, where links are on one that others use too */
export async function readPlanes(ovs: Pick<OvsSwitch, 'capacity' | 'isInstalled' | 'readPorts' | 'readVlans'>, own: PlaneName, sharedBridge?: string): Promise<PlaneFacts> {
  const capacity = (await ovs.isInstalled()) ? await ovs.capacity().catch(() => undefined) : undefined;
  const foreign = capacity === undefined || sharedBridge === undefined ? 0 : capacity.usedPorts - (await ovs.readPorts().catch(() => [])).length;
  const others: PlaneName[] = own === 'ovs' ? ['tc'] : capacity === undefined ? [] : ['ovs'];
  const shared = sharedBridge === undefined ? {} : { sharedBridge, ...(capacity === undefined ? {} : { usedVlans: rangesOf(await ovs.readVlans().catch(() => [])) }) };
  const facts: HostSwitch = { ...shared, ...(capacity === undefined ? {} : { datapath: capacity.datapath }) };
  return { planes: [own, ...others], ...(capacity === undefined ? {} : { planePorts: { ovs: Math.max(1, capacity.maxPorts - foreign) } }), ...(Object.keys(facts).length === 0 ? {} : { ovs: facts }) };
}

/** Thousands of VLANs fit a sign of life as ranges. */
export function rangesOf(numbers: readonly number[]): [number, number][] {
  const ranges: [number, number][] = [];
  for (const number of [...new Set(numbers)].toSorted((a, b) => a - b)) {
    const last = ranges.at(-1);
    if (last !== undefined && last[1] === number - 1) last[1] = number;
    else ranges.push([number, number]);
  }
  return ranges;
}
