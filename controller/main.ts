// The parent: `node controller/main.ts [--home DIR]`; ends with 3 when another parent keeps that directory.
import { parseArgs } from 'node:util';
import { pino } from 'pino';
import { LOG_REDACTION } from '../nats/log-redaction.ts';
import { makeDefaultSpecs } from './default-specs.ts';
import { runParentProgram } from './parent-program.ts';
import { readVersion } from './read-version.ts';
import { resolveHome, stateDir } from './state-dir.ts';

const { values } = parseArgs({ options: { home: { type: 'string' } } });
const home = resolveHome({ ...process.env, ...(values.home === undefined ? {} : { LABWRIGHT_HOME: values.home }) }, process.getuid?.() ?? -1);
const dir = stateDir(home);
const version = await readVersion();
const exitCode = await runParentProgram({
  dir,
  version,
  log: pino({ name: 'parent', redact: LOG_REDACTION }),
  makeSpecs: (onNatsMoved) => makeDefaultSpecs({ dir, version, env: process.env, onNatsMoved }),
});
process.exit(exitCode);
