// Turns the signals of this process into orders for the parent.
import { EventEmitter, on } from 'node:events';
import type { ParentOrder } from './parent.ts';

const ORDERS: ReadonlyArray<readonly [NodeJS.Signals, ParentOrder]> = [
  ['SIGTERM', 'stop'],
  ['SIGINT', 'stop'],
  ['SIGHUP', 'retry'],
  ['SIGUSR2', 'release'],
];

/** Orders from now on, in the order they came: SIGTERM and SIGINT stop, SIGHUP retries what failed, SIGUSR2 leaves all running. */
export const signalOrders = (): AsyncIterable<ParentOrder> => {
  const bus = new EventEmitter();
  const queue = on(bus, 'order');
  for (const [signal, order] of ORDERS) process.on(signal, () => bus.emit('order', order));
  return unwrap(queue);
};

async function* unwrap(queue: AsyncIterable<unknown[]>): AsyncGenerator<ParentOrder> {
  for await (const [order] of queue) {
    if (order === 'stop' || order === 'release' || order === 'retry') yield order;
  }
}
