// One host of the benchmark of links across hosts: a link plane in the network namespace that this process was started in, told what to do by its parent.
import { setTimeout as delay } from 'node:timers/promises';
import pino from 'pino';
import { createTcLinkPlane } from '../host-actor/link-plane/tc-link-plane.ts';
import type { VxlanWire } from '../host-actor/link-plane/wire.ts';

export type HostOrder = { readonly act: 'wires'; readonly wires: readonly VxlanWire[]; readonly stateDir: string } | { readonly act: 'make' | 'make-again' | 'prove' | 'read' | 'remove' };
export type HostAnswer = { readonly failure?: string; readonly rounds?: number };

let wires: readonly VxlanWire[] = [];
let plane: ReturnType<typeof createTcLinkPlane> | undefined;

async function carryOut(order: HostOrder): Promise<HostAnswer> {
  if (order.act === 'wires') {
    wires = order.wires;
    plane = createTcLinkPlane({ stateDir: order.stateDir, log: pino({ level: 'silent' }) });
    // The small shells that start programs are there in a host-actor long before its first order.
    await plane.readUnderlays(wires.slice(0, 1).map(({ tunnel }) => tunnel.remote));
    return {};
  }
  if (!plane) return { failure: 'no wires yet' };
  switch (order.act) {
    case 'make':
    case 'make-again': {
      const { outcomes, linesRun } = await plane.ensureWires(wires);
      const failed = [...outcomes.values()].find((outcome) => !outcome.ok || !outcome.state.up);
      if (failed) return { failure: failed.ok ? 'a wire is not up' : failed.error.message };
      return order.act === 'make-again' && linesRun > 0 ? { failure: `${linesRun} lines were run for nothing` } : {};
    }
    case 'prove': {
      let missing = wires.map(({ id }) => id);
      for (let rounds = 1; rounds <= 50; rounds += 1) {
        const answers = await plane.probe(missing);
        missing = missing.filter((id) => answers.get(id)?.echo !== 'ok');
        if (missing.length === 0) return { rounds };
        await delay(50);
      }
      return { failure: `${missing.length} legs never answered` };
    }
    case 'read': {
      const states = [...(await plane.readWires()).values()];
      return states.length === wires.length && states.every(({ up }) => up) ? {} : { failure: 'read back wrong' };
    }
    case 'remove':
      await plane.removeWires(wires.map(({ id }) => id));
      return {};
  }
}

// The parent sends what the type says.
process.on('message', (order: HostOrder) => void carryOut(order).catch((error: unknown): HostAnswer => ({ failure: String(error) })).then((answer) => process.send?.(answer)));
