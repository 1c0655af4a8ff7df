// Strikes one fault: each kind with what it does, and to whom the chances point.
import { setTimeout as delay } from 'node:timers/promises';
import type { HostWish } from '../../../machines/vocabulary/host-view.ts';
import { z } from 'zod';
import { pick } from '../seeded-random.ts';
import type { TestHost } from '../test-hosts.ts';
import type { Fault, FaultKind } from './fault-plan.ts';
import type { FaultWorld } from './fault-world.ts';
import { LEFT_AFTER_MS, OWN_BRIDGE, SHARED_BRIDGE, SHARED_BRIDGE_HOST } from './fault-world.ts';
import { leaveExtra } from './leave-extra.ts';

/** Whom it hits, in words, for the report; undefined where no victim is there at the moment. */
type Strike = (world: FaultWorld, chances: Fault['chances']) => Promise<string | undefined>;

/** What it did, or why it did not strike, in words. */
export type Struck = { readonly kind: FaultKind; readonly hit: boolean; readonly words: string };

const LONGEST_PAUSE_MS = 3_000;

/** Faults that last are left to the healing. */
export async function strike(world: FaultWorld, { kind, chances }: Fault): Promise<Struck> {
  try {
    const words = await STRIKES[kind](world, chances);
    return { kind, hit: words !== undefined, words: words ?? 'nobody was there' };
  } catch (error) {
    // Another fault was faster, or the engine is away: a fault that cannot strike is none.
    return { kind, hit: false, words: `failed: ${(error instanceof Error ? error.message : String(error)).split('\n').slice(0, 2).join(': ').replace(/^Command failed: nsenter .*? -- /, '')}` };
  }
}

