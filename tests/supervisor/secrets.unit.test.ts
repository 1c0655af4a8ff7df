// What viewers are not told of a lab and its history.
import { describe, expect, it } from 'vitest';
import { entryWithoutEnv, secretsOf, withoutEnv, withoutSecrets } from '../../supervisor/secrets.ts';
import { aLab, aLink, aNode, host, lab, node } from '../support/lab-builders.ts';

const spec = aLab(
  [aNode('a', { env: { MODE: 'plain', DB_PASSWORD: 'hunter22' }, labels: { 'api-token': 'tok-123', colour: 'green' }, exec: ['login --as admin hunter22'] })],
  [aLink('a:eth1', 'b:eth1', { vars: { bgp: { password: 'md5-key' }, pass: 'abc' } })],
  { source: 'env: {DB_PASSWORD: hunter22}' },
);

describe('secrets of a lab', () => {
  it('are the values that bear the name of one, deep down too; short words are none', () => {
    expect(secretsOf(spec).toSorted()).toEqual(['hunter22', 'md5-key', 'tok-123']);
    expect(secretsOf(null)).toEqual([]);
  });

  it('show nowhere, and nothing else is lost', () => {
    const shown = withoutSecrets(withoutEnv(spec), secretsOf(spec));
    expect(shown.nodes[0]).toMatchObject({ env: { MODE: '(hidden)', DB_PASSWORD: '(hidden)' }, labels: { 'api-token': '(hidden)', colour: 'green' }, exec: ['login --as admin (hidden)'] });
    expect(shown.source).toBeUndefined();
    expect(shown.links[0]?.vars).toEqual({ bgp: { password: '(hidden)' }, pass: 'abc' });
  });

  it('do not show in what commands printed', () => {
    const entry = entryWithoutEnv({ v: 1, lab: lab('t'), n: 1, at: 1, term: 1, events: [{ type: 'Reported', host: host('h1'), observation: {
      type: 'node.exec-done', at: 1, node: node('a'), generation: 1, results: [{ command: 'env', target: 'container', exitCode: 0, stdout: 'MODE=plain', stderr: '' }],
    } }] });
    expect(entry.events[0]).toMatchObject({ observation: { results: [{ command: 'env', exitCode: 0, stdout: '(hidden)', stderr: '' }] } });
  });
});
