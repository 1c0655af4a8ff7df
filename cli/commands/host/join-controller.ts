// host join, host leave: this machine as a host of a controller elsewhere.
import { readFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import { z } from 'zod';
import { command } from '../../command-spec.ts';
import type { Context } from '../../context.ts';
import { CliError, EXIT } from '../../exit-code.ts';
import { homeDir } from '../../open-client.ts';

/** What a host cannot do without: the engine with our runtime, redirects between ports. */
const NEEDED = ['engine', 'runtime', 'tc-redirect'];
/** What only some nodes need. */
const USEFUL = ['capabilities', 'nftables-nat', 'underlay'];

export const hostJoinCommand = command({
  usage: 'join <file>',
  summary: 'make this machine a host of a controller elsewhere',
  details: 'FILE holds an invitation (`labwright host token`); - reads it from standard input, so that the secret stands in no argument. Checks that both sides fit and that this machine can run nodes, writes the configuration into the state directory, and starts the host-actor: as a systemd unit where there is systemd, else as a process that outlives the terminal.',
  examples: ['labwright host join rack2.join', 'ssh root@controller labwright host token | labwright host join -'],
  options: [{ flags: '--ignore-checks', text: 'join even if this machine lacks what nodes need' }],
  schema: z.object({ ignoreChecks: z.boolean().default(false) }),
  run: async (context, { ignoreChecks }, [file = '-']) => {
    const { terminal, globals } = context;
    const { decodeBundle } = await import('../../../controller/host-bundle.ts');
    const { joinHost } = await import('../../../controller/join-host.ts');
    const bundle = decodeBundle(file === '-' ? await text(process.stdin) : await readFile(file, 'utf8'), file === '-' ? 'standard input' : file);
    await checkMachine(context, ignoreChecks ? 'warn' : 'refuse');
    const endpoint = await joinHost({
      home: homeDir(), bundle, unit: 'install', onProgress: (step) => terminal.log('INFO', `Host: ${step.replaceAll('-', ' ')}`),
      ...(globals.timeout === undefined ? {} : { deadlineMs: globals.timeout }),
    });
    if (globals.json) terminal.out(JSON.stringify({ host: endpoint.hostId, nats: endpoint.url, home: homeDir() }));
    else terminal.log('INFO', 'This machine is a host now', { host: endpoint.hostId, nats: endpoint.url });
    return EXIT.ok;
  },
});

async function checkMachine({ terminal }: Context, then: 'warn' | 'refuse'): Promise<void> {
  const { readFingerprint } = await import('../../../host-actor/fingerprint/read-fingerprint.ts');
  const engineSocket = process.env['LABWRIGHT_DOCKER_SOCKET'];
  const probes = await readFingerprint({ stateDir: homeDir(), only: [...NEEDED, ...USEFUL], ...(engineSocket === undefined ? {} : { engineSocket }) });
  const words = (wanted: readonly string[]): string[] => probes.flatMap((probe) => (probe.status === 'ok' || !wanted.includes(probe.id) ? [] : [`${probe.title}: ${probe.found} ${probe.costs} What to do: ${probe.remedy}`]));
  const bad = words(NEEDED);
  for (const line of words(USEFUL)) terminal.log('WARN', line);
  if (bad.length === 0) return;
  if (then === 'refuse') throw new CliError(EXIT.failed, 'host-lacks', `this machine cannot run nodes yet:\n${bad.join('\n')}\nSee \`labwright doctor\`; --ignore-checks joins all the same`, { details: { probes } });
  for (const line of bad) terminal.log('WARN', line);
}

export const hostLeaveCommand = command({
  usage: 'leave',
  summary: 'end the life of this machine as a host of a controller elsewhere',
  details: 'Refused while labs have nodes here: drain it first. The name of the host stays on its disk. Afterwards `labwright host rm` on the controller forgets it there.',
  examples: ['labwright host leave', 'labwright host leave --force'],
  options: [{ flags: '--force', text: 'leave although labs have nodes here, or the controller does not answer; what runs goes on without supervision' }],
  schema: z.object({ force: z.boolean().default(false) }),
  run: async ({ terminal, globals }, { force }) => {
    const { leaveHost } = await import('../../../controller/leave-host.ts');
    const { hostId } = await leaveHost({ home: homeDir(), force, ...(globals.timeout === undefined ? {} : { deadlineMs: globals.timeout }) });
    if (globals.json) terminal.out(JSON.stringify({ host: hostId ?? null }));
    else terminal.log('INFO', hostId === undefined ? 'This machine is no host of a controller elsewhere' : 'This machine is no host any more', hostId === undefined ? {} : { host: hostId });
    return EXIT.ok;
  },
});
