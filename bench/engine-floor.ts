// The floor of a deploy: plain engine calls that make N containers in namespaces made before, and remove them again.
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import Docker from 'dockerode';
import type { NodeSpec } from '../machines/vocabulary/lab-spec.ts';
import { HostId, LabId, NodeId } from '../machines/vocabulary/ids.ts';
import { renderCreateRequest } from '../host-actor/providers/docker/container-config.ts';
import { execa } from 'execa';

export interface EngineFloorOptions {
  readonly count: number;
  /** What is asked of the engine for each container, beside its name. */
  readonly container: Docker.ContainerCreateOptions;
  /** Engine calls at once; 8 was best on two cores. */
  readonly atOnce: number;
  readonly sandboxDir?: string;
}

/** Seconds of wall time: namespaces (one `ip -batch`) and create and start of all; removal of both. */
export interface EngineFloor {
  readonly make: number;
  readonly remove: number;
}

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

const name = (index: number) => `lwfloor-${process.pid}-${index}`;

/** Makes and removes the containers once. Everything it made is gone afterwards, also when it fails. */
export async function measureEngineFloor(options: EngineFloorOptions): Promise<EngineFloor> {
  const docker = new Docker();
  const sandboxDir = options.sandboxDir ?? '/run/labwright/sandboxes';
  await mkdir(sandboxDir, { recursive: true });
  const indexes = Array.from({ length: options.count }, (_unused, index) => index);
  const ids: string[] = [];
  const remove = () =>
    inParallel(ids.splice(0), options.atOnce, async (id) => {
      await docker.getContainer(id).remove({ force: true, v: true });
      await rm(join(sandboxDir, id), { force: true });
    });
  const removeNamespaces = () => batchNamespaces(indexes.map((index) => `netns del ${name(index)}`));
  try {
    const namespaces = await seconds(() => batchNamespaces(indexes.map((index) => `netns add ${name(index)}`)));
    const make = await seconds(() =>
      inParallel(indexes, options.atOnce, async (index) => {
        const made = await docker.createContainer({ ...options.container, name: name(index) });
        ids.push(made.id);
        await writeFile(join(sandboxDir, made.id), `/run/netns/${name(index)}\n`);
        await made.start();
      }),
    );
    const removal = await seconds(remove);
    return { make: namespaces + make, remove: removal + (await seconds(removeNamespaces)) };
  } finally {
    await remove();
    await removeNamespaces();
  }
}

async function batchNamespaces(lines: readonly string[]): Promise<void> {
  await execa('ip', ['-force', '-batch', '-'], { input: `${lines.join('\n')}\n`, reject: false });
}

async function inParallel<T>(items: readonly T[], atOnce: number, act: (item: T) => Promise<void>): Promise<void> {
  const line = items.values();
  const worker = async () => {
    for (const item of line) await act(item);
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
}

async function seconds(act: () => Promise<void>): Promise<number> {
  const start = performance.now();
  await act();
  return (performance.now() - start) / 1000;
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { count: { type: 'string', default: '30' }, image: { type: 'string', default: 'labwright/frr:local' }, 'at-once': { type: 'string', default: '8' }, runs: { type: 'string', default: '3' } },
  });
  console.log(`engine floor: ${values.count} containers of ${values.image}, ${values['at-once']} calls at once (seconds)`);
  console.log('run   make  remove');
  for (let run = 1; run <= Number(values.runs); run += 1) {
    const floor = await measureEngineFloor({ count: Number(values.count), container: bareContainer(values.image), atOnce: Number(values['at-once']) });
    console.log(`${String(run).padStart(3)}  ${floor.make.toFixed(2).padStart(5)}  ${floor.remove.toFixed(2).padStart(6)}`);
  }
}

if (import.meta.main) await main();
