// An engine that is frozen, gone, or booted before us: our calls end, and no node runs before we say so.
import { setTimeout as delay } from 'node:timers/promises';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeDockerProvider } from '../../../host-actor/providers/docker/docker-provider.ts';
import type { DockerProvider } from '../../../host-actor/providers/docker/docker-provider.ts';
import { PrivateEngine, endingShell } from './private-engine.ts';
import { TestLab, buildSpec } from './test-nodes.ts';

const lab = new TestLab('host');
let engine: PrivateEngine;
let provider: DockerProvider;
const spec = buildSpec({ image: 'tprov-shell:1', cmd: endingShell, restartPolicy: 'always' });

beforeAll(async () => {
  engine = await PrivateEngine.start();
  await engine.importShell('tprov-shell:1');
  provider = makeDockerProvider({ hostId: lab.hostId, socketPath: engine.socketPath, deadlineMs: 1_000 });
});
afterAll(async () => {
  await lab.clear(provider);
  await engine.remove();
});

describe('docker provider and its engine', () => {
  it('T04: calls to a frozen engine end with a time-out, others go on meanwhile, and it is usable again', async () => {
    const placement = await lab.place('r1');
    const { node } = await provider.ensureCreated(spec, placement);
    await provider.ensureStarted(node.runtimeId, placement.sandbox);
    engine.signal('SIGSTOP');
    try {
      let ticks = 0;
      const ticking = setInterval(() => (ticks += 1), 5);
      const outcomes = await Promise.allSettled([
        provider.engineInfo(),
        provider.inspect(placement),
        provider.listOwned({ hostId: lab.hostId }),
        provider.ensureCreated(spec, { ...placement, generation: 2 }),
        provider.ensureStarted(node.runtimeId, placement.sandbox),
        provider.ensureStopped(node.runtimeId, { graceMs: 0 }),
        provider.ensureRemoved(placement),
        provider.exec(node.runtimeId, 'true'),
        provider.logTail(node.runtimeId, { lines: 1 }),
        provider.ensureImage('tprov-shell:1', 'if-not-present'),
        provider.readEventsSince('1.000000000', lab.hostId),
        ...Array.from({ length: 12 }, () => provider.inspect(placement)),
      ]);
      clearInterval(ticking);
      expect(ticks).toBeGreaterThan(20);
      for (const outcome of outcomes) expect(outcome).toMatchObject({ status: 'rejected', reason: { code: 'engine-timeout', retryable: true } });
    } finally {
      engine.signal('SIGCONT');
    }
    expect(await provider.inspect(placement)).toMatchObject({ found: 'ours', node: { runtimeId: node.runtimeId } });
    await provider.ensureRemoved(placement);
  });

  it('T04: a cancelled wait for a frozen engine ends at once', async () => {
    engine.signal('SIGSTOP');
    try {
      const leave = new AbortController();
      const waiting = Array.from({ length: 20 }, () => provider.engineInfo({ signal: leave.signal, deadlineMs: 60_000 }));
      await delay(1);
      leave.abort();
      for (const outcome of await Promise.allSettled(waiting)) expect(outcome).toMatchObject({ status: 'rejected', reason: { code: 'cancelled' } });
    } finally {
      engine.signal('SIGCONT');
    }
  });

  it('N10: after a reboot of the host no container runs before it is told to', async () => {
    const placement = await lab.place('r2');
    const { node } = await provider.ensureCreated(spec, placement);
    await provider.ensureStarted(node.runtimeId, placement.sandbox);
    await engine.shutDown();
    await engine.boot();
    expect(await engine.docker('ps', '-q')).toBe('');
    expect(await provider.inspect(placement)).toMatchObject({ found: 'ours', node: { runtimeId: node.runtimeId, status: 'exited' } });
    const again = await provider.ensureStarted(node.runtimeId, placement.sandbox);
    expect(again).toMatchObject({ outcome: 'started', node: { status: 'running' } });
    await provider.ensureRemoved(placement);
  });

  it('says that the engine does not answer', async () => {
    const nobody = makeDockerProvider({ hostId: lab.hostId, socketPath: '/tmp/tprov-no-such.sock' });
    await expect(nobody.engineInfo()).rejects.toMatchObject({ code: 'engine-unreachable', retryable: true });
    await expect(nobody.ensureCreated(spec, await lab.place('r3'))).rejects.toMatchObject({ code: 'engine-unreachable' });
  });

  it('makes nodes to be wired after the start where the engine takes no runtime of ours', async () => {
    const bare = await PrivateEngine.start('bare');
    try {
      await bare.importShell('tprov-shell:1');
      const own = makeDockerProvider({ hostId: lab.hostId, socketPath: bare.socketPath });
      expect(await own.engineInfo()).toMatchObject({ joinsNamespaces: false });
      const placement = await lab.place('r4');
      const { node } = await own.ensureCreated(spec, placement);
      expect(node.wiring).toBe('after-start');
      const started = await own.ensureStarted(node.runtimeId, placement.sandbox);
      const { stdout } = await execa('nsenter', ['-t', String(started.node.pid), '-n', 'ip', '-o', 'link']);
      expect(stdout.split('\n').map((line) => line.split(': ')[1])).toEqual(['lo']);
      expect(await own.ensureCreated(spec, placement)).toMatchObject({ outcome: 'reused', node: { pid: started.node.pid } });
      await own.ensureRemoved(placement);
    } finally {
      await bare.remove();
    }
  });
});
