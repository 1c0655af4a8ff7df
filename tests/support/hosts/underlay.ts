// The network between test hosts: a bridge in a namespace of its own, which no cable leaves, and all that can go wrong on it.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { HostNamespaces } from './host-namespaces.ts';
import { bootNetwork } from './host-namespaces.ts';

const run = promisify(execFile);

/** Number of the control plane; hosts count from 1. */
export const CONTROL = 254;

/** Address on the underlay. */
export const addressOf = (number: number): string => `10.199.0.${number}`;
const addressV6Of = (number: number): string => `fd00:4c57::${number}`;
const macOf = (number: number): string => `02:4c:57:00:00:${number.toString(16).padStart(2, '0')}`;

/** What does not pass a host's port: all, or what comes from (or goes to) these addresses. */
type Dropped = 'all' | readonly string[];
export type PortFaults = { send?: Dropped; hear?: Dropped; rateKbps?: number; carrier?: 'down' };

export type Underlay = {
  /** Process that keeps the namespace. */
  readonly pid: number;
  readonly mtu: number;
  enter(argv: readonly string[]): [string, string[]];
  /** Gives a host its device `under` and knowledge of the others' addresses, so that one direction of a cut is really one. */
  attach(number: number, host: HostNamespaces): Promise<void>;
  /** Absent is success. */
  detach(number: number): Promise<void>;
  /** Exactly these faults from now on. */
  setFaults(number: number, faults: PortFaults): Promise<void>;
  close(): Promise<void>;
};

/** Makes it for so many hosts. */
export async function openUnderlay(options: { hosts: number; mtu: number }): Promise<Underlay> {
  const network = await bootNetwork();
  const { mtu } = options;
  const enter: Underlay['enter'] = (argv) => network.enter(argv);
  const everyone = [...Array.from({ length: options.hosts }, (_unused, index) => index + 1), CONTROL];
  const ip = async (into: Underlay['enter'], lines: readonly string[]): Promise<void> => await batch(into(['ip', '-batch', '-']), lines);
  const neighbours = (me: number, device: string): string[] =>
    everyone.filter((number) => number !== me).map((number) => `neigh replace ${addressOf(number)} lladdr ${macOf(number)} dev ${device} nud permanent`);
  await ip(enter, [
    'link set lo up', `link add under0 address ${macOf(CONTROL)} mtu ${mtu} type bridge`, 'link set under0 up',
    `addr add ${addressOf(CONTROL)}/24 dev under0`, `addr add ${addressV6Of(CONTROL)}/64 dev under0 nodad`, ...neighbours(CONTROL, 'under0'),
  ]);
  return {
    pid: network.pid, mtu, enter,
    async attach(number, host) {
      await ip(enter, [
        `link add u${number} mtu ${mtu} type veth peer name under address ${macOf(number)} mtu ${mtu} netns ${host.pid}`, `link set u${number} master under0 up`,
      ]);
      await ip((argv) => host.enter(argv), [
        'link set under up', `addr add ${addressOf(number)}/24 dev under`, `addr add ${addressV6Of(number)}/64 dev under nodad`,
        `route add default via ${addressOf(CONTROL)}`, ...neighbours(number, 'under'),
      ]);
    },
    async detach(number) {
      await ip(enter, [`link del u${number}`]).catch(() => undefined);
    },
    async setFaults(number, faults) {
      const port = `u${number}`;
      // Without the old ones an error is no news.
      await batch(enter(['tc', '-force', '-batch', '-']), [`qdisc del dev ${port} clsact`, `qdisc del dev ${port} root`]).catch(() => undefined);
      const lines = tcLines(port, faults);
      if (lines.length > 0) await batch(enter(['tc', '-batch', '-']), lines);
      await ip(enter, [`link set ${port} ${faults.carrier === 'down' ? 'down' : 'up'}`]);
    },
    close: async () => await network.kill(),
  };
}

function tcLines(port: string, { send, hear, rateKbps }: PortFaults): string[] {
  const drop = (hook: 'ingress' | 'egress', program: string): string => `filter add dev ${port} ${hook} protocol all pref 1 bpf da bytecode '${program}'`;
  return [
    ...(send === undefined && hear === undefined ? [] : [`qdisc add dev ${port} clsact`]),
    // What the host sends comes in at its port.
    ...(send === undefined ? [] : [drop('ingress', dropProgram(send, DESTINATION))]),
    ...(hear === undefined ? [] : [drop('egress', dropProgram(hear, SOURCE))]),
    ...(rateKbps === undefined ? [] : [`qdisc add dev ${port} root tbf rate ${rateKbps}kbit burst 3k latency 50ms`]),
  ];
}

const [SOURCE, DESTINATION] = [26, 30];

/** Classic BPF; `action drop` is not in every kernel. Returns 2 (drop) for IPv4 with one of the addresses at that offset, else 0 (pass). */
function dropProgram(dropped: Dropped, offset: number): string {
  if (dropped === 'all') return '1,6 0 0 2,';
  const count = dropped.length;
  const compare = dropped.map((address, index) => `21 ${count - index} 0 ${asNumber(address)}`);
  const lines = ['40 0 0 12', `21 0 ${count + 1} 2048`, `32 0 0 ${offset}`, ...compare, '6 0 0 0', '6 0 0 2'];
  return `${lines.length},${lines.join(',')},`;
}

const asNumber = (address: string): number => address.split('.').reduce((sum, byte) => sum * 256 + Number(byte), 0);

async function batch([program, args]: [string, string[]], lines: readonly string[]): Promise<void> {
  const running = run(program, args);
  running.child.stdin?.end(`${lines.join('\n')}\n`);
  await running;
}
