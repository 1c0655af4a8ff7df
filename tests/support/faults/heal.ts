// Takes all faults back: what is paused goes on, what died is started, what was cut is joined, what was lost is there again, what was closed is open.
import { eventually } from '../eventually.ts';
import type { TestHost } from '../test-hosts.ts';
import type { FaultWorld } from './fault-world.ts';
import { isAlive } from './strike.ts';

/** Resolves when every process runs and every way is open; what they make of it is not waited for. */
export async function heal({ bed }: FaultWorld, supervisors: number): Promise<void> {
  bed.nats.resume();
  for (const one of bed.supervisors.filter(isAlive)) one.resume();
  await Promise.all(bed.hosts.map(async (host) => await healHost(host, bed.underlay.mtu)));
  for (let alive = bed.supervisors.filter(isAlive).length; alive < supervisors; alive += 1) await bed.startSupervisor();
  await eventually(async () => await bed.ops.request('status', {}, { timeoutMs: 2_000 }), { timeoutMs: 30_000, what: 'a supervisor to answer', everyMs: 200 });
  for (const { id } of bed.hosts) await bed.ops.request('host-wish', { commandId: bed.nextId(), host: id, wish: 'open' }, { timeoutMs: 10_000 });
}

async function healHost(host: TestHost, mtu: number): Promise<void> {
  await host.heal();
  if (!host.isUp()) return await host.comeBack();
  await host.exec('ip', 'link', 'set', 'under', 'mtu', String(mtu));
  for (const daemon of [host.ovs?.database, host.ovs?.switch, host.engine, host.actor]) {
    if (daemon === undefined) continue;
    if (daemon.isRunning()) daemon.resume();
    else await daemon.start();
  }
}
