// The floor of a deploy: namespaces, wires of one ip batch and one tc batch, and plain engine calls that put containers into them.
import { spawnSync } from 'node:child_process';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import Docker from 'dockerode';
import type { NodeSpec } from '../machines/vocabulary/lab-spec.ts';
import { HostId, LabId, NodeId } from '../machines/vocabulary/ids.ts';
import { renderCreateRequest } from '../host-actor/providers/docker/container-config.ts';

const GROUP = '7341';
const SANDBOXES = '/run/labwright/sandboxes';
/** Engine calls at once; on two cores 4 to 10 make no difference that rises above the noise. */
const AT_ONCE = 8;

/** What is made: so many nodes and links, each container as asked of the engine beside its name. */
export type FloorSize = { readonly nodes: number; readonly links: number; readonly container: Docker.ContainerCreateOptions };
/** Seconds of wall time. */
export type Seconds = { readonly make: number; readonly remove: number };

/** As little as a container can be. */
export function bareContainer(image: string): Docker.ContainerCreateOptions {
  return { Image: image, Cmd: ['sleep', 'infinity'], NetworkDisabled: true, HostConfig: { Runtime: 'labwright' } };
}

/** What a node of a lab is to the engine: terminal, name files, tunnel device, capabilities, limits of its log. Under labels that make it nobody's. */
export function nodeContainer(node: NodeSpec, files: { readonly hostsFile: string; readonly resolvConf: string }): Docker.ContainerCreateOptions {
  const placement = { labId: LabId.parse('floor'), nodeId: NodeId.parse('floor'), hostId: HostId.parse('floor'), containerName: 'floor', generation: 1, sandbox: { netnsPath: '/run/netns/floor' }, nodeDir: '/tmp/floor', interfaceCount: 3, labels: {}, ...files };
  const { name: _name, Labels: labels = {}, ...request } = renderCreateRequest(node, placement, { joinsNamespaces: true, securityModules: [], sharedDevices: ['/dev/net/tun'] });
  return { ...request, Labels: Object.fromEntries(Object.entries(labels).map(([label, value]) => [`floor.${label}`, value])), HostConfig: { ...request.HostConfig, ContainerIDFile: '' } };
}

/** Makes and removes a lab's containers and wires once. Everything it made is gone afterwards, also when it fails. */
export async function measureFloor({ nodes, links, container }: FloorSize): Promise<Seconds> {
  const docker = new Docker();
  await mkdir(SANDBOXES, { recursive: true });
  const prefix = `wf${process.pid % 10_000}`;
  const namespaces = Array.from({ length: nodes }, (_unused, n) => `${prefix}n${n}`);
  const bridge = `${prefix}br`;
  const ids: string[] = [];
  const removeContainers = async () => await inParallel(ids.splice(0), async (id) => {
    await docker.getContainer(id).remove({ force: true, v: true });
    await rm(join(SANDBOXES, id), { force: true });
  });
  const removeRest = () => batch('ip', ['-force'], [`link del ${bridge}`, ...namespaces.map((name) => `netns del ${name}`)]);
  try {
    const make = await seconds(async () => {
      const { ip, tc } = wireLines(prefix, namespaces, links);
      batch('ip', [], [...namespaces.map((name) => `netns add ${name}`), `link add ${bridge} type bridge`, ...ip]);
      batch('tc', [], tc);
      await inParallel(namespaces, async (name) => {
        const made = await docker.createContainer({ ...container, name });
        ids.push(made.id);
        await writeFile(join(SANDBOXES, made.id), `/run/netns/${name}\n`);
        await made.start();
      });
    });
    const remove = await seconds(async () => {
      batch('ip', [], [`link del group ${GROUP}`]);
      await removeContainers();
      removeRest();
    });
    return { make, remove };
  } finally {
    await removeContainers();
    removeRest();
  }
}

/** Management interfaces in a bridge, and pairs of ends that redirect to each other. */
function wireLines(prefix: string, namespaces: readonly string[], links: number): { readonly ip: string[]; readonly tc: string[] } {
  const ip: string[] = [];
  const tc: string[] = [];
  for (const [n, name] of namespaces.entries()) ip.push(`link add eth0 netns ${name} up type veth peer name ${prefix}m${n} group ${GROUP}`, `link set dev ${prefix}m${n} up addrgenmode none master ${prefix}br`);
  for (let link = 0; link < links; link += 1) {
    const ends = [[`${prefix}a${link}`, namespaces[link % namespaces.length]], [`${prefix}b${link}`, namespaces[(link + 1) % namespaces.length]]] as const;
    for (const [index, [device, name]] of ends.entries()) {
      const other = ends[1 - index]?.[0] ?? '';
      ip.push(`link add e${link}${index} netns ${name} up type veth peer name ${device} group ${GROUP}`, `link set dev ${device} up addrgenmode none`);
      tc.push(`qdisc add dev ${device} clsact`, `filter add dev ${device} ingress protocol all pref 10 u32 match u32 0 0 action mirred egress redirect dev ${other}`);
    }
  }
  return { ip, tc };
}

function batch(program: 'ip' | 'tc', options: readonly string[], lines: readonly string[]): void {
  const result = spawnSync(program, [...options, '-batch', '-'], { input: `${lines.join('\n')}\n`, maxBuffer: 64 * 1024 * 1024 });
  if (result.status !== 0 && !options.includes('-force')) throw new Error(`${program}: ${result.stderr.toString().slice(0, 500)}`);
}

async function inParallel<T>(items: readonly T[], act: (item: T) => Promise<void>): Promise<void> {
  const line = items.values();
  const worker = async () => {
    for (const item of line) await act(item);
  };
  // All run to their end, so that what was made is known when one fails.
  const failed = (await Promise.allSettled(Array.from({ length: AT_ONCE }, worker))).find(({ status }) => status === 'rejected');
  if (failed?.status === 'rejected') throw failed.reason;
}

async function seconds(act: () => Promise<void>): Promise<number> {
  const start = performance.now();
  await act();
  return (performance.now() - start) / 1000;
}
