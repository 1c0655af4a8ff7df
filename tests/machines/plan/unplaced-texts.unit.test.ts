// The refusal of a deploy whose nodes fit on no host, word by word: the cause, what it leaves open of single hosts, what would help.
import { describe, expect, it } from 'vitest';
import { decide } from '../../../machines/decide/decide.ts';
import { initialLab } from '../../../machines/evolve/lab-state.ts';
import type { Facts } from '../../../machines/plan/plan-lab.ts';
import type { NodeSpec } from '../../../machines/vocabulary/lab-spec.ts';
import { NO_THINGS } from '../../../machines/vocabulary/host-things.ts';
import { aLab, aNode, facts, host, lab, node } from '../../support/lab-builders.ts';

type Host = Facts['hosts'][number];
const GIB = 2 ** 30;
const aHost = (number: number, over: Partial<Host> = {}): Host => ({
  id: host(`h${number}`), state: 'joined', underlay: { address: `10.200.0.${number}`, device: 'under', mtu: 1500 }, capacity: { cpus: 8, memoryMiB: 4352, diskMiB: 100_000, devices: [] }, ...over,
});
const withoutImage = { lacks: { ...NO_THINGS, images: ['own:1'] } };
const LOCAL = { image: 'own:1', imagePullPolicy: 'never' } as const;
const large = (id: string, over: Partial<NodeSpec> = {}): NodeSpec => aNode(id, { memoryBytes: 8 * GIB, ...over });

function refusal(nodes: NodeSpec[], hosts: Host[]): string[] {
  const decision = decide({ type: 'lab.deploy', spec: aLab(nodes), takeOver: false, reconfigure: false }, initialLab(lab('t')), facts({ hosts }));
  return decision.kind === 'rejected' ? decision.rejections.map(({ message }) => message) : [decision.kind];
}

describe('nodes that fit on no host are refused', () => {
  it.each<[string, NodeSpec[], Host[], string]>([
    ['for want of room', [large('a')], [aHost(1), aHost(2)],
      'a cannot be placed: it needs 8192 MiB of memory, the largest free is 4096 MiB of memory on h1. It would fit with: lower memory of a to 4096 MiB of memory (h1), or add a host with 8192 MiB of memory, 0.01 cores, 32 MiB of disk free'],
    ['for want of room, while other hosts take nothing', [large('a', LOCAL)], [aHost(1), aHost(2, { state: 'cordoned' }), aHost(3, withoutImage)],
      'a cannot be placed: it needs 8192 MiB of memory, the largest free is 4096 MiB of memory on h1 (h2: it is cordoned; h3: it lacks the image own:1, which may not be pulled). It would fit with: lower memory of a to 4096 MiB of memory (h1), or add a host with 8192 MiB of memory, 0.01 cores, 32 MiB of disk, image own:1 free'],
    ['because each host lacks something', [aNode('a', LOCAL)], [aHost(1, withoutImage), aHost(2, { state: 'draining' })],
      'a cannot be placed: h1: it lacks the image own:1, which may not be pulled; h2: it is being drained. It would fit with: have h2 back in service, or bring the image own:1 to h1, or add a host with 32 MiB of memory, 0.01 cores, 32 MiB of disk, image own:1 free'],
    ['because many hosts lack the same', [aNode('a', LOCAL)], [1, 2, 3, 4, 5].map((number) => aHost(number, number === 5 ? { state: 'suspect' } : withoutImage)),
      'a cannot be placed: h1, h2, h3 and 1 more: it lacks the image own:1, which may not be pulled; h5: it does not answer at present. It would fit with: have h5 back in service, or bring the image own:1 to h1, or bring the image own:1 to h2, or bring the image own:1 to h3, or add a host with 32 MiB of memory, 0.01 cores, 32 MiB of disk, image own:1 free'],
    ['because the host of their pin is full', [large('a', { host: 'h2' })], [aHost(1, { capacity: { cpus: 8, memoryMiB: 32_768, diskMiB: 100_000, devices: [] } }), aHost(2), aHost(3)],
      'a cannot be placed: the file pins it to h2: 8192 MiB of memory needed, 4096 MiB of memory free. It would fit with: lower memory of a to 4096 MiB of memory (h2), or take its pin away: it fits on h1, or let h2 be a host with 8192 MiB of memory, 0.01 cores, 32 MiB of disk free'],
    ['because their pin names no host', [aNode('a', { host: 'h9' })], [aHost(1), aHost(2)],
      'a cannot be placed: the file pins it to h9, which is no host here. It would fit with: take its pin away: it fits on h1, or let h9 be a host with 32 MiB of memory, 0.01 cores, 32 MiB of disk free'],
    ['because they must be together and are pinned apart', [aNode('a', { host: 'h1' }), aNode('b', { host: 'h2', network: { mode: 'node', node: node('a') } })], [aHost(1), aHost(2)],
      'a, b cannot be placed: they must be on one host, and the file pins them to h1 and h2. It would fit with: pin a, b to one host'],
  ])('%s', (_why, nodes, hosts, text) => {
    expect(refusal(nodes, hosts)).toEqual([text]);
  });
});
