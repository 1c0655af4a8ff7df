// The way from test hosts to NATS, as a process that ends with this one.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

const PROGRAM = join(import.meta.dirname, 'nats-relay.ts');

export type ControlRelay = { readonly url: string; stop(): Promise<void> };

/** Starts it. @param at.network - process whose network namespace is the underlay's */
export async function startControlRelay(at: { network: number; address: string; natsUrl: string }): Promise<ControlRelay> {
  const port = new URL(at.natsUrl).port;
  const child = spawn('setpriv', ['--pdeathsig', 'KILL', process.execPath, PROGRAM, String(at.network), at.address, port, port], { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = once(child, 'exit');
  const [said] = await Promise.race([once(child.stdout, 'data'), ended]) as unknown[];
  if (String(said) !== 'listens\n') throw new Error(`the relay to NATS does not listen on ${at.address}:${port}: ${String(said)}`);
  return {
    url: `nats://${at.address}:${port}`,
    async stop() {
      child.kill('SIGKILL');
      await ended;
    },
  };
}
