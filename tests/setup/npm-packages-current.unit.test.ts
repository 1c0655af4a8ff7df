// When set-up takes node_modules for complete: same versions as locked, optional packages of other platforms apart.
import { describe, expect, it } from 'vitest';
import { differences } from '../../setup/npm-packages-current.ts';

const wanted = {
  packages: {
    '': { version: '0.1.0' },
    'node_modules/a': { version: '1.0.0' },
    'node_modules/b-win32': { version: '2.0.0', optional: true },
  },
};

describe('differences', () => {
  it('finds none when an optional package is absent', () => {
    expect(differences(wanted, { packages: { 'node_modules/a': { version: '1.0.0' } } })).toEqual([]);
  });

  it('names missing packages and other versions, optional ones too', () => {
    expect(differences(wanted, { packages: { 'node_modules/b-win32': { version: '2.0.1' } } })).toEqual([
      'node_modules/a: missing',
      'node_modules/b-win32: 2.0.1, wanted 2.0.0',
    ]);
  });

  it('lets packages of developers be absent where nobody develops', () => {
    const more = { packages: { ...wanted.packages, 'node_modules/dev': { version: '3.0.0', dev: true } } };
    const installed = { packages: { 'node_modules/a': { version: '1.0.0' } } };
    expect([differences(more, installed), differences(more, installed, 'without-dev')]).toEqual([['node_modules/dev: missing'], []]);
  });
});
