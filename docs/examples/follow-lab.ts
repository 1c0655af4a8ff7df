// Example: prints the state of a lab and then each change, until the lab is destroyed.
// LABWRIGHT_NATS_URL=nats://... LABWRIGHT_NATS_CREDS=.../viewer.nk node docs/examples/follow-lab.ts LAB
import { LabId } from '../../machines/vocabulary/ids.ts';
import { connectNats } from '../../nats/connect.ts';
import { readCredentials } from '../../nats/credentials.ts';
import { createOpsClient } from '../../nats/ops-client.ts';
import { inboxPrefixOf } from '../../nats/roles.ts';

const { LABWRIGHT_NATS_URL: url = '', LABWRIGHT_NATS_CREDS: path = '' } = process.env;
const lab = LabId.parse(process.argv[2]);
const nc = await connectNats({ url, credentials: await readCredentials(path), inboxPrefix: inboxPrefixOf({ role: 'viewer' }), name: 'follow-lab' });
const ending = new AbortController();
for await (const { view, notice } of createOpsClient(nc).watch(lab, ending.signal)) {
  const running = view.nodes.filter((node) => node.state === 'running').length;
  console.log(`${view.lab} is ${view.state}: ${running} of ${view.nodes.length} nodes run`);
  for (const news of notice?.news ?? []) console.log(`  ${news}`);
  if (view.state === 'destroyed') ending.abort();
}
await nc.close();
