// A loop that fails is seen: counted, said to be late, named in the log as an alarm, and well again once it works.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterEach, expect, it } from 'vitest';
import { HostActor } from '../../../host-actor/host-actor.ts';
import { makeSimulatedHands } from '../../../host-actor/providers/simulated/simulated-hands.ts';
import { HostId } from '../../../machines/vocabulary/ids.ts';
import { eventually } from '../../support/eventually.ts';

const undo: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const one of undo.splice(0)) await one();
});

it('T02 S01: a rejection in the enforcement loop raises an alarm, and the loop goes on', async () => {
  const host = HostId.parse('sim');
  const hands = makeSimulatedHands(host);
  let isBroken = false;
  const repair = async () => await (isBroken ? Promise.reject(new Error('the kernel does not answer')) : hands.network.repair());
  const lines: string[] = [];
  const log = pino({ level: 'info' }, { write: (line: string) => void lines.push(line) });
  const ledgerDir = await mkdtemp(join(tmpdir(), 'tloop-'));
  const actor = new HostActor({ hands: { ...hands, network: { ...hands.network, repair } }, ledgerDir, log, sweepEveryMs: 20 });
  undo.push(async () => await actor.stop(), async () => await rm(ledgerDir, { recursive: true, force: true }));
  await actor.open();
  await actor.start();
  const loop = () => actor.status().loops.find(({ name }) => name === 'sweep');
  await eventually(() => (loop()?.runs ?? 0) > 1, { what: 'rounds of the loop' });
  isBroken = true;
  await eventually(() => loop()?.late === true && (loop()?.failures ?? 0) > 1, { what: 'an alarm' });
  expect(lines.some((line) => line.includes('"level":50') && line.includes('sweep'))).toBe(true);
  expect(lines.some((line) => line.includes('the kernel does not answer'))).toBe(true);
  isBroken = false;
  await eventually(() => loop()?.late === false, { what: 'the end of the alarm' });
});
