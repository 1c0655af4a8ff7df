// Running probes: order, deadline, failures.
import { describe, expect, it } from 'vitest';
import type { ProbeSpec } from '../../../host-actor/fingerprint/probe.ts';
import { ProgramMissingError } from '../../../host-actor/fingerprint/run-command.ts';
import { runProbes } from '../../../host-actor/fingerprint/run-probes.ts';

const context = { env: {}, procDir: '/proc', stateDir: '/', engineSocket: '/none' };
const spec = (id: string, run: ProbeSpec['run'], deadlineMs = 1_000): ProbeSpec => ({ id, title: `title ${id}`, costs: 'cost', remedy: 'remedy', deadlineMs, run });

describe('runProbes', () => {
  it('answers in the order of the specs, however few run at once', async () => {
    const specs = ['a', 'b', 'c'].map((id) => spec(id, () => Promise.resolve({ status: 'ok', found: id })));
    expect((await runProbes(specs, context, 2)).map((probe) => probe.id)).toEqual(['a', 'b', 'c']);
  });

  it('P07: gives a finding with cost and remedy for a probe that never ends, and tells it to stop', async () => {
    let stopped = false;
    const hanging = spec('h', ({ signal }) => new Promise(() => signal.addEventListener('abort', () => { stopped = true; })), 20);
    const probes = await runProbes([hanging], context, 1);
    expect(probes).toEqual([{ id: 'h', title: 'title h', status: 'not-effective', found: 'no answer within 0.02 s', costs: 'cost', remedy: 'remedy' }]);
    expect(stopped).toBe(true);
  });

  it('names the package of a program that is not there', async () => {
    const probes = await runProbes([spec('m', () => Promise.reject(new ProgramMissingError('tc')))], context, 1);
    expect(probes[0]).toMatchObject({ status: 'missing', found: 'program tc is not there', remedy: 'Install iproute2, which brings tc.' });
  });

  it('says what an unexpected error said', async () => {
    const probes = await runProbes([spec('e', () => Promise.reject(new Error('no such thing')))], context, 1);
    expect(probes[0]).toMatchObject({ status: 'not-effective', found: 'no such thing', remedy: 'remedy' });
  });
});
