// The fingerprint by itself: `node host-actor/fingerprint/main.ts [--json] [id ...]`.
import { parseArgs } from 'node:util';
import { readFingerprint } from './read-fingerprint.ts';
import { renderFingerprintTable, summariseFingerprint } from './render-fingerprint.ts';

const { values, positionals } = parseArgs({ allowPositionals: true, options: { json: { type: 'boolean', default: false } } });
const probes = await readFingerprint({
  stateDir: process.env['LABWRIGHT_HOME'] ?? '/var/lib/labwright',
  ...(positionals.length === 0 ? {} : { only: positionals }),
});
const lines = values.json ? [JSON.stringify(probes, undefined, 2)] : [...renderFingerprintTable(probes, { colour: process.stdout.isTTY }), summariseFingerprint(probes)];
process.stdout.write(`${lines.join('\n')}\n`);
