// What the host-actor is told by its environment: what is wrong with it is refused by name.
import { describe, expect, it } from 'vitest';
import { readConfig } from '../../host-actor/config.ts';

const ENV = { LABWRIGHT_HOME: '/nowhere', LABWRIGHT_NATS_URL: 'nats://127.0.0.1:4222', LABWRIGHT_HOST_ID: 'h1' };
const read = async (over: Record<string, string>) => await readConfig({ ...ENV, ...over });

describe('VLANs of a shared bridge', () => {
  it.each([['100-399', [[100, 399]]], ['100-199, 300', [[100, 199], [300, 300]]], ['1-4094', [[1, 4094]]]])('%s', async (text, ranges) => {
    expect((await read({ LABWRIGHT_OVS_SHARED_BRIDGE: 'br0', LABWRIGHT_OVS_VLANS: text })).ovsSharedBridge).toEqual({ name: 'br0', vlans: ranges });
  });

  it.each(['', 'x', '0-10', '10-5', '1-4095', '100-', '-5', '1,,2', '1.5'])('"%s" is refused, with what is expected', async (text) => {
    await expect(read({ LABWRIGHT_OVS_SHARED_BRIDGE: 'br0', LABWRIGHT_OVS_VLANS: text })).rejects.toMatchObject({
      code: 'config-invalid', message: expect.stringContaining(`LABWRIGHT_OVS_VLANS: "${text}" names no VLANs: expected ranges within 1-4094, the lower number first, such as 100-399`),
    });
  });

  it('mean nothing without a bridge, and may be left out', async () => {
    await expect(read({ LABWRIGHT_OVS_VLANS: '100-399' })).rejects.toMatchObject({ message: expect.stringContaining('LABWRIGHT_OVS_SHARED_BRIDGE') });
    expect((await read({ LABWRIGHT_OVS_SHARED_BRIDGE: 'br0' })).ovsSharedBridge).toEqual({ name: 'br0', vlans: undefined });
    expect((await read({})).ovsSharedBridge).toBeUndefined();
  });
});
