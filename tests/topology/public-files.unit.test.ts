// Real lab files of many authors must be accepted; the list is made from a folder beside the repository when it is there.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { accepted } from './read-fixture.ts';

const folder = new URL('../../../shared/topologies/', import.meta.url);
const files = existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith('.clab.yml')) : [];
const own = new URL('cases/example.clab.yml', import.meta.url);

describe('files that people wrote', () => {
  it('accepts the example of this repository', () => {
    const { lab, warnings } = accepted(readFileSync(own, 'utf8'));
    expect(warnings).toEqual([]);
    expect(lab.nodes.map((node) => `${node.id} ${node.runtime}`)).toEqual(['bridge1 bridge', 'host1 container', 'host2 container', 'router1 container', 'router2 container', 'sidecar container']);
    expect(lab.links.map((link) => link.id)).toEqual([
      'bridge1:r2--router2:eth3',
      'dummy--router2:loop1',
      'host1:eth1--router1:eth2',
      'host2:eth1--router2:eth2',
      'host:up1--router1:eth9',
      'mgmt-net:r1mgmt--router1:eth8',
      'router1:eth1--router2:eth1',
    ]);
  });
});

describe.skipIf(files.length === 0)(`public files${files.length === 0 ? ` (skipped: no folder ${folder.pathname})` : ''}`, () => {
  it('are 36', () => expect(files.length).toBe(36));

  it.each(files)('%s is accepted', (name) => {
    const { lab } = accepted(readFileSync(new URL(name, folder), 'utf8'));
    expect(lab.nodes.length).toBeGreaterThan(0);
    expect(new Set(lab.links.map((link) => link.id)).size).toBe(lab.links.length);
  });
});
