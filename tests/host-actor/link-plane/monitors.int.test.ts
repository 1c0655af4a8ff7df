// What a monitor may have missed is read: after any complaint of it, and after it died and listens again.
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { WireDrift } from '../../../host-actor/link-plane/find-drift.ts';
import { runMonitor } from '../../../host-actor/link-plane/monitor-child.ts';
import type { JoinedWire } from '../../../host-actor/link-plane/wire.ts';
import { eventually } from '../../support/eventually.ts';
import { joinedWire, openWorld } from './netns-world.ts';
import type { NetnsWorld } from './netns-world.ts';

const COMPLAINT = 'Error: netlink receive error No buffer space available (105)';
let stop: AbortController;
beforeEach(() => {
  stop = new AbortController();
});

describe('a monitor', () => {
  const gaps: string[] = [];
  const lines: string[] = [];
  const begin = (script: string): void => {
    gaps.length = 0;
    lines.length = 0;
    void runMonitor({ program: 'sh', args: ['-c', script], onLine: (line) => lines.push(line), onGap: (why) => gaps.push(why), signal: stop.signal });
  };
  afterEach(() => stop.abort());

  it('that says anything on its error output may have missed something, but for a namespace that has gone', async () => {
    begin(`echo one; echo "Peer netns reference is invalid." >&2; echo "${COMPLAINT}" >&2; echo anything else >&2; exec sleep 60`);
    await eventually(() => gaps.length >= 2 && lines.length === 1, { what: 'complaints' });
    expect(gaps).toEqual([`sh monitor: ${COMPLAINT}`, 'sh monitor: anything else']);
  });

  it('that ends is started again, and has missed something meanwhile, each time', async () => {
    begin('echo one; exit 1');
    await eventually(() => gaps.length >= 2, { what: 'two starts' });
    expect(new Set(gaps)).toEqual(new Set(['sh monitor ended and was started again']));
    expect(lines.length).toBeGreaterThanOrEqual(2);
  });
});

describe('the watch of the wires', () => {
  let world: NetnsWorld;
  let wire: JoinedWire;
  const drifts: WireDrift[] = [];
  const repairs: Promise<unknown>[] = [];
  beforeEach(async () => {
    drifts.length = 0;
    repairs.length = 0;
    world = await openWorld();
    await world.withNodes('r1', 'r2');
    wire = joinedWire(world, 1, 'r1', 'r2');
    await world.plane.ensureWires([wire]);
    await world.plane.watch({ onDrift: (drift) => {
      drifts.push(drift);
      repairs.push(world.plane.repairWire(drift.wireId));
    } }, stop.signal);
  });
  afterEach(async () => {
    stop.abort();
    await Promise.allSettled(repairs);
    await world.close();
  });

  it.each([['ip', 'ip link set dev lw1.a down', 'end-down'], ['tc', 'tc filter del dev lw1.a ingress', 'redirect-missing']])('reads all when the %s monitor died, and mends what it did not say', async (program, commands, what) => {
    const monitor = await monitorOf(program);
    // It cannot say anything any more.
    process.kill(monitor, 'SIGSTOP');
    await world.host(commands);
    process.kill(monitor, 'SIGKILL');
    await eventually(async () => drifts.length > 0 && (await world.plane.readWires()).get(wire.id)?.up, { what: 'wire mended' });
    expect(drifts[0]).toMatchObject({ wireId: wire.id, what, found: 'sweep' });
    expect(await monitorOf(program)).not.toBe(monitor);
  });
});

/** The child of this process that monitors with the program. */
async function monitorOf(program: string): Promise<number> {
  const { stdout } = await promisify(execFile)('pgrep', ['-P', String(process.pid)]);
  const commands = await Promise.all(stdout.trim().split('\n').map(async (pid) => ({ pid: Number(pid), words: (await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')).split('\0') })));
  const found = commands.find(({ words }) => words.includes('monitor') && words.some((word) => word === program || word.endsWith(`/${program}`)));
  if (found === undefined) throw new Error(`no monitor of ${program} among ${JSON.stringify(commands)}`);
  return found.pid;
}
