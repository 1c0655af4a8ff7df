// A subscriber on a thread of its own, as people's are in processes of their own: notes when each notice came.
import { parentPort, workerData } from 'node:worker_threads';
import { z } from 'zod';
import { connectNats } from '../nats/connect.ts';
import { readCredentials } from '../nats/credentials.ts';
import { inboxPrefixOf } from '../nats/roles.ts';
import { noticeSubject } from '../nats/subjects.ts';

const { url, credentials } = z.object({ url: z.string(), credentials: z.string() }).parse(workerData);
const nc = await connectNats({ url, credentials: await readCredentials(credentials), inboxPrefix: inboxPrefixOf({ role: 'viewer' }), name: 'bench viewer' });
/** Nanoseconds of the machine's monotonic clock, by lab and number. */
const seenAt = new Map<string, bigint>();
nc.subscribe(noticeSubject(), { callback: (_error, message) => {
  const at = process.hrtime.bigint();
  const notice: { lab: string; n: number } = message.json();
  seenAt.set(`${notice.lab}/${notice.n}`, at);
} });
await nc.flush();
parentPort?.once('message', () => {
  void nc.flush().then(async () => {
    parentPort?.postMessage(seenAt);
    await nc.close();
  });
});
parentPort?.postMessage('listening');
