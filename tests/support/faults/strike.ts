// Strikes one fault: each kind with what it does, and to whom the chances point.
import { setTimeout as delay } from 'node:timers/promises';
import type { HostWish } from '../../../machines/vocabulary/host-view.ts';
import { pick } from '../seeded-random.ts';
import type { TestHost } from '../test-hosts.ts';
import type { Fault, FaultKind } from './fault-plan.ts';
import type { FaultWorld } from './fault-world.ts';
import { LEFT_AFTER_MS } from './fault-world.ts';

/** Whom it hits, in words, for the report; a victim that is not there at the moment makes it strike nothing. */
type Strike = (world: FaultWorld, chances: Fault['chances']) => Promise<string>;

const NOBODY = 'nobody was there';
const LONGEST_PAUSE_MS = 3_000;

/** @returns what it did, in words. Faults that last are left to the healing. */
export async function strike(world: FaultWorld, { kind, chances }: Fault): Promise<string> {
  try {
    return await STRIKES[kind](world, chances);
  } catch (error) {
    // Another fault was faster, or the engine is away: a fault that cannot strike is none.
    return `failed: ${(error instanceof Error ? error.message : String(error)).split('\n').slice(0, 2).join(': ').replace(/^Command failed: nsenter .*? -- /, '')}`;
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
    if (table === undefined) return NOBODY;
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

function onContainer(...verb: string[]): Strike {
  return async ({ bed, labs }, [who, which]) => {
    const host = upHost(bed.hosts, who);
    const names = (await host.exec('docker', 'ps', '-a', '--format', '{{.Names}}')).split('\n').filter((name) => labs.some((lab) => name.startsWith(`clab-${lab.name}-`)));
    if (names.length === 0) return NOBODY;
    const name = pick(names.toSorted(), which);
    await host.exec('docker', ...verb, name);
    return `${name} on ${host.id}`;
  };
}

async function restartDaemon(host: TestHost, which: 'switch' | 'database'): Promise<string> {
  const daemon = host.ovs?.[which];
  if (daemon === undefined) return NOBODY;
  await daemon.kill();
  await daemon.start();
  return host.id;
}
