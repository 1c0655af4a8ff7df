// Credentials for a viewer of one lab, as a user makes, hands out and voids them: on the controller's own NATS server.
import { statSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { openClient } from '../../nats/client.ts';
import type { Client } from '../../nats/client.ts';
import { eventually } from '../support/eventually.ts';
import { command, lab } from '../support/lab-builders.ts';
import { openWorld } from './labwright.ts';
import type { World } from './labwright.ts';

const [OWN, OTHER] = [lab('te2e-vw1'), lab('te2e-vw2')];
const Told = z.object({ labs: z.array(z.string()), url: z.string(), inboxPrefix: z.string(), credentials: z.string().optional(), file: z.string().optional() });

let world: World;
beforeAll(async () => {
  world = openWorld();
  for (const name of [OWN, OTHER]) {
    const path = world.file(`${name}.clab.yml`, `name: ${name}\nmgmt: {network: ${name}, ipv4-subnet: 172.31.${name === OWN ? 161 : 162}.0/24}\ntopology:\n  nodes:\n    a: {kind: linux, image: "alpine:3"}\n`);
    const { exitCode, stderr } = await world.run(['deploy', '-t', path]);
    if (exitCode !== 0) throw new Error(stderr);
  }
});
afterAll(async () => await world.end());

const file = (name: string) => join(world.folder, name);
const token = async (...args: string[]) => Told.parse(JSON.parse((await world.run(['viewer', 'token', '--json', ...args])).stdout));
const open = async (url: string, credentials: string): Promise<Client> => await openClient({ url, credentials, role: 'viewer', labs: [OWN] });

describe('a viewer of one lab', () => {
  it('A02: reads and follows that lab, no other one, and commands nothing', async () => {
    const told = await token('--lab', OWN, '--out', file('own.nk'));
    expect(told).toEqual({ labs: [OWN], url: expect.stringContaining('nats://127.0.0.1:') as string, inboxPrefix: `_INBOX_viewer_${OWN}`, file: file('own.nk') });
    expect([statSync(file('own.nk')).mode & 0o777, readFileSync(file('own.nk'), 'utf8')]).toEqual([0o600, expect.stringMatching(/^SU[A-Z2-7]{56}\n$/)]);
    const viewer = await open(told.url, file('own.nk'));
    try {
      expect(await viewer.request('inspect', {}, { lab: OWN })).toMatchObject({ lab: OWN, state: 'running' });
      for await (const { view } of viewer.watch(OWN, AbortSignal.timeout(20_000))) {
        expect(view.nodes.map((one) => one.node)).toEqual(['a']);
        break;
      }
      await expect(viewer.request('inspect', {}, { lab: OTHER })).rejects.toMatchObject({ code: 'forbidden', retryable: false });
      await expect(viewer.request('list', { destroyed: false })).rejects.toMatchObject({ code: 'forbidden' });
      for (const name of [OWN, OTHER]) await expect(viewer.request('destroy', { commandId: command('vw'), cleanup: false, keepMgmtNet: false }, { lab: name })).rejects.toMatchObject({ code: 'forbidden' });
    } finally {
      await viewer.close();
    }
  });

  it('keeps its credentials until they are replaced or voided, and is shut out at once then', async () => {
    expect(JSON.parse((await world.run(['viewer', 'ls', '--json'])).stdout)).toEqual([{ labs: [OWN] }]);
    expect(await world.run(['viewer', 'token', '--lab', OWN])).toMatchObject({ exitCode: 1, stdout: '', stderr: expect.stringContaining('add --replace') });
    const before = await open(endpoint().url, file('own.nk'));
    expect(await world.run(['viewer', 'token', '--lab', OWN, '--replace', '--out', file('own.nk')])).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('is there already') });
    expect(await before.request('inspect', {}, { lab: OWN })).toMatchObject({ lab: OWN });
    const printed = await world.run(['viewer', 'token', '--lab', OWN, '--replace']);
    expect([printed.stdout, printed.stderr.includes(printed.stdout.trim())]).toEqual([expect.stringMatching(/^SU[A-Z2-7]{56}$/), false]);
    await expectShutOut(file('own.nk'));
    await expect(before.request('inspect', {}, { lab: OWN, timeoutMs: 1_000 })).rejects.toMatchObject({ retryable: true });
    await before.close();
    const again = world.file('again.nk', printed.stdout);
    await (await open(endpoint().url, again)).close();
    expect(await world.run(['viewer', 'rm', '--lab', OWN])).toMatchObject({ exitCode: 0 });
    await expectShutOut(again);
    expect(await world.run(['viewer', 'rm', '--lab', OWN])).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('labwright viewer ls') });
    expect(await world.run(['viewer', 'ls'])).toMatchObject({ exitCode: 0, stdout: '' });
  });

  it('is not made where there is no controller, or without a lab', async () => {
    expect(await world.run(['viewer', 'token', '--lab', OWN], { env: { LABWRIGHT_HOME: file('nowhere') } })).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('labwright up') });
    expect(await world.run(['viewer', 'token'])).toMatchObject({ exitCode: 2 });
    expect(await world.run(['viewer', 'token', '--lab', ''])).toMatchObject({ exitCode: 2 });
  });
});

const endpoint = () => z.object({ url: z.string() }).parse(JSON.parse(readFileSync(join(world.folder, 'home', 'endpoint.json'), 'utf8')));

async function expectShutOut(credentials: string): Promise<void> {
  const { url } = endpoint();
  await eventually(async () => {
    const outcome = await open(url, credentials).then(async (client) => await client.close(), (error: { code?: string }) => error.code);
    return outcome === 'nats-unauthorized';
  }, { timeoutMs: 10_000, what: 'the server to refuse void credentials' });
}
