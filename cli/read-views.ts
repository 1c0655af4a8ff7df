// Reads the labs that a command means as they are now; none is no error.
import type { LabView } from '../machines/vocabulary/lab-view.ts';
import { withSession } from './context.ts';
import type { Context } from './context.ts';
import { CliError, EXIT } from './exit-code.ts';
import { withLab } from './find-lab.ts';
import { inspectIfThere } from './lab-exists.ts';

/** The lab named by the options, or all labs. Empty where there is none, also where no controller ever ran. */
export async function readViews(context: Context, options: { all: boolean }): Promise<LabView[]> {
  const views: LabView[] = [];
  try {
    if (options.all) {
      await withSession(context, { start: 'never' }, async ({ ops }) => {
        const { labs } = await ops.request('list', { destroyed: false });
        const found = await Promise.all(labs.map(async ({ lab }) => await inspectIfThere(ops, lab)));
        views.push(...found.filter((view) => view !== undefined));
        return EXIT.ok;
      });
    } else {
      await withLab(context, { start: 'never' }, async ({ ops }, lab) => {
        const view = await inspectIfThere(ops, lab);
        if (view) views.push(view);
        return EXIT.ok;
      });
    }
  } catch (error) {
    if (!(error instanceof CliError) || error.code !== 'never-started') throw error;
  }
  return views;
}
