// Removes exactly the given host ends in one kernel call: by a group number that no other device bears.
import { randomInt } from 'node:crypto';
import type { DeviceRead } from './kernel-state.ts';
import { parseIpOutput } from './kernel-state.ts';
import { LinkPlaneError } from './link-plane-error.ts';
import { runBatch } from './run-batch.ts';
import type { RunTool } from './run-tool.ts';

export type DeviceToRemove = Pick<DeviceRead, 'name' | 'ifindex'>;

/** One removal costs the kernel a grace period of some 20 ms, a group of any size costs it once; so even two go by group.
 *  The group is set on the devices to go, read back, and deleted only when exactly those bear it.
 *  @param present - all devices just read, so that a number nobody bears is chosen.
 *  @throws {LinkPlaneError} `tool-failed` when the read-back shows another device in the group (nothing is removed then). */
export async function removeDevices(run: RunTool, devices: readonly DeviceToRemove[], present: Iterable<DeviceRead>): Promise<void> {
  if (devices.length === 0) return;
  const group = freeGroup(present);
  const lines = devices.map(({ name }) => ({ owner: name, text: `link set dev ${name} group ${group}`, mayFail: true }));
  await runBatch(run, 'ip', lines);
  const members = await readGroup(run, group);
  const expected = new Map(devices.map((device) => [device.ifindex, device.name]));
  const strangers = members.filter(({ ifindex, name }) => expected.get(ifindex) !== name);
  if (strangers.length > 0) {
    await runBatch(run, 'ip', members.map(({ name }) => ({ owner: name, text: `link set dev ${name} group default`, mayFail: true })));
    throw new LinkPlaneError('tool-failed', `nothing was removed: ${strangers.map(({ name }) => name).join(', ')} appeared in the group of ${devices.length} devices to remove`);
  }
  if (members.length > 0) await runBatch(run, 'ip', [{ owner: '', text: `link del group ${group}`, mayFail: true }]);
}

async function readGroup(run: RunTool, group: number): Promise<readonly DeviceRead[]> {
  const { stdout } = await run({ program: 'ip', args: ['-j', 'link', 'show', 'group', String(group)] });
  return parseIpOutput(stdout).devices;
}

/** Never 0, and never a number that is in use. */
function freeGroup(present: Iterable<DeviceRead>): number {
  const used = new Set([...present].map((device) => device.group));
  for (;;) {
    const group = randomInt(0x1000_0000, 0x7fff_ffff);
    if (!used.has(String(group))) return group;
  }
}
