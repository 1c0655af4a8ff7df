// Golden tests of what a person is told about a lab file: each case file has its text beside it.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { renderIssue } from '../../topology/issue.ts';
import { readLab } from '../../topology/read-lab.ts';

const folder = new URL('cases/', import.meta.url);
const cases = readdirSync(folder).filter((name) => name.endsWith('.clab.yml')).toSorted();

describe('texts of faults and warnings', () => {
  it('has cases', () => expect(cases.length).toBeGreaterThan(8));

  it.each(cases)('%s', (name) => {
    const text = readFileSync(new URL(name, folder), 'utf8');
    const result = readLab({ text, path: `/labs/${name}`, folder: '/labs', env: { HOME: '/root' } });
    const issues = 'faults' in result ? result.faults : [];
    const shown = [...issues, ...result.warnings].map((issue) => renderIssue(issue, name));
    const told = `${'lab' in result ? 'accepted' : 'refused'}\n\n${shown.join('\n')}\n`;
    const golden = new URL(name.replace('.clab.yml', '.errors.txt'), folder);
    // To accept changed texts: GOLDEN=write npx vitest run --project unit tests/topology/golden-errors.unit.test.ts
    if (process.env['GOLDEN'] === 'write') writeFileSync(golden, told);
    expect(told).toBe(readFileSync(golden, 'utf8'));
  });
});
