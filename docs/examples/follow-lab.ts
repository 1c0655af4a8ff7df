// Example: prints the state of a lab and then each change, until the lab is destroyed.
// LABWRIGHT_NATS_URL=nats://... LABWRIGHT_NATS_CREDS=.../viewer.nk node docs/examples/follow-lab.ts LAB
import { LabId, openClient } from '../../nats/client.ts';

const { LABWRIGHT_NATS_URL: url = '', LABWRIGHT_NATS_CREDS: credentials = '' } = process.env;
const client = await openClient({ url, credentials, role: 'viewer', name: 'follow-lab' });
const ending = new AbortController();
for await (const { view, notice } of client.watch(LabId.parse(process.argv[2]), ending.signal)) {
  const running = view.nodes.filter((node) => node.state === 'running').length;
  console.log(`${view.lab} is ${view.state}: ${running} of ${view.nodes.length} nodes run`);
  for (const news of notice?.news ?? []) console.log(`  ${news}`);
  if (view.state === 'destroyed') ending.abort();
}
await client.close();
