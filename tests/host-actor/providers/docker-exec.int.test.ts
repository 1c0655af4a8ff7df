// Commands inside a node: exit codes, both outputs, words instead of a shell, and an end for those that overstay.
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeDockerProvider } from '../../../host-actor/providers/docker/docker-provider.ts';
import type { ObservedNode } from '../../../host-actor/providers/provider.ts';
import { eventually } from '../../support/eventually.ts';
import { TestLab } from './test-nodes.ts';

const lab = new TestLab('exec');
const provider = makeDockerProvider({ hostId: lab.hostId });
let node: ObservedNode;

beforeAll(async () => {
  node = (await lab.run(provider, 'r1')).node;
});
afterAll(() => lab.clear(provider));

describe('exec in a node', () => {
  it('gives exit code and both outputs apart', async () => {
    expect(await provider.exec(node.runtimeId, ['sh', '-c', 'echo one; echo two >&2; exit 5'])).toEqual({ exitCode: 5, stdout: 'one\n', stderr: 'two\n', engineError: undefined, truncated: false });
  });

  it('splits a text into words and runs no shell', async () => {
    expect(await provider.exec(node.runtimeId, `echo "a  b" 'c;d' $HOME && ls`)).toMatchObject({ exitCode: 0, stdout: 'a  b c;d $HOME && ls\n' });
    await expect(provider.exec(node.runtimeId, 'echo "open')).rejects.toMatchObject({ code: 'exec-unparsable' });
  });

  it("gives the engine's words for a command that is not there", async () => {
    const result = await provider.exec(node.runtimeId, 'nosuchcommand now');
    expect(result.exitCode).toBeGreaterThanOrEqual(126);
    expect(result.engineError).toContain('"nosuchcommand": executable file not found');
    expect(result).toMatchObject({ stdout: '', stderr: result.engineError });
  });

  it('bounds the output', async () => {
    const result = await provider.exec(node.runtimeId, ['sh', '-c', 'head -c 3000000 /dev/zero']);
    expect(result).toMatchObject({ exitCode: 0, truncated: true });
    expect(result.stdout).toHaveLength(1024 * 1024);
  });

  it('kills a command that overstays', async () => {
    await expect(provider.exec(node.runtimeId, 'sleep 4711', { timeoutMs: 300 })).rejects.toMatchObject({ code: 'exec-timeout' });
    await eventually(async () => !(await execa('docker', ['top', node.runtimeId])).stdout.includes('sleep 4711'), { what: 'end of the command' });
  });

  it('S11: runs a command once though its caller died before, while or after it ran', async () => {
    const count = ['sh', '-c', 'echo x >> /tmp/once; sleep 0.3; test $(wc -l < /tmp/once) = 1'];
    let begun: string | undefined;
    const note = async (id: string) => void (begun = id);
    const away = provider.exec(node.runtimeId, count, { once: { begun: undefined, note: async (id) => { await note(id); throw new Error('died before it ran'); } } });
    await expect(away).rejects.toThrow('died before it ran');
    const first = provider.exec(node.runtimeId, count, { once: { begun, note } });
    await eventually(async () => (await execa('docker', ['exec', node.runtimeId, 'cat', '/tmp/once'])).stdout === 'x', { what: 'the command to run' });
    expect(await provider.exec(node.runtimeId, count, { once: { begun, note } })).toMatchObject({ exitCode: 0, stdout: '' });
    expect(await first).toMatchObject({ exitCode: 0, stderr: '' });
    expect(await provider.exec(node.runtimeId, count, { once: { begun, note } })).toMatchObject({ exitCode: 0 });
    expect((await provider.exec(node.runtimeId, 'cat /tmp/once')).stdout).toBe('x\n');
    expect(await provider.exec(node.runtimeId, 'true', { once: { begun: 'f'.repeat(64), note } })).toMatchObject({ exitCode: 0 });
  });

  it('kills a command whose caller leaves', async () => {
    const leave = new AbortController();
    const running = provider.exec(node.runtimeId, 'sleep 4712', { signal: leave.signal });
    await eventually(async () => (await execa('docker', ['top', node.runtimeId])).stdout.includes('sleep 4712'), { what: 'start of the command' });
    leave.abort();
    await expect(running).rejects.toMatchObject({ code: 'cancelled' });
    await eventually(async () => !(await execa('docker', ['top', node.runtimeId])).stdout.includes('sleep 4712'), { what: 'end of the command' });
  });

  it('reaches a container of somebody else only where it is told that it is one', async () => {
    const name = `${lab.labId}-foreign`;
    const { stdout: id } = await execa('docker', ['run', '--detach', '--name', name, '--network', 'none', node.image, 'sleep', 'infinity']);
    try {
      await expect(provider.exec(id, 'true')).rejects.toMatchObject({ code: 'container-absent' });
      expect(await provider.exec(id, 'echo here', { foreign: true })).toMatchObject({ exitCode: 0, stdout: 'here\n' });
      await execa('docker', ['kill', id]);
      await expect(provider.exec(id, 'true', { foreign: true })).rejects.toMatchObject({ code: 'not-running' });
    } finally {
      await execa('docker', ['rm', '--force', id]);
    }
  });

  it('refuses a node that does not run, and one that is gone', async () => {
    const { node: other, placement } = await lab.run(provider, 'r2');
    await provider.ensureStopped(other.runtimeId, { graceMs: 0 });
    await expect(provider.exec(other.runtimeId, 'true')).rejects.toMatchObject({ code: 'not-running' });
    await provider.ensureRemoved(placement);
    await expect(provider.exec(other.runtimeId, 'true')).rejects.toMatchObject({ code: 'container-absent' });
  });
});
