// The floor of wiring: one ip batch and one tc batch that make the veths of a lab (management interfaces included), one group delete.
import { spawnSync } from 'node:child_process';

const GROUP = '7341';

function sh(program: string, args: readonly string[], input = ''): void {
  const result = spawnSync(program, args, { input, maxBuffer: 64 * 1024 * 1024 });
  if (result.status !== 0) throw new Error(`${program} ${args.join(' ')}: ${result.stderr.toString().slice(0, 500)}`);
}

function seconds(work: () => void): number {
  const began = performance.now();
  work();
  return (performance.now() - began) / 1000;
}

/** Makes and removes the wires of a lab of `nodes` and `links` in namespaces of its own; the namespaces are not counted. */
export async function measureWireFloor(size: { nodes: number; links: number }): Promise<{ make: number; remove: number }> {
  const prefix = `wf${process.pid % 10_000}`;
  const namespaces = Array.from({ length: size.nodes }, (_unused, n) => `${prefix}n${n}`);
  const bridge = `${prefix}br`;
  sh('ip', ['-batch', '-'], `${namespaces.map((name) => `netns add ${name}`).join('\n')}\nlink add ${bridge} type bridge\n`);
  try {
    const ip: string[] = [];
    const tc: string[] = [];
    for (const [n, name] of namespaces.entries()) ip.push(`link add eth0 netns ${name} up type veth peer name ${prefix}m${n} group ${GROUP}`, `link set dev ${prefix}m${n} up addrgenmode none master ${bridge}`);
    for (let link = 0; link < size.links; link += 1) {
      const ends = [[`${prefix}a${link}`, namespaces[link % size.nodes]], [`${prefix}b${link}`, namespaces[(link + 1) % size.nodes]]] as const;
      for (const [index, [device, name]] of ends.entries()) {
        const other = ends[1 - index]?.[0] ?? '';
        ip.push(`link add e${link}${index} netns ${name} up type veth peer name ${device} group ${GROUP}`, `link set dev ${device} up addrgenmode none`);
        tc.push(`qdisc add dev ${device} clsact`, `filter add dev ${device} ingress protocol all pref 10 u32 match u32 0 0 action mirred egress redirect dev ${other}`);
      }
    }
    const make = seconds(() => {
      sh('ip', ['-batch', '-'], `${ip.join('\n')}\n`);
      sh('tc', ['-batch', '-'], `${tc.join('\n')}\n`);
    });
    return { make, remove: seconds(() => sh('ip', ['link', 'del', 'group', GROUP])) };
  } finally {
    sh('ip', ['-force', '-batch', '-'], `link del ${bridge}\n${namespaces.map((name) => `netns del ${name}`).join('\n')}\n`);
  }
}
