// What hosts lack of the images, devices and bridges that labs name, asked of them before nodes are placed.
import type { NatsConnection } from '@nats-io/transport-node';
import type { Logger } from 'pino';
import { z } from 'zod';
import type { Facts } from '../machines/plan/plan-lab.ts';
import { HostThings } from '../machines/vocabulary/host-things.ts';
import type { HostId } from '../machines/vocabulary/ids.ts';
import { rpcSubject } from '../nats/subjects.ts';

const Answer = z.union([HostThings, z.object({ error: z.object({ message: z.string() }) })]);
const TIMEOUT_MS = 3_000;
const KINDS = ['images', 'devices', 'bridges'] as const;

export type HostLacks = {
  /** Asks all joined hosts. Of one that does not answer in time, or is too old to, what it said last holds. */
  learn(things: HostThings): Promise<void>;
  /** What the host was asked about and did not have; undefined when it never answered. */
  of(host: HostId): HostThings | undefined;
};

export function createHostLacks(nc: NatsConnection, parts: { logger: Logger; hosts: () => Facts['hosts'] }): HostLacks {
  const known = new Map<HostId, HostThings>();
  const ask = async (host: HostId, things: HostThings): Promise<void> => {
    const reply = await nc.request(rpcSubject(host, 'lacks'), JSON.stringify(things), { timeout: TIMEOUT_MS });
    const answer = Answer.parse(reply.json());
    if ('error' in answer) throw new Error(answer.error.message);
    known.set(host, newer(known.get(host), { asked: things, answer }));
  };
  return {
    async learn(things) {
      if (KINDS.every((kind) => things[kind].length === 0)) return;
      const joined = parts.hosts().filter((host) => host.state === 'joined');
      await Promise.all(joined.map(async ({ id }) => await ask(id, things).catch((error: unknown) => parts.logger.warn({ err: error, hostId: id }, 'host does not say what it lacks of what the lab names'))));
    },
    of: (host) => known.get(host),
  };
}

/** What was not asked about now is as it was. */
function newer(before: HostThings | undefined, { asked, answer }: { asked: HostThings; answer: HostThings }): HostThings {
  const merged = (kind: (typeof KINDS)[number]): string[] => [...(before?.[kind] ?? []).filter((name) => !asked[kind].includes(name)), ...answer[kind]];
  return { images: merged('images'), devices: merged('devices'), bridges: merged('bridges') };
}
