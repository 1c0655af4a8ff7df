// Leaves an object on a host that bears our mark, names a lab that lives there, and was never ordered: the host has to remove it by itself.
import { interfaceMark } from '../../../host-actor/ownership-mark.ts';
import { MARK } from '../../../host-actor/ovs-plane/switch-marks.ts';
import { ownershipMark } from '../../../host-actor/providers/docker/container-labels.ts';
import { NodeId } from '../../../machines/vocabulary/ids.ts';
import { lab as labId } from '../lab-builders.ts';
import { pick } from '../seeded-random.ts';
import type { TestHost } from '../test-hosts.ts';
import type { Fault } from './fault-plan.ts';
import type { FaultLab, FaultWorld } from './fault-world.ts';
import { OWN_BRIDGE } from './fault-world.ts';

type Extra = { readonly host: TestHost; readonly lab: FaultLab; readonly name: string; readonly mark: string };

/** In words; undefined where there is no such thing on the host. */
export async function leaveExtra({ bed, labs }: FaultWorld, [who, which, how]: Fault['chances']): Promise<string | undefined> {
  const host = pick(bed.hosts.filter((one) => one.isUp()), who);
  // A lab with a pinned node on each host.
  const lab = labs.find(({ name }) => name.endsWith('-line'));
  if (!lab) return undefined;
  const name = `x${Math.floor(how * 1e6).toString(36)}`;
  const kinds = [pairOf, tunnelOf, containerOf, ...(host.ovs === undefined ? [] : [switchPortOf])];
  return await pick(kinds, which)({ host, lab, name, mark: interfaceMark({ host: host.id, lab: labId(lab.name) }, NodeId.parse(name), 'eth1') });
}

async function pairOf({ host, name, mark }: Extra): Promise<string> {
  await host.exec('ip', 'link', 'add', `lw${name}`, 'type', 'veth', 'peer', 'name', `p${name}`);
  await host.exec('ip', 'link', 'property', 'add', 'dev', `lw${name}`, 'altname', mark);
  return `pair lw${name} on ${host.id}`;
}

async function tunnelOf({ host, name, mark }: Extra): Promise<string> {
  await host.exec('ip', 'link', 'add', `lw${name}`, 'type', 'vxlan', 'id', String(0xff0000 + Number.parseInt(name.slice(1), 36) % 0xffff), 'dstport', '4789', 'remote', '10.199.0.77');
  await host.exec('ip', 'link', 'property', 'add', 'dev', `lw${name}`, 'altname', mark);
  return `tunnel lw${name} on ${host.id}`;
}

/** A copy of the node's own container, labels and mark. */
async function containerOf({ host, lab, name }: Extra): Promise<string | undefined> {
  const docker = host.docker();
  const [own] = await docker.listContainers({ filters: { label: [`labwright.lab=${lab.name}`] } });
  const [node, generation] = [own?.Labels['labwright.node'], own?.Labels['labwright.generation']];
  if (!own || node === undefined) return undefined;
  const made = await docker.createContainer({
    name: `copy-${name}`, Image: 'alpine:3', Cmd: ['sleep', '9999'], Labels: { ...own.Labels, 'labwright.generation': String(Number(generation) - 1) },
    HostConfig: { NetworkMode: 'none', ContainerIDFile: ownershipMark({ labId: labId(lab.name), nodeId: NodeId.parse(node), hostId: host.id }) },
  });
  await made.start();
  return `container copy-${name} of ${node} on ${host.id}`;
}

async function switchPortOf({ host, name, mark }: Extra): Promise<string | undefined> {
  const bridge = (await host.exec('ovs-vsctl', '--timeout=5', 'list-br')).split('\n').find((one) => one === OWN_BRIDGE);
  if (bridge === undefined) return undefined;
  await host.exec('ovs-vsctl', '--no-wait', '--timeout=5', 'add-port', bridge, `lw${name}`, '--', 'set', 'port', `lw${name}`, `external_ids:${MARK.port}="${mark}"`, '--', 'set', 'interface', `lw${name}`, 'type=internal');
  return `switch port lw${name} on ${host.id}`;
}
