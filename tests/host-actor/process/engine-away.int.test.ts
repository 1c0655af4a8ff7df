// A host-actor whose engine is not there, comes, and goes away: it lives on, and says so in each sign of life.
import { rm } from 'node:fs/promises';
import type { Server, Socket } from 'node:net';
import { createConnection, createServer } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { eventually } from '../../support/eventually.ts';
import type { HostProcess } from './host-process.ts';
import { startHostProcess } from './host-process.ts';

let host: HostProcess;
let socket: string;
let last: { engineConnected?: boolean; loops?: { name: string; late: boolean }[] } | undefined;

beforeAll(async () => {
  host = await startHostProcess('tha-e');
  socket = join(host.home, 'engine.sock');
  host.supervisor.subscribe(`lw.v1.beat.${host.host}`, { callback: (_error, beat) => void (last = beat.json()) });
});
afterAll(async () => await host?.stop());

/** Stands for the engine on a socket of its own, which can go away. */
async function openEngine(): Promise<() => Promise<void>> {
  const open = new Set<Socket>();
  const server: Server = createServer((client) => {
    const engine = createConnection('/var/run/docker.sock');
    for (const one of [client, engine]) {
      open.add(one);
      one.on('error', () => undefined).on('close', () => void open.delete(one));
    }
    client.pipe(engine).pipe(client);
  });
  await new Promise<void>((resolve) => void server.listen(socket, resolve));
  return async () => {
    const closed = new Promise((resolve) => void server.close(resolve));
    for (const one of open) one.destroy();
    await closed;
    await rm(socket, { force: true });
  };
}
const tells = async (engineConnected: boolean) => await eventually(() => last?.engineConnected === engineConnected, { what: `a sign of life that says engineConnected: ${engineConnected}`, timeoutMs: 20_000 });
const sweepIsLate = async (late: boolean) => await eventually(() => last?.loops?.find(({ name }) => name === 'sweep')?.late === late, { what: `a sign of life that says whether the sweep is late: ${late}`, timeoutMs: 20_000 });
const complaints = async () => (await host.log()).split('\n').filter((line) => line.includes('engine is not heard')).length;

it('P07 S01: starts without the engine, which it says once in its log and in each sign of life; it comes, goes and comes back', async () => {
  host.start({ LABWRIGHT_DOCKER_SOCKET: socket, LABWRIGHT_SWEEP_SECONDS: '1' });
  await tells(false);
  // A sweep that cannot read the nodes is none.
  await sweepIsLate(true);
  const close = await openEngine();
  await tells(true);
  await sweepIsLate(false);
  await close();
  await tells(false);
  const closeAgain = await openEngine();
  await tells(true);
  expect(await complaints()).toBe(2);
  await closeAgain();
});
