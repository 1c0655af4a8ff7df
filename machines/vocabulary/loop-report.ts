// How a loop of a process does, as it is told with each sign of life, and what of it is a problem.
import { z } from 'zod';

export const LoopReport = z.object({
  name: z.string(),
  runs: z.number().int(), failures: z.number().int(),
  /** Failures since the last success. */
  failing: z.number().int().default(0),
  /** Since its last success; of a loop that runs when there is something to do, how long its oldest round has been under way. */
  ageMs: z.number(),
  /** It had no success in twice its time, or failed twice in a row. */
  late: z.boolean(),
});
export type LoopReport = z.infer<typeof LoopReport>;

/** In words that stay the same while it lasts; undefined when all is well. */
export const loopProblem = ({ name, late, failing }: LoopReport): string | undefined => (late ? `its loop "${name}" ${failing > 1 ? 'fails again and again' : 'is overdue'}` : undefined);
