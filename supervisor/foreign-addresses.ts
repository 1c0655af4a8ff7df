// Management addresses that other people's containers hold, asked of the hosts before addresses are leased.
import type { NatsConnection } from '@nats-io/transport-node';
import type { Logger } from 'pino';
import { z } from 'zod';
import type { Facts } from '../machines/plan/plan-lab.ts';
import { rpcSubject } from '../nats/subjects.ts';

const Answer = z.union([z.object({ addresses: z.array(z.string()) }), z.object({ error: z.object({ message: z.string() }) })]);
const TIMEOUT_MS = 3_000;

export type ForeignAddresses = {
  /** Asks all joined hosts about one network; one that does not answer in time keeps what it said last. */
  learn(network: string): Promise<void>;
  of(network: string): readonly string[];
};

export function createForeignAddresses(nc: NatsConnection, parts: { logger: Logger; hosts: () => Facts['hosts'] }): ForeignAddresses {
  const known = new Map<string, ReadonlyMap<string, readonly string[]>>();
  const ask = async (host: Facts['hosts'][number]['id'], network: string): Promise<readonly string[]> => {
    const reply = await nc.request(rpcSubject(host, 'addresses'), JSON.stringify({ network }), { timeout: TIMEOUT_MS });
    const answer = Answer.parse(reply.json());
    if ('error' in answer) throw new Error(answer.error.message);
    return answer.addresses;
  };
  return {
    async learn(network) {
      const before = known.get(network);
      const joined = parts.hosts().filter((host) => host.state === 'joined');
      const told = await Promise.all(joined.map(async ({ id }) => [id, await ask(id, network).catch((error: unknown) => {
        parts.logger.warn({ err: error, hostId: id, network }, 'host does not say which addresses are taken');
        return before?.get(id) ?? [];
      })] as const));
      known.set(network, new Map(told));
    },
    of: (network) => [...(known.get(network)?.values() ?? [])].flat(),
  };
}
