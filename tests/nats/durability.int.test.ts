// What is said about power loss is what the server in use was told.
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { readDurability, syncIntervalOf } from '../../nats/durability.ts';
import { createOpsClient } from '../../nats/ops-client.ts';
import { eventually } from '../support/eventually.ts';
import { startNats } from '../support/nats-server.ts';
import type { TestNats } from '../support/nats-server.ts';
import { startSupervisorProcess } from '../support/supervisor-process.ts';
import type { SupervisorProcess } from '../support/supervisor-process.ts';

describe('durability', () => {
  let nats: TestNats | undefined;
  let supervisor: SupervisorProcess | undefined;
  afterEach(async () => {
    delete process.env['LABWRIGHT_NATS_CONFIG'];
    await supervisor?.kill();
    await nats?.stop();
  });

  const statusWith = async (syncInterval: 'always' | '1s', config: 'known' | 'unknown') => {
    nats = await startNats({ settings: { syncInterval } });
    if (config === 'known') process.env['LABWRIGHT_NATS_CONFIG'] = join(nats.folder, 'nats.conf');
    supervisor = await startSupervisorProcess(nats);
    const ops = createOpsClient(await nats.connect({ role: 'viewer' }));
    return (await eventually(async () => await ops.request('status', {}, { timeoutMs: 500 }))).nats;
  };

  it('of our server is read from its configuration', async () => {
    const always = await statusWith('always', 'known');
    expect(always.durable).toMatch(new RegExp(`^version ${always.version}, sync_interval always: .* loses nothing`));
    await supervisor?.kill();
    await nats?.stop();
    expect((await statusWith('1s', 'known')).durable).toContain('sync_interval 1s: a power loss may cost the last 1s');
  });

  it('of somebody else\'s server is not known, and said so', async () => {
    const { durable, version } = await statusWith('always', 'unknown');
    expect(durable).toMatch(new RegExp(`^version ${version}, sync_interval unknown`));
  });

  it('is not guessed from a configuration that cannot be read, and knows the server\'s default', async () => {
    nats = await startNats();
    await rm(join(nats.folder, 'nats.conf'));
    expect(await readDurability({ configPath: join(nats.folder, 'nats.conf'), version: undefined })).toContain('cannot be read');
    expect(syncIntervalOf('jetstream { store_dir: "/x" }')).toBeUndefined();
    expect(syncIntervalOf('# sync_interval: always\njetstream { sync_interval = "10s" }')).toBe('10s');
  });
});
