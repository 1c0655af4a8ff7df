// Program: lets the hosts on the underlay reach NATS, which listens on loopback only. Arguments: process in the underlay's network, address, port there, port of NATS here.
import { fork } from 'node:child_process';
import { createServer, connect, Server } from 'node:net';
import type { Socket } from 'node:net';

const [network = '', address = '', port = '', natsPort = ''] = process.argv.slice(2);

function join(host: Socket): void {
  const nats = connect(Number(natsPort), '127.0.0.1');
  for (const [from, to] of [[host, nats], [nats, host]] as const) {
    from.setNoDelay(true);
    from.pipe(to);
    from.on('error', () => undefined);
    from.on('close', () => to.destroy());
  }
}

if (process.send !== undefined && network === 'listen') {
  // Inside the underlay: a socket stays in the network in which it was made, wherever it is handed to.
  const server = createServer().listen(Number(port), address, () => process.send?.('listens', server));
} else {
  const inside = fork(import.meta.filename, ['listen', address, port], { execPath: 'nsenter', execArgv: ['-t', network, '-n', process.execPath] });
  inside.once('message', (_text, handle) => {
    if (!(handle instanceof Server)) throw new Error('no socket came from the underlay');
    handle.on('connection', join);
    // It would accept connections, too.
    inside.once('exit', () => process.stdout.write('listens\n'));
    inside.kill('SIGKILL');
  });
}