const STRIKES: Readonly<Record<FaultKind, Strike>> = {
  'actor-kill': async ({ bed }, [who, , length]) => {
    const host = upHost(bed.hosts, who);
    await host.actor.kill();
    await delay(length * LONGEST_PAUSE_MS);
    if (length < 0.7) await host.actor.start();
    return `${host.id}, away for ${length < 0.7 ? `${Math.round(length * LONGEST_PAUSE_MS)} ms` : 'the round'}`;
  },
  'actor-pause': async ({ bed }, [who, , length]) => {
    const host = upHost(bed.hosts, who);
    host.actor.pause();
    await delay(length * LONGEST_PAUSE_MS);
    if (length < 0.6) host.actor.resume();
    return `${host.id}, for ${length < 0.6 ? `${Math.round(length * LONGEST_PAUSE_MS)} ms` : 'the round'}`;
  },
  'supervisor-kill': async ({ bed }, [who]) => {
    const victim = pick(bed.supervisors.filter(isAlive), who);
    await victim.kill();
    return String(victim.child.pid);
  },
  'supervisor-pause': async ({ bed }, [who, , length]) => {
    const victim = pick(bed.supervisors.filter(isAlive), who);
    victim.pause();
    await delay(length * LONGEST_PAUSE_MS);
    if (length < 0.5) victim.resume();
    return `${victim.child.pid}, for ${length < 0.5 ? `${Math.round(length * LONGEST_PAUSE_MS)} ms` : 'the round'}`;
  },
  'nats-kill': async ({ bed }, [, , length]) => {
    await bed.nats.kill();
    await delay(length * LONGEST_PAUSE_MS);
    await bed.nats.start();
    return `away for ${Math.round(length * LONGEST_PAUSE_MS)} ms`;
  },
  'nats-pause': async ({ bed }, [, , length]) => {
    // Half of them last so long that every host is out of contact and ends what may live elsewhere by then.
    const ms = Math.round(length < 0.5 ? length * LONGEST_PAUSE_MS : length * LEFT_AFTER_MS);
    bed.nats.pause();
    await delay(ms);
    bed.nats.resume();
    return `for ${ms} ms`;
  },
  'cut-all': async ({ bed }, [who]) => {
    const host = upHost(bed.hosts, who);
    await host.cut();
    return host.id;
  },
  'cut-one-way': async ({ bed }, [who, way, far]) => {
    const [host, direction] = [upHost(bed.hosts, who), way < 0.5 ? 'send' as const : 'hear' as const];
    const others = bed.hosts.filter((one) => one !== host);
    await host.cut({ direction, from: far < 0.3 ? 'all' : [pick(others, far)] });
    return `${host.id} cannot ${direction}`;
  },
  'cut-pair': async ({ bed }, [who, whom]) => {
    const host = upHost(bed.hosts, who);
    const other = pick(bed.hosts.filter((one) => one !== host), whom);
    await host.cut({ from: [other] });
    return `${host.id} from ${other.id}`;
  },
  'cut-control': async ({ bed }, [who]) => {
    const host = upHost(bed.hosts, who);
    await host.cut({ from: 'control' });
    return `${host.id} from NATS`;
  },
  'device-deleted': onDevice(/^lw/, (device) => ['ip', 'link', 'del', device]),
  'device-down': onDevice(/^lw/, (device) => ['ip', 'link', 'set', device, 'down']),
  'port-unplugged': onDevice(/^lw/, (device) => ['ip', 'link', 'set', device, 'nomaster']),
  'bridge-deleted': onDevice(/^br-/, (device) => ['ip', 'link', 'del', device]),
  'redirects-removed': onDevice(/^lw/, (device, chance) => (chance < 0.5 ? ['tc', 'qdisc', 'del', 'dev', device, 'clsact'] : ['tc', 'filter', 'del', 'dev', device, 'ingress'])),
  'mtu-changed': onDevice(/^lw(?!-)/, (device, chance) => ['ip', 'link', 'set', device, 'mtu', String(1200 + Math.floor(chance * 200))]),
  'remote-changed': onTunnel(async (host, { device, vni }) => await host.exec('ip', 'link', 'set', device, 'type', 'vxlan', 'id', String(vni), 'remote', '10.199.0.77')),
  'tunnel-replaced': onTunnel(async (host, { device, vni, mark }, chance) => {
    const path = chance < 0.5 ? ['id', String(vni ^ 0x800000), 'dstport', '4789'] : ['id', String(vni), 'dstport', '4790'];
    // It would be mended half-way.
    if (host.actor.isRunning()) host.actor.pause();
    try {
      await host.exec('ip', 'link', 'del', device);
      await host.exec('ip', 'link', 'add', device, 'type', 'vxlan', ...path, 'remote', '10.199.0.77');
      await host.exec('ip', 'link', 'property', 'add', 'dev', device, 'altname', mark);
      await host.exec('ip', 'link', 'set', device, 'up');
    } finally {
      if (host.actor.isRunning()) host.actor.resume();
    }
    return path.join(' ');
  }),
  'underlay-mtu': async ({ bed }, [who, , how]) => {
    const host = upHost(bed.hosts, who);
    const mtu = 1300 + Math.floor(how * 150);
    await host.exec('ip', 'link', 'set', 'under', 'mtu', String(mtu));
    return `${host.id} has ${mtu}`;
  },
  'extra-object': async (world, chances) => await leaveExtra(world, chances),
  'inner-end-deleted': async ({ bed, labs }, [who, which]) => {
    const host = upHost(bed.hosts, who);
    const spaces = (await host.exec('ip', 'netns')).split('\n').flatMap((line) => line.split(' ')[0] || []).filter((name) => labs.some((lab) => name.startsWith(`clab-${lab.name}`))).toSorted();
    const space = pick(spaces, which);
    const port = pick(['eth0', 'eth1', 'eth1', 'eth2'], (which * 7) % 1);
    await host.exec('ip', '-n', space, 'link', 'del', port);
    return `${port} of ${space} on ${host.id}`;
  },
  'rules-removed': async ({ bed }, [who]) => {
    const host = upHost(bed.hosts, who);
    const table = /table inet (labwright-\S+)/.exec(await host.exec('nft', 'list', 'tables'))?.[1];
    if (table === undefined) return undefined;
    await host.exec('nft', 'delete', 'table', 'inet', table);
    return `${table} on ${host.id}`;
  },
  'container-killed': onContainer('kill'),
  'container-removed': onContainer('rm', '-f'),
  'container-restarted': onContainer('restart', '-t', '1'),
  'container-stopped': onContainer('stop', '-t', '1'),
  'engine-killed': async ({ bed }, [who, , length]) => {
    const host = upHost(bed.hosts, who);
    await host.engine.kill();
    await delay(length * LONGEST_PAUSE_MS);
    if (host.isUp()) await host.engine.start();
    return host.id;
  },
  'host-lost': async ({ bed }, [who]) => {
    const host = upHost(bed.hosts, who);
    await host.lose();
    return host.id;
  },
  'host-left': untilItIsLeft(async (host) => await host.lose()),
  'host-fenced': untilItIsLeft(async (host) => await host.cut()),
  'host-frozen': untilItIsLeft(async (host) => host.actor.pause()),
  'host-drained': async ({ bed }, [who, , length]) => {
    const host = upHost(bed.hosts, who);
    const wish = async (wanted: HostWish) => await bed.ops.request('host-wish', { commandId: bed.nextId(), host: host.id, wish: wanted }, { timeoutMs: 5_000 });
    await wish('draining');
    await delay(length * LEFT_AFTER_MS);
    if (length < 0.3) await wish('open');
    return `${host.id}, for ${length < 0.3 ? `${Math.round(length * LEFT_AFTER_MS)} ms` : 'the round'}`;
  },
  'switch-killed': async ({ bed }, [who]) => await restartDaemon(upHost(bed.hosts, who), 'switch'),
  'switch-database-killed': async ({ bed }, [who]) => await restartDaemon(upHost(bed.hosts, who), 'database'),
  'switch-port-removed': onSwitchPort(async (host, port) => await host.exec('ovs-vsctl', '--no-wait', '--timeout=5', 'del-port', port)),
  'vlan-changed': onSwitchPort(async (host, port, chance) => await host.exec('ovs-vsctl', '--no-wait', '--timeout=5', 'set', 'port', port, `tag=${2 + Math.floor(chance * 90)}`), SHARED_BRIDGE),
  'flows-removed': async ({ bed }, [who]) => {
    const host = upHost(bed.hosts, who);
    const bridge = (await host.exec('ovs-vsctl', '--timeout=5', 'list-br')).split('\n').find((name) => name === OWN_BRIDGE || name === SHARED_BRIDGE);
    if (bridge === undefined) return undefined;
    await host.exec('ovs-ofctl', '-O', 'OpenFlow14', 'del-flows', `unix:/run/openvswitch/${bridge}.mgmt`, ...(bridge === OWN_BRIDGE ? [] : ['cookie=0x6c77000000000000/0xffff000000000000']));
    return `of ${bridge} on ${host.id}`;
  },
};

