// Which link planes a host can be ordered to use, and how many ports each carries.
import type { PlaneName } from '../link-plane/wire.ts';
import type { OvsSwitch } from './ovs-switch.ts';

/** `planes`: the host's own choice first. `planePorts`: limits, where there are any; without it a plane takes what comes. */
export type PlaneFacts = { readonly planes: PlaneName[]; readonly planePorts?: Record<string, number> };

/** Plane tc is always there; plane ovs where its database answers. */
export async function readPlanes(ovs: Pick<OvsSwitch, 'capacity' | 'isInstalled'>, own: PlaneName): Promise<PlaneFacts> {
  const capacity = (await ovs.isInstalled()) ? await ovs.capacity().catch(() => undefined) : undefined;
  const others: PlaneName[] = own === 'ovs' ? ['tc'] : capacity === undefined ? [] : ['ovs'];
  return { planes: [own, ...others], ...(capacity === undefined ? {} : { planePorts: { ovs: capacity.maxPorts } }) };
}
