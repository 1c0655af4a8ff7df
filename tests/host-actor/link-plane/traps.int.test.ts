// Traps of ip and tc that bite silently, each tried on the real kernel.
import { execFile } from 'node:child_process';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { WireDrift } from '../../../host-actor/link-plane/find-drift.ts';
import { hostPortsOf, isVethPort } from '../../../host-actor/link-plane/host-ports.ts';
import { readAll } from '../../../host-actor/link-plane/read-kernel-state.ts';
import { removeDevices } from '../../../host-actor/link-plane/remove-devices.ts';
import { addPortLine, markLine } from '../../../host-actor/link-plane/render-lines.ts';
import { runBatch } from '../../../host-actor/link-plane/run-batch.ts';
import { runTool, toolRunnerIn } from '../../../host-actor/link-plane/run-tool.ts';
import { createToolShells } from '../../../host-actor/link-plane/tool-shells.ts';
import { eventually } from '../../support/eventually.ts';
import { joinedWire, openWorld, readLink, type NetnsWorld } from './netns-world.ts';

let world: NetnsWorld;
beforeEach(async () => {
  world = await openWorld();
});
afterEach(() => world.close());

describe('traps', () => {
  it('a batch that could not be parsed says so, with what ran before it', async () => {
    const run = toolRunnerIn(world.hostNetns);
    const lines = ['link add dev v1 type veth peer name v2', 'link set dev nowhere up', 'link set dev v1 nonsense', 'link set dev v1 up'];
    const result = await runBatch(run, 'ip', lines.map((text, owner) => ({ text, owner: String(owner) })));
    expect(result.failures).toMatchObject([{ owner: '1' }]);
    expect(result.aborted).toContain('nonsense');
    expect(await world.host('ip -o link show dev v1')).not.toContain('state UP');
  });

  it('a program that ends before it has read all its input is no crash of ours', async () => {
    const result = await runTool({ program: 'sh', args: ['-c', 'exit 3'], stdin: 'x'.repeat(4_000_000) });
    expect(result.exitCode).toBe(3);
  });

  it('a program that does not end is ended at its deadline', async () => {
    await expect(runTool({ program: 'sleep', args: ['60'], deadlineMs: 50 })).rejects.toMatchObject({ code: 'deadline', retryable: true });
    await expect(runTool({ program: '/no/such/program', args: [] })).rejects.toMatchObject({ code: 'tool-failed' });
  });

  it('the shells that start programs give back each one\'s own output, exit code and lateness', async () => {
    const run = createToolShells(undefined);
    const runs = await Promise.all(Array.from({ length: 12 }, (_, index) => run({ program: 'sh', args: [], stdin: `cat /dev/null; echo out ${index}; printf 'no newline %s' ${index} >&2; exit ${index % 3}` })));
    expect(runs).toEqual(Array.from({ length: 12 }, (_, index) => ({ exitCode: index % 3, stdout: `out ${index}\n`, stderr: `no newline ${index}` })));
    expect((await run({ program: 'seq', args: ['200000'] })).stdout).toHaveLength(1_288_895);
    await expect(run({ program: 'sleep', args: ['60'], deadlineMs: 50 })).rejects.toMatchObject({ code: 'deadline' });
    await expect(run({ program: '/no/such/program', args: [] })).rejects.toMatchObject({ code: 'tool-failed' });
    expect((await run({ program: 'cat', args: ['-'], stdin: `$HOME 'x' \`id\`\n` })).stdout).toBe(`$HOME 'x' \`id\`\n`);
    expect((await run({ program: 'cat', args: ['/proc/self/net/dev', 'it is;$(id)'] })).exitCode).toBe(1);
    expect((await run({ program: 'kill', args: ['-9', '0'] }).catch((error: unknown) => error)) instanceof Error).toBe(true);
    expect((await run({ program: 'true', args: [] })).exitCode).toBe(0);
  });

  it('nothing is removed when a device took the name of one that is to go', async () => {
    await world.host('ip link add dev v1 type veth peer name w1 && ip link add dev v2 type veth peer name w2');
    const run = toolRunnerIn(world.hostNetns);
    const { devices } = await readAll(run);
    const doomed = ['v1', 'v2'].flatMap((name) => devices.get(name) ?? []);
    await world.host('ip link del dev v2 && ip link add dev v2 type bridge');
    await expect(removeDevices(run, doomed, devices.values())).rejects.toMatchObject({ code: 'tool-failed' });
    expect(await world.host('ip -o link')).toMatch(/ v1@.* group default /);
    expect(await world.host('ip -o link')).toMatch(/ v2: .* group default /);
  });

  it.each(['h', 'dev', 'up', 'peer', 'mtu', 'name', 'vrf', '6', 'help'])('a device called %s, which is a word of ip, is made, told apart, mended and removed as any other', async (name) => {
    await world.withNodes('r1', 'r2');
    const plain = joinedWire(world, 1, 'r1', 'r2');
    const end = (side: 'a' | 'b', address: string) => ({ ...plain[side], inner: { ...plain[side].inner, interface: name, mac: `aa:c1:ab:00:00:0${address.at(-4)}`, addresses: [address] } });
    const wire = { ...plain, a: end('a', '10.0.0.1/24'), b: end('b', '10.0.0.2/24') };
    await world.plane.ensureWires([wire]);
    expect(await world.pings('r1', '10.0.0.2')).toBe(true);
    await world.inNode('r2', `ip link del dev ${name}`);
    await world.plane.ensureWires([wire]);
    expect((await world.plane.readWires([wire])).get(wire.id)).toMatchObject({ up: true, faults: [] });
    expect(await world.pings('r1', '10.0.0.2')).toBe(true);
    await world.plane.removeWires([wire.id]);
    expect(await world.inNode('r1', 'ip -o link')).not.toMatch(new RegExp(` ${name}[@:]`));
  });

  it('a group that somebody uses is neither taken nor deleted', async () => {
    await world.withNodes('r1', 'r2');
    await world.host('ip link add dev theirs type bridge && ip link set dev theirs group 77');
    const wire = joinedWire(world, 1, 'r1', 'r2');
    await world.plane.ensureWires([wire]);
    expect(await world.host('ip -o link show dev lw1.a')).toContain('group default');
    await world.plane.removeWires([wire.id]);
    expect(await world.host('ip -o link show group 77')).toContain('theirs');
  });

  it('our work does not hold a namespace: it dies with its name, and the host end with it', async () => {
    await world.withNodes('r1', 'r2');
    const stop = new AbortController();
    await world.plane.ensureWires([joinedWire(world, 1, 'r1', 'r2')]);
    await world.plane.watch({ onDrift: () => undefined }, stop.signal);
    await world.plane.namespaces.remove([world.netns('r1')]);
    await eventually(async () => !(await world.host('ip -o link')).includes('lw1.a'), { what: 'host end gone' });
    expect((await readLink(world, 'r2', 'eth1')).flags).toContain('LOWER_UP');
    stop.abort();
  });

  it('an address, an MTU or a MAC given inside by the node is not overwritten by an order that is already met', async () => {
    await world.withNodes('r1', 'r2');
    const wire = joinedWire(world, 1, 'r1', 'r2');
    await world.plane.ensureWires([wire]);
    await world.inNode('r1', 'ip link set dev eth1 mtu 1400 address 02:00:00:00:00:09');
    await world.plane.ensureWires([wire]);
    expect(await readLink(world, 'r1', 'eth1')).toMatchObject({ mtu: 1400, address: '02:00:00:00:00:09' });
  });

  it('a burst of foreign devices hides no fault of ours', async () => {
    await world.withNodes('r1', 'r2');
    const wire = joinedWire(world, 1, 'r1', 'r2');
    await world.plane.ensureWires([wire]);
    const drifts: WireDrift[] = [];
    const stop = new AbortController();
    await world.plane.watch({ onDrift: (drift) => drifts.push(drift) }, stop.signal);
    const burst = Array.from({ length: 400 }, (_, index) => `link add dev b${index} group 5 type veth peer name c${index}`);
    await runBatch(toolRunnerIn(world.hostNetns), 'ip', burst.map((text) => ({ text, owner: '' })));
    await world.host('ip link del group 5 && tc qdisc del dev lw1.a clsact');
    await eventually(() => drifts.length > 0, { what: 'drift seen' });
    expect(drifts[0]).toMatchObject({ wireId: wire.id, side: 'a', what: 'clsact-lost' });
    stop.abort();
  });

  it('wires cut off in the middle of their making are completed by the next order', async () => {
    await world.withNodes('r1', 'r2');
    const wires = Array.from({ length: 40 }, (_, index) => joinedWire(world, index + 1, `r1:eth${index + 1}`, `r2:eth${index + 1}`));
    const lines = wires.flatMap(hostPortsOf).filter(isVethPort).flatMap((port) => [addPortLine(port), markLine(port.device, port.mark)]);
    for (const cut of [1, 2, 3, 33, 80]) {
      await runBatch(toolRunnerIn(world.hostNetns), 'ip', lines.slice(0, cut).map((text) => ({ text, owner: '' })));
      const { outcomes } = await world.restartedPlane().ensureWires(wires);
      expect([...outcomes.values()].filter((outcome) => !outcome.ok || !outcome.state.up)).toEqual([]);
      await world.plane.removeWiresAsGiven(wires);
    }
  });

  it('an action index that two wires claim is refused before two filters share it', async () => {
    await world.withNodes('r1', 'r2');
    const first = joinedWire(world, 1, 'r1', 'r2');
    const second = joinedWire(world, 2, 'r1:eth2', 'r2:eth2');
    const { outcomes } = await world.plane.ensureWires([first, { ...second, b: { ...second.b, actionIndex: first.a.actionIndex } }]);
    expect(outcomes.get(first.id)).toMatchObject({ ok: true });
    expect(outcomes.get(second.id)).toMatchObject({ ok: false, error: { code: 'invalid-wire' } });
  });

  it('monitors end with the process that started them, even when that is killed', async () => {
    const script = `
      import pino from 'pino';
      import { createTcLinkPlane } from '${import.meta.resolve('../../../host-actor/link-plane/tc-link-plane.ts')}';
      const plane = createTcLinkPlane({ hostNetns: '${world.hostNetns}', stateDir: '${world.stateDir}', log: pino({ level: 'silent' }) });
      await plane.watch({ onDrift: () => undefined }, new AbortController().signal);
      console.log('watching');`;
    const child = execFile(process.execPath, ['--input-type=module-typescript', '-e', script]);
    await new Promise((resolve) => child.stdout?.once('data', resolve));
    const monitors = async (): Promise<string> => (await runTool({ program: 'pgrep', args: ['-P', String(child.pid)] })).stdout;
    const pids = (await monitors()).trim().split('\n');
    expect(pids.length).toBeGreaterThanOrEqual(2);
    child.kill('SIGKILL');
    await eventually(async () => (await runTool({ program: 'ps', args: ['-o', 'pid=', '-p', pids.join(',')] })).stdout.trim() === '', { what: 'monitors gone' });
  });

  it('two orders for the same wire at once make it once', async () => {
    await world.withNodes('r1', 'r2');
    const wire = joinedWire(world, 1, 'r1', 'r2');
    const reports = await Promise.all([1, 2, 3].map(() => world.plane.ensureWires([wire])));
    expect(reports.map((report) => report.outcomes.get(wire.id)).filter((outcome) => outcome?.ok && outcome.changed)).toHaveLength(1);
    expect((await world.host('tc filter show dev lw1.a ingress')).match(/redirect to device/gi) ?? []).toHaveLength(1);
  });

  it('a namespace is found by path too, as of a container that the engine attached', async () => {
    await world.withNodes('r2');
    const holder = execFile('unshare', ['--net', 'sleep', '60']);
    try {
      await eventually(async () => (await runTool({ program: 'readlink', args: [`/proc/${holder.pid}/ns/net`] })).stdout !== (await runTool({ program: 'readlink', args: ['/proc/self/ns/net'] })).stdout, { what: 'namespace of its own' });
      const wire = joinedWire(world, 1, 'r1', 'r2');
      const byPath = { ...wire, a: { ...wire.a, inner: { ...wire.a.inner, netns: { path: `/proc/${holder.pid}/ns/net` }, addresses: ['10.0.0.1/24'] } }, b: { ...wire.b, inner: { ...wire.b.inner, addresses: ['10.0.0.2/24'] } } };
      expect((await world.plane.ensureWires([byPath])).outcomes.get(wire.id)).toMatchObject({ ok: true, warnings: [], state: { up: true } });
      expect((await world.plane.ensureWires([byPath])).linesRun).toBe(0);
    } finally {
      holder.kill('SIGKILL');
    }
  });
});
