// What a host tells of itself: the address by which others reach it, and what it has to give.
import { tmpdir } from 'node:os';
import { execa } from 'execa';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { readCapacity } from '../../host-actor/host-capacity.ts';
import { createUnderlayReader } from '../../host-actor/underlay-address.ts';

const readUnderlay = async (question: Parameters<typeof createUnderlayReader>[0]) => await createUnderlayReader(question)();
const Routes = z.array(z.object({ dev: z.string(), prefsrc: z.string() }));
const route = async (to: string) => Routes.parse(JSON.parse((await execa('ip', ['-j', 'route', 'get', to])).stdout))[0];
const mtuOf = async (device: string) => z.array(z.object({ mtu: z.number() })).parse(JSON.parse((await execa('ip', ['-j', 'link', 'show', 'dev', device])).stdout))[0]?.mtu;

describe('underlay address', () => {
  it('is the one that leads to NATS, with its device and MTU', async () => {
    const way = await route('203.0.113.7');
    const device = way?.dev ?? '';
    expect(await readUnderlay({ configured: undefined, natsUrl: 'nats://203.0.113.7:4222' })).toEqual({ address: way?.prefsrc, device, mtu: await mtuOf(device) });
  });

  it('is that of the default route where NATS runs on this host', async () => {
    expect((await readUnderlay({ configured: undefined, natsUrl: 'nats://127.0.0.1:4222' }))?.address).toBe((await route('192.0.2.1'))?.prefsrc);
  });

  it('is the configured one when that is on a device here, and none otherwise', async () => {
    expect(await readUnderlay({ configured: '127.0.0.1', natsUrl: 'nats://203.0.113.7:4222' })).toEqual({ address: '127.0.0.1', device: 'lo', mtu: await mtuOf('lo') });
    expect(await readUnderlay({ configured: '203.0.113.9', natsUrl: 'nats://203.0.113.7:4222' })).toBeUndefined();
  });
});

describe('underlay address, asked again', () => {
  it('is there as soon as the host has it, though the list of interfaces is held for a while', async () => {
    const address = '127.77.31.9';
    const read = createUnderlayReader({ configured: address, natsUrl: 'nats://127.0.0.1:4222' });
    expect(await read()).toBeUndefined();
    await execa('ip', ['address', 'add', `${address}/32`, 'dev', 'lo']);
    try {
      const found = { address, device: 'lo', mtu: await mtuOf('lo') };
      expect(await read()).toEqual(found);
      expect(await read()).toEqual(found);
    } finally {
      await execa('ip', ['address', 'del', `${address}/32`, 'dev', 'lo']);
    }
  });
});

describe('capacity', () => {
  it('is what the machine has, not what is free', async () => {
    const { cpus, memoryMiB, diskMiB, devices } = await readCapacity(tmpdir());
    expect([cpus, memoryMiB > 100, diskMiB > 100]).toEqual([Number((await execa('nproc')).stdout), true, true]);
    expect(devices).toEqual(devices.toSorted());
  });

  it('is what the operator set, where something is set', async () => {
    const real = await readCapacity(tmpdir());
    expect(await readCapacity(tmpdir(), { cpus: 0.5, memoryMiB: 512 })).toEqual({ ...real, cpus: 0.5, memoryMiB: 512 });
  });

  it('has no disk where the state directory is not there', async () => {
    expect((await readCapacity('/nowhere')).diskMiB).toBe(0);
  });
});
