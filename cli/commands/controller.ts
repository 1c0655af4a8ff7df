// up, down, status: the embedded controller of this machine. What it needs is loaded only when one of them runs.
import { z } from 'zod';
import { stateDir } from '../../controller/state-dir.ts';
import { command } from '../command-spec.ts';
import { EXIT } from '../exit-code.ts';
import { homeDir } from '../open-client.ts';
import { renderStatus } from '../output/controller-status.ts';
import { paintState } from '../output/print-nodes.ts';

const nothing = z.object({});

export const upCommand = command({
  usage: 'up',
  summary: 'start the controller; deploy does so by itself',
  details: 'Where there is systemd, a unit is installed, so that labs come back after a reboot. With --listen other machines can join as hosts; only those with credentials are let in, but what crosses the network is not encrypted: name an address on a network that you trust. It is kept until another one is named; 127.0.0.1 closes it again. On a machine that joined a controller elsewhere, its host-actor is started. A NATS server of yours takes the place of the embedded one with LABWRIGHT_NATS_URL and LABWRIGHT_NATS_CREDS (docs/subjects.md); all settings: docs/settings.md.',
  examples: ['labwright up', 'labwright up --listen 10.0.0.1', 'labwright up --listen [fd00::1]:4222'],
  options: [{ flags: '--listen <address[:port]>', text: 'address of this machine on which the NATS server of the controller listens, for hosts' }],
  schema: z.object({ listen: z.string().optional() }),
  run: async ({ terminal, globals }, { listen }) => {
    const { parseListen } = await import('../../controller/listen.ts');
    const { ensureController } = await import('../../controller/up.ts');
    const status = await ensureController({
      home: homeDir(), unit: 'install', onProgress: (step) => terminal.log('INFO', `Controller: ${step.replaceAll('-', ' ')}`),
      ...(globals.timeout === undefined ? {} : { deadlineMs: globals.timeout }), ...(listen === undefined ? {} : { listen: parseListen(listen) }),
    });
    if (globals.json) terminal.out(JSON.stringify(status, undefined, 2));
    else terminal.log('INFO', 'The controller runs', { home: status.home, nats: status.nats.url ?? '' });
    return EXIT.ok;
  },
});

export const downCommand = command({
  usage: 'down',
  summary: 'stop the controller; labs go on running, without supervision',
  examples: ['labwright down'],
  schema: nothing,
  run: async ({ terminal, globals }) => {
    const { stopController } = await import('../../controller/down.ts');
    const outcome = await stopController({ home: homeDir(), ...(globals.timeout === undefined ? {} : { deadlineMs: globals.timeout }) });
    if (globals.json) terminal.out(JSON.stringify({ outcome }));
    else terminal.log('INFO', outcome === 'nothing-ran' ? 'No controller ran' : 'The controller is stopped; labs go on running, without supervision');
    return EXIT.ok;
  },
});

export const statusCommand = command({
  usage: 'status',
  summary: 'show what of the controller runs, and what a power loss would cost',
  details: 'Exit code 5 when the supervisor does not answer.',
  examples: ['labwright status', 'labwright status --json'],
  schema: nothing,
  run: async ({ terminal, globals }) => {
    const { controllerStatus } = await import('../../controller/controller-status.ts');
    const status = await controllerStatus(stateDir(homeDir()), globals.timeout);
    if (globals.json) terminal.out(JSON.stringify(status, undefined, 2));
    else terminal.out(renderStatus(status, { now: Date.now(), paintState: (state) => paintState(terminal, state) }));
    return status.supervisorAnswers ? EXIT.ok : EXIT.unreachable;
  },
});
