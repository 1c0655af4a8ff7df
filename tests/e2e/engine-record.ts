// What the engine told of a lab's containers while a test ran: the witness of creates and starts that does not depend on us.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { eventually } from '../support/eventually.ts';

export type EngineEvent = { readonly action: string; readonly name: string; readonly id: string };

export type EngineRecord = {
  readonly events: EngineEvent[];
  /** How often each container was created and started: `create clab-x-a` -> 1. */
  starts(): Record<string, number>;
  stop(): Promise<void>;
};

/** Listens as a client of its own; the engine itself remembers only its last few hundred events. */
export async function recordEngine(lab: string): Promise<EngineRecord> {
  const since = String(Math.floor(Date.now() / 1000));
  const child = spawn('docker', ['events', '--since', since, '--filter', 'type=container', '--filter', `label=labwright.lab=${lab}`, '--format', '{{.Action}} {{.Actor.Attributes.name}} {{.ID}}'], { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(child, 'spawn');
  const events: EngineEvent[] = [];
  createInterface(child.stdout).on('line', (line) => {
    const [action = '', name = '', id = ''] = line.split(' ');
    events.push({ action, name, id });
  });
  return {
    events,
    starts: () => {
      const counted = events.filter(({ action }) => action === 'create' || action === 'start').map(({ action, name }) => `${action} ${name}`);
      return Object.fromEntries([...Map.groupBy(counted, (one) => one)].map(([one, all]) => [one, all.length]));
    },
    async stop() {
      const end = once(child, 'exit');
      child.kill();
      await end;
    },
  };
}

/** Waits until as many containers were destroyed as were created: the engine tells the last one a moment after it is gone. */
export async function allDestroyed(record: EngineRecord): Promise<void> {
  const count = (action: string) => record.events.filter((event) => event.action === action).length;
  await eventually(() => count('create') === count('destroy'), { timeoutMs: 20_000, what: 'engine events of the last containers' })
    .catch((cause: unknown) => { throw new Error(`the engine told: ${record.events.map(({ action, name, id }) => `${action} ${name} ${id.slice(0, 6)}`).join(', ')}`, { cause }); });
}
