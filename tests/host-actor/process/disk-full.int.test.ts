// A disk that is full: the process ends rather than know more than its disk does, and goes on from the disk once there is room.
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../../support/eventually.ts';
import type { HostProcess } from './host-process.ts';
import { startHostProcess } from './host-process.ts';
import { TestLab } from './test-lab.ts';

/** More than the room that is left in the last block of a file. */
const PADDING = 'x'.repeat(9_000);

describe('host-actor whose disk is full', () => {
  let host: HostProcess;
  let disk: string;
  const filler = () => join(disk, 'filler');
  /** Leaves no block free. */
  const fill = async () => await writeFile(filler(), Buffer.alloc(8 * 1024 * 1024)).catch(() => undefined);
  const diedOfDisk = async (times: number) => await eventually(async () => (await host.log()).split('ledger cannot be written').length > times, { what: `death ${times} of the host-actor`, timeoutMs: 30_000 });

  beforeAll(async () => {
    host = await startHostProcess('tha-d');
    disk = join(host.home, 'host', 'ledger');
    await mkdir(disk, { recursive: true });
    await execa('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'tha-d-disk', disk]);
  });
  afterAll(async () => {
    await host.kill();
    await execa('umount', ['-l', disk]);
    await host.stop();
  });

  it('S11 S13: ends, loses no order, and carries each out once after its return', async () => {
    const lab = new TestLab({ name: 'tha-d1', host: host.host, number: 61, nodes: ['n1'], spec: { env: { PAD: PADDING } } });
    const name = lab.containerName('n1');
    host.start();
    const prepare = [lab.network('network.ensure'), lab.node('node.prepare', 'n1')];
    await host.order(...prepare);
    for (const { id } of prepare) expect(await host.answer(id)).not.toMatchObject({ type: 'effect.failed' });

    // Full when an order comes: it is not acknowledged, and comes again.
    await fill();
    const start = lab.nextEntry().node('node.start', 'n1');
    await host.order(start);
    await diedOfDisk(1);
    expect((await execa('docker', ['inspect', '-f', '{{.State.Status}}', name])).stdout).toBe('created');
    await rm(filler());
    host.start();
    expect(await host.answer(start.id)).toMatchObject({ type: 'node.started' });

    // Full when a command has run: what it did is known from the engine, and it does not run again.
    const exec = lab.nextEntry().node('node.exec', 'n1', { commands: [{ command: 'sh -c "echo ran >> /tmp/ran; while [ ! -e /tmp/go ]; do sleep 0.1; done; env"', target: 'container' }] });
    await host.order(exec);
    await eventually(async () => (await execa('docker', ['exec', name, 'cat', '/tmp/ran'])).stdout === 'ran', { what: 'the command to run' });
    await fill();
    await execa('docker', ['exec', name, 'touch', '/tmp/go']);
    await diedOfDisk(2);
    await rm(filler());
    host.start();
    expect(await host.answer(exec.id)).toMatchObject({ type: 'node.exec-done', results: [{ exitCode: 0 }] });
    expect((await execa('docker', ['exec', name, 'cat', '/tmp/ran'])).stdout).toBe('ran');

    const remove = lab.nextEntry().node('node.remove', 'n1');
    await host.order(remove);
    expect((await host.answer(remove.id)).type).toBe('node.removed');
    const network = lab.nextEntry().network('network.remove');
    await host.order(network);
    expect((await host.answer(network.id)).type).toBe('network.removed');
  });
});
