// The parent as a program: signals in, exit code out, last words in plain text.
import { runParent } from './parent.ts';
import type { ParentOptions } from './parent.ts';
import { signalOrders } from './signal-orders.ts';

/** Exit code of a parent that found another one at work. */
export const EXIT_CODE_HELD = 3;

/** Runs the parent until a signal ends it; never throws. */
export const runParentProgram = async (options: ParentOptions): Promise<number> => {
  const orders = signalOrders();
  try {
    const end = await runParent(options, orders);
    if (end === 'held') options.log.info({ home: options.dir.home }, 'another parent keeps this directory');
    return end === 'held' ? EXIT_CODE_HELD : 0;
  } catch (err) {
    options.log.fatal({ err }, 'parent failed');
    // Whoever started us shows the last lines to a person.
    process.stderr.write(`${err instanceof Error ? err.message : String(err)}\n`);
    return 1;
  }
};
