// The hello of a host: it says what it speaks and hears what the supervisor speaks, before it joins and each time it connects.
import type { Msg, NatsConnection } from '@nats-io/transport-node';
import { z } from 'zod';
import type { HostId } from '../machines/vocabulary/ids.ts';
import { HostState } from '../machines/vocabulary/host-view.ts';
import { mayAnswerTo } from './roles.ts';
import { beatSubject } from './subjects.ts';

/** Sent on the host's beat subject with a reply subject; a beat has none. */
export const Hello = z.object({ hello: z.object({ protocol: z.number().int(), version: z.string() }) });
export type Hello = z.infer<typeof Hello>;

export const HelloAnswer = z.object({
  v: z.literal(1),
  protocol: z.number().int(),
  version: z.string(),
  /** Why the supervisor will not work with this host; unset = it will. */
  refusal: z.string().optional(),
  /** `unknown`: the supervisor never heard of the host. */
  state: z.union([HostState, z.literal('unknown')]),
  problem: z.string().optional(),
  /** Nodes that labs have on it. */
  nodes: z.number().int(),
});
export type HelloAnswer = z.infer<typeof HelloAnswer>;

/** Asks as that host; undefined when no supervisor answers in time, or only one that knows no hello. */
export async function sayHello(nc: NatsConnection, host: HostId, own: Hello['hello'], timeoutMs = 2_000): Promise<HelloAnswer | undefined> {
  const reply = await nc.request(beatSubject(host), JSON.stringify({ hello: own } satisfies Hello), { timeout: timeoutMs }).catch(() => undefined);
  const parsed = HelloAnswer.safeParse(parsedOrUndefined(reply?.string()));
  return parsed.success ? parsed.data : undefined;
}

/** The hello in a message on a beat subject; undefined for a sign of life, and where an answer could reach what is no inbox. */
export function helloIn(message: Msg): Hello['hello'] | undefined {
  if (message.reply === undefined || !mayAnswerTo(message.reply)) return undefined;
  return Hello.safeParse(parsedOrUndefined(message.string())).data?.hello;
}

export function answerHello(message: Msg, answer: HelloAnswer): void {
  message.respond(JSON.stringify(answer));
}

function parsedOrUndefined(text: string | undefined): unknown {
  try {
    return text === undefined ? undefined : JSON.parse(text);
  } catch {
    return undefined;
  }
}
