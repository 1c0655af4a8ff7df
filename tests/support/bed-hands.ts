// What tests do with the labs of a running product, through its ops API.
import type { CommandId } from '../../machines/vocabulary/ids.ts';
import type { LabSpec } from '../../machines/vocabulary/lab-spec.ts';
import type { LabView } from '../../machines/vocabulary/lab-view.ts';
import type { OpsClient } from '../../nats/ops-client.ts';
import { eventually } from './eventually.ts';
import { command, lab } from './lab-builders.ts';

export type BedHands = {
  deploy(spec: LabSpec, options?: { reconfigure?: boolean }): Promise<void>;
  destroy(name: string): Promise<void>;
  /** A command id that was not used before. */
  nextId(): CommandId;
  view(name: string): Promise<LabView>;
  /** Waits until the lab's state is one of these. */
  settled(name: string, states?: readonly LabView['state'][], timeoutMs?: number): Promise<LabView>;
  /** Destroys all labs. */
  destroyAll(): Promise<void>;
};

/** Hands that work through this client. */
export function bedHands(ops: OpsClient): BedHands {
  let commands = 0;
  const nextId = () => command(`bed-${process.pid}-${(commands += 1)}-${Date.now()}`);
  const view: BedHands['view'] = async (name) => await ops.request('inspect', {}, { lab: lab(name), timeoutMs: 5_000 });
  const settled: BedHands['settled'] = async (name, states = ['running', 'degraded'], timeoutMs = 120_000) =>
    await eventually(async () => {
      const now = await view(name);
      return states.includes(now.state) ? now : null;
    }, { timeoutMs, what: `lab ${name} to be ${states.join(' or ')}`, everyMs: 50 });
  const destroy = async (name: string) => {
    await ops.request('destroy', { commandId: nextId(), cleanup: true, keepMgmtNet: false }, { lab: lab(name) });
    await settled(name, ['destroyed']);
  };
  return {
    view, settled, destroy, nextId,
    deploy: async (spec, options = {}) => void (await ops.request('deploy', { commandId: nextId(), spec, takeOver: false, reconfigure: options.reconfigure ?? false }, { lab: spec.id, timeoutMs: 5_000 })),
    async destroyAll() {
      const { labs } = await ops.request('list', { destroyed: false });
      await Promise.all(labs.map(async (one) => await destroy(one.lab)));
    },
  };
}
