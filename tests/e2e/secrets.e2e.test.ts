// A secret of a lab file stays with those who may know it: no log of ours holds it, and a viewer is told it by no answer and no notice.
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findCredentials, readEndpoint } from '../../controller/endpoint.ts';
import { stateDir } from '../../controller/state-dir.ts';
import { NodeId } from '../../machines/vocabulary/ids.ts';
import { connectNats } from '../../nats/connect.ts';
import { readCredentials } from '../../nats/credentials.ts';
import { createOpsClient } from '../../nats/ops-client.ts';
import { inboxPrefixOf } from '../../nats/roles.ts';
import { lab } from '../support/lab-builders.ts';
import type { TestBed } from '../support/test-bed.ts';
import { labFromText, openTestBed } from '../support/test-bed.ts';

const SECRET = 'Xq7-only-operators-know';
const IN_LABEL = 'Zt4-nor-is-this-told';
const LAB = lab('e2esecret');
const FILE = `name: ${LAB}
topology:
  nodes:
    good:
      kind: linux
      image: labwright/linux:local
      env: { DB_PASSWORD: ${SECRET}, PLAIN: value-of-plain }
      labels: { my-api-token: ${IN_LABEL} }
      exec: ['env', 'sh -c "echo $DB_PASSWORD >&2; exit 3"']
    dies:
      kind: linux
      image: labwright/linux:local
      env: { DB_PASSWORD: ${SECRET} }
      cmd: sh -c "echo my password is $$DB_PASSWORD; exit 1"
    absent:
      kind: linux
      image: labwright/linux:local
      cmd: /no/such
      env: { DB_PASSWORD: ${SECRET} }
  links:
    - endpoints: [good:eth1, dies:eth1]
`;

describe('a secret in a lab file', () => {
  let bed: TestBed;
  beforeAll(async () => {
    bed = await openTestBed({ LABWRIGHT_LOG_LEVEL: 'trace' });
  });
  afterAll(async () => await bed.close());

  it('shows in no log, no notice and no answer to a viewer, while nodes fail, run and go', async () => {
    const endpoint = await readEndpoint(stateDir(bed.home));
    if (!endpoint) throw new Error('no endpoint');
    const role = { role: 'viewer' } as const;
    const nc = await connectNats({ url: endpoint.url, credentials: await readCredentials(await findCredentials(endpoint, role)), inboxPrefix: inboxPrefixOf(role), name: 'viewer' });
    const viewer = createOpsClient(nc);
    const heard: string[] = [];
    nc.subscribe('lw.v1.notice.*', { callback: (_error, message) => void heard.push(new TextDecoder().decode(message.data)) });
    await nc.flush();

    const spec = labFromText(FILE, join(bed.home, 'e2esecret.clab.yml'));
    await bed.deploy(spec);
    const view = await bed.settled(LAB, ['degraded']);
    expect(view.nodes.map((node) => [node.node, node.state])).toEqual([['absent', 'failed'], ['dies', 'failed'], ['good', 'running']]);
    const told = [
      await viewer.request('inspect', {}, { lab: LAB }), await viewer.request('history', { after: 0, limit: 1000 }, { lab: LAB }), await viewer.request('spec', {}, { lab: LAB }),
      await viewer.request('node', { node: NodeId.parse('good') }, { lab: LAB }), await viewer.request('plan', { spec: { ...spec, nodes: [] }, takeOver: false, reconfigure: true }, { lab: LAB }),
      await viewer.request('list', { destroyed: true }), await viewer.request('status', {}), await viewer.request('hosts', {}), await viewer.request('fingerprint', {}),
    ].map((answer) => JSON.stringify(answer));
    expect(told.filter((text) => text.includes(SECRET) || text.includes(IN_LABEL) || text.includes('value-of-plain'))).toEqual([]);
    expect(told[1]).toContain('DB_PASSWORD');

    // Who may change the lab may read it.
    const known = await bed.ops.request('spec', {}, { lab: LAB });
    expect(JSON.stringify(known)).toContain(SECRET);
    expect(JSON.stringify(await bed.ops.request('history', { after: 0, limit: 1000 }, { lab: LAB }))).toContain(SECRET);

    await bed.destroy(LAB);
    expect(heard.length).toBeGreaterThan(5);
    expect(heard.filter((text) => text.includes(SECRET) || text.includes(IN_LABEL))).toEqual([]);
    await nc.close();
    const logs = await logsOf(bed.home);
    expect(logs.map(({ path }) => path).join(' ')).toMatch(/host-actor.*supervisor/);
    expect(logs.filter(({ text }) => text.includes(SECRET) || text.includes(IN_LABEL)).map(({ path }) => path)).toEqual([]);
  });
});

async function logsOf(home: string): Promise<{ path: string; text: string }[]> {
  const paths = (await readdir(home, { recursive: true })).filter((path) => path.endsWith('.log') || /(^|\/)logs?\//.test(path)).toSorted();
  return await Promise.all(paths.map(async (path) => ({ path, text: await readFile(join(home, path), 'utf8').catch(() => '') })));
}
