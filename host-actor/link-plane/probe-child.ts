// Sends probes from the network namespace that this process was started in: a list of probes a line in, the failures a line out.
import { createInterface } from 'node:readline';
import { z } from 'zod';
import { Probe, sendProbes } from './send-probes.ts';

for await (const line of createInterface({ input: process.stdin })) {
  const failures = await sendProbes(z.array(Probe).parse(JSON.parse(line)));
  process.stdout.write(`${JSON.stringify([...failures])}\n`);
}
