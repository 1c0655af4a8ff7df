// Which of what a lab names is not on this host, as the real engine and kernel show it.
import { execa } from 'execa';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { makeHostSight } from '../../host-actor/host-sight.ts';
import { makeDockerProvider } from '../../host-actor/providers/docker/docker-provider.ts';
import { readLacks } from '../../host-actor/read-lacks.ts';
import { host } from '../support/lab-builders.ts';

const BRIDGE = 'tlacks0';
const engineSocket = '/var/run/docker.sock';
beforeAll(async () => void (await execa('ip', ['link', 'add', BRIDGE, 'type', 'bridge'])));
afterAll(async () => void (await execa('ip', ['link', 'del', BRIDGE])));

it('P05: a host tells what it lacks of what it is asked about, and nothing else', async () => {
  const hands = { provider: makeDockerProvider({ hostId: host('h1'), socketPath: engineSocket }), sight: makeHostSight({ host: host('h1'), engineSocket }) };
  expect(await readLacks(hands, { images: ['labwright/linux:local', 'tlacks/none:1'], devices: ['/dev/null', '/dev/tlacks', '/dev/shm'], bridges: [BRIDGE, 'lo', 'tlacks1'] }))
    .toEqual({ images: ['tlacks/none:1'], devices: ['/dev/tlacks', '/dev/shm'], bridges: ['lo', 'tlacks1'] });
});
