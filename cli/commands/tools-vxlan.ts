// tools vxlan: tunnels stitched to an interface of this machine by hand, outside of labs; made here and now, supervised by nobody.
import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { z } from 'zod';
import { command } from '../command-spec.ts';
import type { CommandSpec } from '../command-spec.ts';
import { CliError, EXIT } from '../exit-code.ts';

const MAX_VNI = 16_777_215;
const Port = z.coerce.number().int().min(1).max(65_535);

const create = command({
  usage: 'create',
  summary: 'make a VXLAN tunnel and join it to an interface of this machine',
  details: [
    'Needs root. What comes in at the interface leaves through the tunnel, and the other way round; the tunnel is called vx-<interface>.',
    'For a node of a lab, write a link of type vxlan-stitch into the lab file instead: that one is supervised, repaired and removed with the lab.',
  ].join('\n'),
  examples: ['labwright tools vxlan create --remote 10.0.0.20 --id 10 --link r1-eth1', 'labwright tools vxlan create --remote 10.0.0.20 --id 11 --link r1-eth2 --dst-port 4789'],
  options: [
    { flags: '--remote <address>', text: 'the far end of the tunnel', required: true },
    { flags: '-l, --link <interface>', text: 'interface of this machine that is joined to the tunnel', required: true },
    { flags: '-i, --id <vni>', text: 'VXLAN network identifier (10)' },
    { flags: '--dev <interface>', text: 'interface that the tunnel leaves by (by the route)' },
    { flags: '-m, --mtu <bytes>', text: 'MTU of the tunnel (what fits the underlay)' },
    { flags: '--port <port>', text: 'as --dst-port' },
    { flags: '-p, --dst-port <port>', text: 'UDP port of the far end, and here (14789)' },
    { flags: '-s, --src-port <port>', text: 'UDP port that packets leave from (by flow)' },
  ],
  schema: z.object({
    remote: z.string().min(1), link: z.string().min(1), id: z.coerce.number().int().min(1).max(MAX_VNI).default(10), dev: z.string().min(1).optional(),
    mtu: z.coerce.number().int().min(68).max(65_535).optional(), port: Port.optional(), dstPort: Port.optional(), srcPort: z.coerce.number().int().min(0).max(65_534).optional(),
  }),
  run: async ({ terminal, globals }, options) => {
    const { createHostTunnel } = await import('../../host-actor/host-tunnels.ts');
    const tunnel = await plain(createHostTunnel({
      link: options.link, remote: await addressOf(options.remote), vni: options.id, udpPort: options.dstPort ?? options.port ?? 14_789, srcPort: options.srcPort, parent: options.dev, mtu: options.mtu,
    }));
    for (const [from, to] of [[tunnel.name, options.link], [options.link, tunnel.name]]) terminal.log('INFO', `configuring ingress mirroring with tc in the direction of ${from} -> ${to}`);
    if (globals.json) terminal.out(JSON.stringify(tunnel, undefined, 2));
    return EXIT.ok;
  },
});

const remove = command({
  usage: 'delete',
  summary: 'remove tunnels that tools vxlan create made',
  details: 'Only tunnels made by this command go; others whose names fit are named and left alone.',
  examples: ['labwright tools vxlan delete', 'labwright tools vxlan delete --prefix vx-r1', 'labwright tools vxlan delete --name vx-r1-eth1'],
  options: [
    { flags: '-p, --prefix <text>', text: 'those whose names begin so (vx-)' },
    { flags: '-n, --name <name>', text: 'the one of exactly this name' },
  ],
  schema: z.object({ prefix: z.string().min(1).optional(), name: z.string().min(1).optional() }).refine(({ prefix, name }) => prefix === undefined || name === undefined, { message: 'goes with --prefix or with --name, not with both', path: ['name'] }),
  run: async ({ terminal, globals }, { prefix, name }) => {
    const { deleteHostTunnels } = await import('../../host-actor/host-tunnels.ts');
    const { removed, left } = await plain(deleteHostTunnels(name === undefined ? { prefix: prefix ?? 'vx-' } : { name }));
    for (const tunnel of removed) terminal.log('INFO', `Deleting VxLAN link ${tunnel.name}`);
    for (const device of left) terminal.log('WARN', 'Left alone: labwright tools vxlan create did not make it', { link: device });
    if (globals.json) terminal.out(JSON.stringify({ removed, left }, undefined, 2));
    return EXIT.ok;
  },
});

export const vxlanCommand: CommandSpec = {
  usage: 'vxlan',
  summary: 'VXLAN tunnels at interfaces of this machine',
  examples: ['labwright tools vxlan create --remote 10.0.0.20 --id 10 --link r1-eth1', 'labwright tools vxlan delete'],
  subcommands: [create, remove],
};

/** @throws {CliError} `remote-unknown`. */
async function addressOf(remote: string): Promise<string> {
  if (isIP(remote) !== 0) return remote;
  try {
    return (await lookup(remote)).address;
  } catch (cause) {
    throw new CliError(EXIT.failed, 'remote-unknown', `the name ${remote} has no address`, { cause });
  }
}

/** The refusals of the host's hands, in this command's words. */
async function plain<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (cause) {
    if (!(cause instanceof Error)) throw cause;
    const hint = /not permitted|EPERM/.test(cause.message) ? ': run it as root' : '';
    throw new CliError(EXIT.failed, 'tunnel-refused', `${cause.message}${hint}`, { cause });
  }
}
