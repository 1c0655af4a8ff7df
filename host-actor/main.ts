// The host-actor process: keeps this host as it was last ordered, with or without NATS; ends on a signal and leaves all running.
import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { NatsConnection } from '@nats-io/transport-node';
import { pino } from 'pino';
import { z } from 'zod';
import { HOST_PROTOCOL } from '../machines/vocabulary/host-protocol.ts';
import { connectNats, serverFeatures } from '../nats/connect.ts';
import { readCredentials } from '../nats/credentials.ts';
import { askForFile, giveFile } from '../nats/file-question.ts';
import { LOG_REDACTION, shownUrl } from '../nats/log-redaction.ts';
import { publishReports } from '../nats/report-queue.ts';
import { inboxPrefixOf } from '../nats/roles.ts';
import { consumeOrders } from '../nats/work-queue.ts';
import type { HostActorConfig } from './config.ts';
import { readConfig } from './config.ts';
import { Fence } from './fence.ts';
import { FingerprintKeeper } from './fingerprint-keeper.ts';
import { readFingerprint } from './fingerprint/read-fingerprint.ts';
import { fitReports } from './fit-reports.ts';
import { startHeartbeat } from './heartbeat.ts';
import { readCapacity } from './host-capacity.ts';
import { HostActor } from './host-actor.ts';
import { makeHostSight } from './host-sight.ts';
import { LabFiles } from './lab-files/lab-files.ts';
import { toolRunnerIn } from './link-plane/run-tool.ts';
import { createTcLinkPlane } from './link-plane/tc-link-plane.ts';
import { makeMgmtHands } from './mgmt-hands.ts';
import { createOvsSwitch } from './ovs-plane/ovs-switch.ts';
import { readPlanes } from './ovs-plane/read-planes.ts';
import { startOrderFlow } from './order-flow.ts';
import { makeDockerProvider } from './providers/docker/docker-provider.ts';
import { serveRpc } from './rpc.ts';
import { createTakenTunnelsReader } from './taken-tunnels.ts';
import { createUnderlayReader } from './underlay-address.ts';

const CONNECT_AGAIN_MS = 500;
/** How often it is proved that orders can reach this host. */
const CONTACT_EVERY_MS = 1_000;
const END_WITHIN_MS = 5_000;

const config = await readConfig(process.env);
const log = pino({ level: config.logLevel, redact: LOG_REDACTION, base: { room: 'host-actor', pid: process.pid, hostId: config.host } });
const { engineSocket } = config;
const provider = makeDockerProvider({ hostId: config.host, socketPath: engineSocket });
const ovsSwitch = createOvsSwitch({ runDir: config.ovsRunDir, log, ...(config.ovsSharedBridge === undefined ? {} : { mode: 'vlan', bridge: config.ovsSharedBridge.name }) });
const files = new LabFiles({ stateDir: config.stateDir });
const actor = new HostActor({
  hands: {
    host: config.host,
    provider,
    plane: createTcLinkPlane({ stateDir: join(config.stateDir, 'link-plane'), log, crossConnect: ovsSwitch, defaultPlane: config.plane }),
    network: makeMgmtHands({ host: config.host, stateDir: config.stateDir, hostsFile: config.hostsFile, engineSocket, joinsNamespaces: async () => await provider.joinsNamespaces() }),
    sight: makeHostSight({ host: config.host, engineSocket }),
    files,
  },
  ledgerDir: config.ledgerDir,
  log,
  repairs: config.repairs,
  sweepEveryMs: config.sweepEveryMs,
  echoEveryMs: config.echoEveryMs,
  onLedgerBroken: (err) => giveUp(err, 'ledger cannot be written'),
});
let stopped: Promise<void> | undefined;
const stopActor = (): Promise<void> => (stopped ??= keeping.then(async () => await actor.stop()));
const ending = new AbortController();
process.once('SIGTERM', () => ending.abort());
process.once('SIGINT', () => ending.abort());

await actor.open();
// What was ordered is kept whether NATS answers or not; what it has for us is heard first.
const news = Promise.withResolvers<void>();
const keeping = actor.start(news.promise).catch((err: unknown) => giveUp(err, 'host-actor could not begin to keep its orders'));
void provider.removeStrayProbes().catch((err: unknown) => log.debug({ err }, 'probes of an earlier run could not be removed'));
const nc = await connect(config, ending.signal);
const leave = nc === undefined ? async () => {} : await serve(nc);
await untilAborted(ending.signal);
log.info('host-actor ends, nodes and links stay');
await Promise.race([leave().then(stopActor), delay(END_WITHIN_MS)]);
await nc?.close();
process.exit(0);

