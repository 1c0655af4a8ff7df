// The fingerprint as lines for a person.
import { describe, expect, it } from 'vitest';
import type { Probe } from '../../../host-actor/fingerprint/probe.ts';
import { renderFingerprintTable, summariseFingerprint } from '../../../host-actor/fingerprint/render-fingerprint.ts';

const probes: readonly Probe[] = [
  { id: 'engine', title: 'Container engine', status: 'ok', found: 'engine 20.10.24, API 1.41' },
  { id: 'netem', title: 'netem', status: 'missing', found: 'Specified qdisc kind is unknown.', costs: 'Delay is refused.', remedy: 'modprobe sch_netem' },
  { id: 'nats', title: 'NATS server', status: 'too-old', found: '2.9.10; 2.10.0 is needed', costs: 'It is not used.', remedy: 'Run ./setup/setup.sh.' },
];

describe('renderFingerprintTable', () => {
  it('shows cost and remedy below what is not well, in columns', () => {
    expect(renderFingerprintTable(probes, { colour: false })).toEqual([
      'ok       Container engine  engine 20.10.24, API 1.41',
      'missing  netem             Specified qdisc kind is unknown.',
      '                           costs:  Delay is refused.',
      '                           remedy: modprobe sch_netem',
      'too old  NATS server       2.9.10; 2.10.0 is needed',
      '                           costs:  It is not used.',
      '                           remedy: Run ./setup/setup.sh.',
    ]);
  });

  it('colours only the state', () => {
    expect(renderFingerprintTable(probes.slice(0, 1), { colour: true })).toEqual(['\u001b[32mok\u001b[0m  Container engine  engine 20.10.24, API 1.41']);
  });

  it('has no lines for no probes', () => {
    expect(renderFingerprintTable([], { colour: false })).toEqual([]);
  });
});

describe('summariseFingerprint', () => {
  it('counts each state that occurs', () => {
    expect(summariseFingerprint(probes)).toBe('1 ok, 1 missing, 1 too old');
  });
});
