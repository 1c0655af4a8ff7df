// Verbs that change a lab go to its owner, whichever supervisor was asked; all else is answered by whoever was asked.
import type { LabId } from '../machines/vocabulary/ids.ts';
import { OPS } from '../nats/ops-contract.ts';
import type { OpsFailure, OpsVerb } from '../nats/ops-contract.ts';
import type { OpsHandler } from '../nats/ops-services.ts';
import type { Asker } from '../nats/roles.ts';
import type { OpsHandlers } from './ops-handlers.ts';
import type { Supervisor } from './supervisor.ts';

/** Changes no log, and must not be done twice: no owner is needed, and no repeat made. */
const HERE: readonly OpsVerb[] = ['node-exec'];

type Handler = (lab: LabId | undefined, request: unknown, asker: Asker) => Promise<unknown>;

/** Wraps the handlers, and has the supervisor carry out with them what others route to it. */
export function routeOps(handlers: OpsHandlers, parts: { supervisor: Pick<Supervisor, 'routed' | 'carry'>; failureOf: (error: unknown) => OpsFailure }): { readonly [V in OpsVerb]: OpsHandler } {
  const { supervisor, failureOf } = parts;
  // Requests are checked against the contract before they come here.
  const all = handlers as Readonly<Record<OpsVerb, Handler>>;
  const routed: Record<OpsVerb, Handler> = { ...all };
  for (const verb of Object.keys(OPS) as OpsVerb[]) {
    if (OPS[verb].kind === 'read' || HERE.includes(verb)) continue;
    routed[verb] = async (lab, request, asker) => {
      const here = async () => await all[verb](lab, request, asker);
      return lab === undefined ? await here() : await supervisor.routed({ lab, verb, request, asker }, here);
    };
  }
  supervisor.carry(async (verb, lab, request, asker) => {
    try {
      return { ok: true, value: await all[verb](lab, OPS[verb].request.parse(request), asker) };
    } catch (error) {
      return { ok: false, failure: failureOf(error) };
    }
  });
  return routed;
}
