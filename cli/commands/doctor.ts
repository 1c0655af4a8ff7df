// doctor: what this machine can and cannot do for labs, and what to do about it; needs no controller.
import { z } from 'zod';
import { command } from '../command-spec.ts';
import { EXIT } from '../exit-code.ts';
import { homeDir } from '../open-client.ts';

export const doctorCommand = command({
  usage: 'doctor [probe...]',
  summary: 'show what this machine can do for labs, what is missing and what to do',
  details: 'Exit code 3 when something is not well.',
  examples: ['labwright doctor', 'labwright doctor --json', 'labwright doctor kvm engine'],
  schema: z.object({}),
  run: async ({ terminal, globals }, _options, only) => {
    // The probes bring much with them that no other command needs.
    const { readFingerprint } = await import('../../host-actor/fingerprint/read-fingerprint.ts');
    const { renderFingerprintTable, summariseFingerprint } = await import('../../host-actor/fingerprint/render-fingerprint.ts');
    const probes = await readFingerprint({ stateDir: homeDir(), ...(only.length === 0 ? {} : { only }) });
    const colour = process.stdout.isTTY === true && !process.env['NO_COLOR'];
    if (globals.json) terminal.out(JSON.stringify(probes, undefined, 2));
    else terminal.out([...renderFingerprintTable(probes, { colour }), summariseFingerprint(probes)].join('\n'));
    return probes.every((probe) => probe.status === 'ok') ? EXIT.ok : EXIT.degraded;
  },
});
