// What lab files name and hosts may lack; a host is asked about what a lab names, and tells nothing else of what it has.
import { z } from 'zod';

const names = z.array(z.string().min(1)).max(10_000);

export const HostThings = z.object({
  /** Images that may not be pulled. */
  images: names,
  /** Paths below `/dev`. */
  devices: names,
  /** Linux bridges in the host's own namespace. */
  bridges: names,
});
export type HostThings = z.infer<typeof HostThings>;

export const NO_THINGS: HostThings = { images: [], devices: [], bridges: [] };
