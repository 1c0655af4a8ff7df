// The complete list of what a host can be ordered to do, and who does it.
import type { Order, OrderType } from '../machines/vocabulary/effect.ts';
import type { HostContext, Seen } from './host-context.ts';
import { ensureLink, removeLink } from './link-handlers.ts';
import { ensureNetwork, removeNetwork } from './network-handlers.ts';
import { saveNode } from './save-node.ts';
import { execInNode, prepareNode, removeNode, startNode, stopNode } from './node-handlers.ts';

type Handlers = { readonly [T in OrderType]: (context: HostContext, order: Extract<Order, { type: T }>) => Promise<Seen> };

/** Each handler is idempotent and answers with what it read back; a throw is the failure of the order. */
export const effectHandlers: Handlers = {
  'network.ensure': ensureNetwork,
  'network.remove': removeNetwork,
  'node.prepare': prepareNode,
  'node.start': startNode,
  'node.stop': stopNode,
  'node.remove': removeNode,
  'node.exec': execInNode,
  'node.save': saveNode,
  'link.ensure': ensureLink,
  'link.remove': removeLink,
};

/** Carries out one order. */
export async function carryOut(context: HostContext, order: Order): Promise<Seen> {
  switch (order.type) {
    case 'network.ensure':
      return await effectHandlers['network.ensure'](context, order);
    case 'network.remove':
      return await effectHandlers['network.remove'](context, order);
    case 'node.prepare':
      return await effectHandlers['node.prepare'](context, order);
    case 'node.start':
      return await effectHandlers['node.start'](context, order);
    case 'node.stop':
      return await effectHandlers['node.stop'](context, order);
    case 'node.remove':
      return await effectHandlers['node.remove'](context, order);
    case 'node.exec':
      return await effectHandlers['node.exec'](context, order);
    case 'node.save':
      return await effectHandlers['node.save'](context, order);
    case 'link.ensure':
      return await effectHandlers['link.ensure'](context, order);
    case 'link.remove':
      return await effectHandlers['link.remove'](context, order);
  }
}
