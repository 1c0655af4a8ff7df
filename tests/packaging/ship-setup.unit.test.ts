// What the shell files of set-up look like in a package.
import { describe, expect, it } from 'vitest';
import { renameScripts } from '../../packaging/ship-setup.ts';

describe('renameScripts', () => {
  it('spells our scripts as JavaScript and leaves all else as it is', () => {
    expect(renameScripts('"$node" "$setup_dir/register-runtime.ts" "$config" a.ts')).toBe('"$node" "$setup_dir/register-runtime.js" "$config" a.ts');
  });
});
