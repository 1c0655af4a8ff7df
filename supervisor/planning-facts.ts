// What decisions may know beyond their lab's log: asked of the hosts and read of other labs before, at hand when it is decided.
import type { NatsConnection } from '@nats-io/transport-node';
import type { Logger } from 'pino';
import { thingsOf } from '../machines/place/placement-of-spec.ts';
import type { Facts } from '../machines/plan/plan-lab.ts';
import type { LabId } from '../machines/vocabulary/ids.ts';
import type { LabSpec } from '../machines/vocabulary/lab-spec.ts';
import type { ClaimsBook } from './claims-book.ts';
import { collectFacts, firstLabNumber } from './facts.ts';
import { createForeignAddresses } from './foreign-addresses.ts';
import { createHostLacks } from './host-lacks.ts';
import type { HostRegistry } from './host-registry.ts';

export type PlanningFactsParts = {
  readonly logger: Logger;
  readonly now: () => number;
  readonly hosts: Pick<HostRegistry, 'facts'>;
  readonly claims: Pick<ClaimsBook, 'all'>;
  /** Of the log's incarnation. */
  readonly incarnation: string;
};

export type PlanningFacts = {
  readonly of: (lab: LabId) => Facts;
  /** Asks the hosts for what a decision on this lab has to know. */
  learn(spec: LabSpec): Promise<void>;
};

export function createPlanningFacts(nc: NatsConnection, { logger, now, hosts, claims, incarnation }: PlanningFactsParts): PlanningFacts {
  const foreign = createForeignAddresses(nc, { logger, hosts: () => hosts.facts() });
  const lacks = createHostLacks(nc, { logger, hosts: () => hosts.facts() });
  const firstNumber = firstLabNumber(incarnation);
  return {
    of: (lab) => collectFacts(lab, { now: now(), claims: claims.all(), hosts: hosts.facts().map((host) => ({ ...host, lacks: lacks.of(host.id) })), firstNumber, foreignAddresses: (network) => foreign.of(network) }),
    async learn(spec) {
      await Promise.all([foreign.learn(spec.mgmt.network), lacks.learn(thingsOf(spec.nodes))]);
    },
  };
}
