// The parent as a program: `node controller/main.ts [--home DIR]`; ends with 3 when another parent keeps that directory.
import { parseArgs } from 'node:util';
import { pino } from 'pino';
import { makeDefaultSpecs } from './default-specs.ts';
import { runParent } from './parent.ts';
import { readVersion } from './read-version.ts';
import { signalOrders } from './signal-orders.ts';
import { resolveHome, stateDir } from './state-dir.ts';

const EXIT_CODE_HELD = 3;

const { values } = parseArgs({ options: { home: { type: 'string' } } });
const home = resolveHome({ ...process.env, ...(values.home === undefined ? {} : { LABWRIGHT_HOME: values.home }) }, process.getuid?.() ?? -1);
const dir = stateDir(home);
const log = pino({ name: 'parent' });
const version = await readVersion();
const orders = signalOrders();
try {
  const makeSpecs = (onNatsMoved: () => void) => makeDefaultSpecs({ dir, version, env: process.env, onNatsMoved });
  const end = await runParent({ dir, version, log, makeSpecs }, orders);
  if (end === 'held') log.info({ home }, 'another parent keeps this directory');
  process.exit(end === 'held' ? EXIT_CODE_HELD : 0);
} catch (err) {
  log.fatal({ err }, 'parent failed');
  process.exit(1);
}
