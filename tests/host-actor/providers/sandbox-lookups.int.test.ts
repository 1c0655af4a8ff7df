// Look-ups of the OCI runtime: one a node, whatever became of its earlier containers.
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { ownershipMark } from '../../../host-actor/providers/docker/container-labels.ts';
import { SandboxLookups } from '../../../host-actor/providers/docker/sandbox-lookups.ts';
import { readLookups, removeLookup } from '../../../host-actor/providers/docker/stray-lookups.ts';
import { HostId, LabId, NodeId } from '../../../machines/vocabulary/ids.ts';

const key = (node: string, host = 'h1') => ({ labId: LabId.parse('l'), nodeId: NodeId.parse(node), hostId: HostId.parse(host) });
let dir: string;
beforeEach(async () => void (dir = await mkdtemp(join(tmpdir(), 'tlookups-'))));
afterEach(async () => await rm(dir, { recursive: true }));

it('a container that a person removed leaves none behind once the node has another, also one of an earlier process', async () => {
  await new SandboxLookups(dir).write('one', '/proc/self/ns/net', ownershipMark(key('a')));
  const lookups = new SandboxLookups(dir);
  await lookups.write('other', '/proc/self/ns/net', ownershipMark(key('b')));
  await lookups.write('two', '/proc/self/ns/net', ownershipMark(key('a')));
  await lookups.write('two', '/proc/self/ns/net', ownershipMark(key('a')));
  expect((await readdir(dir)).toSorted()).toEqual(['other', 'two']);
  await lookups.removeOf(ownershipMark(key('a')));
  expect(await readdir(dir)).toEqual(['other']);
});

it.each([['before it wrote a word', ''], ['before it put it in place', `/proc/self/ns/net\n${ownershipMark(key('a'))}\n`]])('one that a process of ours began and was killed %s goes with its container, one of another container stays', async (_when, text) => {
  await writeFile(join(dir, 'one.7.new'), text);
  await writeFile(join(dir, 'one2.7.new'), '');
  const lookups = new SandboxLookups(dir);
  await lookups.remove('one');
  await lookups.removeOf(ownershipMark(key('a')));
  expect(await readdir(dir)).toEqual(['one2.7.new']);
});

it('D06: those of a host are told by their exact mark', async () => {
  const lookups = new SandboxLookups(dir);
  await lookups.write('one', '/proc/self/ns/net', ownershipMark(key('a')));
  await lookups.write('two', '/proc/self/ns/net', ownershipMark(key('a', 'h10')));
  await lookups.write('three', '/proc/self/ns/net', 'somebody else\'s words');
  expect(await readLookups(HostId.parse('h1'), dir)).toEqual([{ runtimeId: 'one', lab: 'l', node: 'a' }]);
  await removeLookup('one', dir);
  expect((await readdir(dir)).toSorted()).toEqual(['three', 'two']);
});