export const isAlive = ({ child }: { child: { exitCode: number | null; signalCode: string | null } }): boolean => child.exitCode === null && child.signalCode === null;

const upHost = (hosts: readonly TestHost[], chance: number): TestHost => pick(hosts.filter((host) => host.isUp()), chance);

/** Past the time after which nodes go elsewhere; the host is there again when all is healed. */
function untilItIsLeft(take: (host: TestHost) => Promise<void>): Strike {
  return async ({ bed }, [who]) => {
    const host = upHost(bed.hosts, who);
    await take(host);
    await delay(LEFT_AFTER_MS);
    return host.id;
  };
}

function onDevice(named: RegExp, command: (device: string, chance: number) => string[]): Strike {
  return async ({ bed }, [who, which, how]) => {
    const host = upHost(bed.hosts, who);
    const device = pick((await host.exec('ls', '/sys/class/net')).split('\n').filter((name) => named.test(name)).toSorted(), which);
    const argv = command(device, how);
    await host.exec(...argv);
    return `${argv.join(' ')} on ${host.id}`;
  };
}

type Tunnel = { readonly device: string; readonly vni: number; readonly mark: string };
const VxlanLinks = z.array(z.object({ ifname: z.string().optional(), altnames: z.array(z.string()).optional(), linkinfo: z.object({ info_data: z.object({ id: z.number().optional(), remote: z.string().optional() }).optional() }).optional() }));

/** Of a link; that of a management network has many far ends. */
function onTunnel(change: (host: TestHost, tunnel: Tunnel, chance: number) => Promise<string>): Strike {
  return async ({ bed }, [who, which, how]) => {
    const host = upHost(bed.hosts, who);
    const found = VxlanLinks.parse(JSON.parse(await host.exec('ip', '-j', '-d', 'link', 'show', 'type', 'vxlan'))).flatMap(({ ifname, altnames, linkinfo }): Tunnel[] => {
      const [vni, mark] = [linkinfo?.info_data?.id, altnames?.find((name) => name.startsWith(`lw.${host.id}.`))];
      return ifname === undefined || vni === undefined || mark === undefined || linkinfo?.info_data?.remote === undefined ? [] : [{ device: ifname, vni, mark }];
    });
    if (found.length === 0) return undefined;
    const tunnel = pick(found.toSorted((one, other) => (one.device < other.device ? -1 : 1)), which);
    return `${tunnel.device} on ${host.id} ${await change(host, tunnel, how)}`.trim();
  };
}

function onSwitchPort(change: (host: TestHost, port: string, chance: number) => Promise<unknown>, bridge?: string): Strike {
  return async ({ bed }, [who, which, how]) => {
    const host = bridge === undefined ? upHost(bed.hosts, who) : bed.hosts[SHARED_BRIDGE_HOST - 1];
    if (host === undefined || !host.isUp()) return undefined;
    const bridges = (await host.exec('ovs-vsctl', '--timeout=5', 'list-br')).split('\n').filter((name) => (bridge === undefined ? name === OWN_BRIDGE || name === SHARED_BRIDGE : name === bridge));
    const ports = (await Promise.all(bridges.map(async (name) => (await host.exec('ovs-vsctl', '--timeout=5', 'list-ports', name)).split('\n')))).flat().filter((name) => /^lw/.test(name));
    if (ports.length === 0) return undefined;
    const port = pick(ports.toSorted(), which);
    await change(host, port, how);
    return `${port} on ${host.id}`;
  };
}

function onContainer(...verb: string[]): Strike {
  return async ({ bed, labs }, [who, which]) => {
    const host = upHost(bed.hosts, who);
    const names = (await host.exec('docker', 'ps', '-a', '--format', '{{.Names}}')).split('\n').filter((name) => labs.some((lab) => name.startsWith(`clab-${lab.name}-`)));
    if (names.length === 0) return undefined;
    const name = pick(names.toSorted(), which);
    await host.exec('docker', ...verb, name);
    return `${name} on ${host.id}`;
  };
}

async function restartDaemon(host: TestHost, which: 'switch' | 'database'): Promise<string | undefined> {
  const daemon = host.ovs?.[which];
  if (daemon === undefined) return undefined;
  await daemon.kill();
  await daemon.start();
  return host.id;
}
