// Two supervisors over a real engine and kernel: one ends or stands still in the middle of a deploy, the other finishes it.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { RecordedEntry } from '../../machines/evolve/upcast.ts';
import type { LogEntry } from '../../machines/vocabulary/event.ts';
import type { EventLog } from '../../nats/event-log.ts';
import { openEventLog } from '../../nats/event-log.ts';
import { chooseOwner } from '../../supervisor/members.ts';
import { eventually } from '../support/eventually.ts';
import { isAlive } from '../support/faults/strike.ts';
import { lab as labId } from '../support/lab-builders.ts';
import type { SupervisorProcess } from '../support/supervisor-process.ts';
import { writtenTooLate } from '../support/supervisors.ts';
import { labFromText } from '../support/test-bed.ts';
import { openTestHosts } from '../support/test-hosts.ts';
import type { TestHosts } from '../support/test-hosts.ts';

const LEASE_SECONDS = 3;
const NODES = 8;
const file = (name: string): string => `
name: ${name}
mgmt: {network: ${name}-net, ipv4-subnet: 172.31.119.0/24}
topology:
  defaults: {kind: linux, image: "alpine:3"}
  nodes:
${Array.from({ length: NODES }, (_, index) => `    n${index}: {exec: ["ip addr add 10.0.${index}.1/24 dev eth1", "ip addr add 10.0.${(index + NODES - 1) % NODES}.2/24 dev eth2"]}`).join('\n')}
  links:
${Array.from({ length: NODES }, (_, index) => `    - endpoints: ["n${index}:eth1", "n${(index + 1) % NODES}:eth2"]`).join('\n')}
`;

let bed: TestHosts;
let log: EventLog<LogEntry>;
beforeAll(async () => {
  bed = await openTestHosts({ hosts: 2, images: ['alpine:3'], supervisors: 2, supervisorEnv: { LABWRIGHT_LEASE_SECONDS: String(LEASE_SECONDS) } });
  log = await openEventLog(await bed.nats.connect({ role: 'supervisor' }), RecordedEntry);
});
beforeEach(async () => {
  if (bed.supervisors.filter(isAlive).length < 2) await bed.startSupervisor();
  await eventually(async () => {
    const members = (await bed.ops.request('status', {})).supervisors.map(({ id }) => id);
    return bed.supervisors.filter(isAlive).every((one) => members.includes(one.id()));
  }, { timeoutMs: 30_000, what: 'two supervisors to be members' });
});
afterEach(async () => await bed?.destroyAll());
afterAll(async () => await bed?.close());

async function entriesOf(name: string): Promise<LogEntry[]> {
  const entries: LogEntry[] = [];
  for await (const { entry } of log.read(labId(name))) entries.push(entry);
  return entries;
}

/** Deploys, and resolves with the supervisor that owns the lab while some of its nodes were made and others were not. */
async function inTheMiddle(name: string): Promise<SupervisorProcess> {
  await bed.deploy(labFromText(file(name), `/tmp/${name}/t.clab.yml`));
  await eventually(async () => (await entriesOf(name)).some(({ events }) => events.some((event) => event.type === 'Reported' && event.observation.type === 'node.engine')), { timeoutMs: 30_000, everyMs: 10, what: 'the first container' });
  expect((await bed.view(name)).state).toBe('deploying');
  const owner = chooseOwner(bed.supervisors.filter(isAlive).map((one) => one.id()), name);
  const found = bed.supervisors.find((one) => one.id() === owner);
  if (found === undefined) throw new Error(`nobody is ${owner}`);
  return found;
}

const takeoversOf = (entries: readonly LogEntry[]) => entries.flatMap(({ events }) => events.flatMap((event) => (event.type === 'TakenOver' ? [event] : [])));

/** All containers there are of the lab, one a node, made once; and every link carries packets. */
async function isWhole(name: string): Promise<void> {
  await bed.settled(name, ['running']);
  const containers = (await Promise.all(bed.hosts.map(async (host) => (await host.exec('docker', 'ps', '-a', '--format', '{{.Names}}')).split('\n').filter(Boolean)))).flat();
  expect(containers.toSorted()).toEqual(Array.from({ length: NODES }, (_, index) => `clab-${name}-n${index}`));
  const { nodes } = await bed.view(name);
  const pings = nodes.map(async ({ host, containerName, node }) => {
    const index = Number(node.slice(1));
    const from = bed.hosts.find(({ id }) => id === host);
    await eventually(async () => await from?.exec('docker', 'exec', containerName, 'ping', '-c1', '-W1', `10.0.${index}.2`).then(() => true, () => false), { timeoutMs: 20_000, what: `ping from ${node}` });
  });
  await Promise.all(pings);
  const creations = (await entriesOf(name)).flatMap(({ events }) => events.flatMap((event) => (event.type === 'Reported' && event.observation.type === 'node.engine' && event.observation.action === 'create' ? [event.observation.node] : [])));
  expect(creations.toSorted()).toEqual([...new Set(creations)].toSorted());
}

describe('a deploy on real engines by one of two supervisors', () => {
  it('S10: is finished by the other when the first is killed in the middle; nothing is made twice', async () => {
    const owner = await inTheMiddle('te2e-two1');
    await owner.kill();
    await isWhole('te2e-two1');
    expect(takeoversOf(await entriesOf('te2e-two1')).at(-1)?.supervisor).not.toBe(owner.id());
    expect(writtenTooLate(await entriesOf('te2e-two1'))).toEqual([]);
  });

  it('S19: is finished by the other when the first stands still past its lease, and that one writes nothing when it wakes', async () => {
    const owner = await inTheMiddle('te2e-two2');
    owner.pause();
    await eventually(async () => takeoversOf(await entriesOf('te2e-two2')).some(({ supervisor }) => supervisor !== owner.id()), { timeoutMs: 60_000, everyMs: 50, what: 'another owner' });
    owner.resume();
    await eventually(() => owner.output().includes('stood still until others took its labs'), { timeoutMs: 20_000, what: 'the woken one to notice' });
    await isWhole('te2e-two2');
    // Each term is one owner's: what was written in an old one after the next began would be the woken one's.
    const entries = await entriesOf('te2e-two2');
    expect(writtenTooLate(entries)).toEqual([]);
    expect(new Set(takeoversOf(entries).map(({ term }) => term)).size).toBe(takeoversOf(entries).length);
  });
});