/** Half alive is worse than dead: the parent starts the process again, which reads what is on disk. */
function giveUp(err: unknown, what: string): never {
  log.fatal({ err }, what);
  process.exit(1);
}

async function serve(connection: NatsConnection): Promise<() => Promise<void>> {
  const version = await readVersion();
  const facts = { version, protocol: HOST_PROTOCOL, instance: randomUUID(), startedAt: Math.round(performance.timeOrigin), bootId: (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim() };
  const fingerprint = new FingerprintKeeper({ log, now: Date.now, firstAfterMs: config.fingerprintAfterMs, whenCalm: async () => await actor.whenCalm(), read: async (how) => await readFingerprint({ stateDir: config.stateDir, engineSocket, ...how }) });
  fingerprint.start();
  const readUnderlay = createUnderlayReader({ configured: config.underlayAddress, natsUrl: config.natsUrl });
  const readTakenTunnels = createTakenTunnelsReader({ host: config.host, run: toolRunnerIn(undefined), ovs: ovsSwitch });
  const readFacts = async () => ({
    underlay: await readUnderlay(),
    capacity: await readCapacity(config.stateDir, config.capacity),
    tunnels: await readTakenTunnels().catch(() => undefined),
    ...(await readPlanes(ovsSwitch, config.plane, config.ovsSharedBridge)),
    joinsNamespaces: await provider.joinsNamespaces().catch(() => undefined),
    ...(config.repairs.safe && config.repairs.invasive ? {} : { repairs: config.repairs }),
    pace: provider.pace(),
  });
  const fence = new Fence({
    instance: facts.instance, log, now: Date.now, changed: () => heart.beat(),
    giveUp: async () => {
      await flow.stop();
      await stopActor();
    },
  });
  const heart = startHeartbeat(connection, { host: config.host, facts, readFacts, status: () => actor.status(), fingerprint: () => fingerprint.digest(), fenced: () => fence.fenced, log });
  actor.onEngine(() => heart.beat());
  actor.connect((reports, id) => publishReports(connection, config.host, fitReports(reports, serverFeatures(connection).maxPayload / 2), id));
  files.connect({ fetch: async (sha256) => await askForFile(connection, config.host, sha256), give: async (bytes) => await giveFile(connection, config.host, bytes) });
  const flow = startOrderFlow(connection, {
    host: config.host, version, log,
    open: () => consumeOrders(connection, config.host, { schema: z.unknown(), handle: (orders) => actor.accept(orders), onProblem: (err) => log.warn({ err }, 'queue of orders complained'), onCaughtUp: news.resolve }),
  });
  serveRpc(connection, { ...actor.context, context: actor.context, fingerprint, fence });
  log.info({ ...facts, natsUrl: shownUrl(config.natsUrl) }, 'host-actor takes orders');
  const contact = setInterval(() => void connection.rtt().then(() => actor.noteContact(), () => undefined), CONTACT_EVERY_MS);
  return async () => {
    clearInterval(contact);
    fingerprint.stop();
    heart.stop();
    await flow.stop();
  };
}

async function connect(to: HostActorConfig, signal: AbortSignal): Promise<NatsConnection | undefined> {
  while (!signal.aborted) {
    try {
      return await connectNats({
        url: to.natsUrl,
        credentials: await readCredentials(to.credentialsPath),
        inboxPrefix: inboxPrefixOf({ role: 'host', hostId: to.host }),
        name: `labwright host-actor ${to.host}`,
      });
    } catch (err) {
      news.resolve();
      log.warn({ err }, 'NATS does not answer, orders are kept without it');
      await delay(CONNECT_AGAIN_MS, undefined, { signal }).catch(() => undefined);
    }
  }
  return undefined;
}

async function readVersion(): Promise<string> {
  const text = await readFile(join(import.meta.dirname, '..', 'package.json'), 'utf8');
  return z.object({ version: z.string() }).parse(JSON.parse(text)).version;
}

async function untilAborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}
