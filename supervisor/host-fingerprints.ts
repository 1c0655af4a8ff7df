// What hosts said they can do: asked anew when the digest in their signs of life is another one.
import type { NatsConnection } from '@nats-io/transport-node';
import type { Logger } from 'pino';
import { z } from 'zod';
import { HostProbe } from '../machines/vocabulary/host-view.ts';
import type { HostFingerprint } from '../machines/vocabulary/host-view.ts';
import type { HostId } from '../machines/vocabulary/ids.ts';
import { rpcSubject } from '../nats/subjects.ts';

const Reading = z.object({ probes: z.array(HostProbe), readAt: z.number() });
const ANSWER_MS = 60_000;

type Known = { readonly first: readonly HostProbe[]; readonly probes: readonly HostProbe[]; readonly readAt: number };

export class HostFingerprints {
  readonly #nc: NatsConnection;
  readonly #logger: Logger;
  readonly #digests = new Map<HostId, string>();
  readonly #known = new Map<HostId, Known>();

  constructor(nc: NatsConnection, logger: Logger) {
    this.#nc = nc;
    this.#logger = logger;
  }

  /** A sign of life with this digest was heard. Never waits, never rejects. */
  note(host: HostId, digest: string | undefined): void {
    if (digest === undefined || this.#digests.get(host) === digest) return;
    this.#digests.set(host, digest);
    this.#ask(host).catch((err: unknown) => {
      // Asked again with its next sign of life.
      this.#digests.delete(host);
      this.#logger.warn({ err, hostId: host }, 'what the host can do could not be asked');
    });
  }

  forget(host: HostId): void {
    this.#digests.delete(host);
    this.#known.delete(host);
  }

  /** What is not well, and what changed since it was asked first; undefined while the host has not told. */
  of(host: HostId): HostFingerprint | undefined {
    const known = this.#known.get(host);
    if (!known) return undefined;
    const before = new Map(known.first.map(({ id, status }) => [id, status]));
    return {
      readAt: known.readAt, notWell: known.probes.filter(({ status }) => status !== 'ok'),
      changed: known.probes.flatMap(({ id, title, status }) => (before.get(id) === status ? [] : [{ id, title, before: before.get(id) ?? 'not known', now: status }])),
    };
  }

  async #ask(host: HostId): Promise<void> {
    const reply = await this.#nc.request(rpcSubject(host, 'fingerprint'), JSON.stringify({ fresh: false }), { timeout: ANSWER_MS });
    const { probes, readAt } = Reading.parse(reply.json());
    this.#known.set(host, { first: this.#known.get(host)?.first ?? probes, probes, readAt });
  }
}
