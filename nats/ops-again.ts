// A request that went to one of several supervisors and may be lost with it is sent again to all: who owns what it is about answers.
import type { MsgHdrs } from '@nats-io/transport-node';
import { headers } from '@nats-io/transport-node';

/** Whoever shares requests with others leaves those with this header to the one whom they concern. */
export const AGAIN_HEADER = 'Lw-Again';

/** Code of the answer of a supervisor that ends: another one is to be asked. */
export const STOPPING = 'stopping';

/** Code of the answer of one that does not own the lab (any more), or stood still. */
export const STEPPED_DOWN = 'stepped-down';

/** Headers of a request that all supervisors are to hear. */
export function againHeaders(): MsgHdrs {
  const again = headers();
  again.set(AGAIN_HEADER, '1');
  return again;
}
