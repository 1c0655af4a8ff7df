// A host that is cut off in the middle of a stop: nobody says what became of the node until the host does.
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { signalProcess } from '../../controller/process-identity.ts';
import { readProcessRecord } from '../../controller/process-record.ts';
import { processRecordPath, stateDir } from '../../controller/state-dir.ts';
import { CommandId } from '../../machines/vocabulary/ids.ts';
import { eventually } from '../support/eventually.ts';
import { lab, node } from '../support/lab-builders.ts';
import { labFromText, openTestBed } from '../support/test-bed.ts';
import type { TestBed } from '../support/test-bed.ts';
import { refoldsToLive } from './lab-life.ts';
import { sh } from './node-hands.ts';

const NAME = 'te2e-cut';
const A = node('a');
// Its first process heeds no polite word, so that the stop takes its whole grace.
const text = `
name: ${NAME}
mgmt: {network: te2e-net-cut, ipv4-subnet: 172.31.101.64/26}
topology:
  defaults: {kind: linux, image: "alpine:3"}
  nodes:
    a: {cmd: "sh -c 'trap : TERM; while :; do sleep 1; done'"}
    b: {}
`;
let bed: TestBed;

beforeAll(async () => {
  bed = await openTestBed({ LABWRIGHT_HOST_LOST_SECONDS: '2' });
  await bed.deploy(labFromText(text, `/tmp/${NAME}/t.clab.yml`));
  await bed.settled(NAME, ['running']);
});
afterAll(async () => {
  await signalHost('SIGCONT');
  await bed.close();
});

async function signalHost(signal: NodeJS.Signals): Promise<void> {
  const record = await readProcessRecord(processRecordPath(stateDir(bed.home), 'host-actor'));
  if (record?.identity !== undefined) signalProcess(record.identity, signal);
}

const stateOf = async (id: string) => (await bed.view(NAME)).nodes.find((one) => one.node === id)?.state;

it('S06: the node is unknown while its host is cut off in its stop, and what it is once the host is back', async () => {
  await bed.ops.request('node-stop', { commandId: CommandId.parse(randomUUID()), nodes: [A] }, { lab: lab(NAME) });
  await eventually(async () => (await stateOf('a')) === 'stopping', { what: 'the stop to begin', everyMs: 5 });
  await signalHost('SIGSTOP');
  await eventually(async () => (await stateOf('a')) === 'unknown', { what: 'the host to be lost', timeoutMs: 20_000 });
  expect(await stateOf('b')).toBe('unknown');
  await signalHost('SIGCONT');
  await eventually(async () => (await stateOf('a')) === 'stopped' && (await stateOf('b')) === 'running', { what: 'the host to say what is', timeoutMs: 30_000 });
  expect(await sh('docker', 'ps', '--format', '{{.Names}}', '--filter', `name=^clab-${NAME}-`)).toBe(`clab-${NAME}-b`);
  await refoldsToLive(bed, NAME);
});
