// The fingerprint as lines for a person: state, what, what was found; below what is not well its cost and cure.
import type { Probe, ProbeStatus } from './probe.ts';

const COLOUR: Readonly<Record<ProbeStatus, string>> = { ok: '32', missing: '31', 'too-old': '33', 'not-effective': '33' };
const WORD: Readonly<Record<ProbeStatus, string>> = { ok: 'ok', missing: 'missing', 'too-old': 'too old', 'not-effective': 'not effective' };

/** Lines without line ends. */
export const renderFingerprintTable = (probes: readonly Probe[], options: { readonly colour: boolean }): string[] => {
  const stateWidth = Math.max(0, ...probes.map((probe) => WORD[probe.status].length));
  const titleWidth = Math.max(0, ...probes.map((probe) => probe.title.length));
  const indent = ' '.repeat(stateWidth + titleWidth + 4);
  return probes.flatMap((probe) => {
    const word = WORD[probe.status].padEnd(stateWidth);
    const state = options.colour ? `\u001b[${COLOUR[probe.status]}m${word}\u001b[0m` : word;
    const head = `${state}  ${probe.title.padEnd(titleWidth)}  ${probe.found}`;
    return probe.status === 'ok' ? [head] : [head, `${indent}costs:  ${probe.costs}`, `${indent}remedy: ${probe.remedy}`];
  });
};

/** How many are in each state, in one line. */
export const summariseFingerprint = (probes: readonly Probe[]): string => {
  const counts = (['ok', 'missing', 'too-old', 'not-effective'] as const).map((status) => [probes.filter((probe) => probe.status === status).length, WORD[status]] as const);
  return counts.filter(([count]) => count > 0).map(([count, word]) => `${count} ${word}`).join(', ');
};
