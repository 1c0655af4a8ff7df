// Which repairs a host makes by itself: two classes, each with a switch of the lab and one of the host.
import { z } from 'zod';

/**
 * `safe`: no process and no interface of a node notices more than a gap (what joins links, carrier, MTU, rules, bridges, addresses of the host;
 * tunnels, switch ports and bridges that nobody wants go).
 * `invasive`: processes and containers are started again or made anew, interfaces are made anew; those that nobody wants go.
 */
export const RepairClass = z.enum(['safe', 'invasive']);
export type RepairClass = z.infer<typeof RepairClass>;

/** False = such repairs wait for a person; unset = as the host does. */
export const RepairSwitches = z.object({ safe: z.boolean().optional(), invasive: z.boolean().optional() });
export type RepairSwitches = z.infer<typeof RepairSwitches>;

/** Code of a failure that is left as it is because its repair is switched off. */
export const REPAIR_OFF = 'repair-off';
