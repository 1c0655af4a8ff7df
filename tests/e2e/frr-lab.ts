// Twenty FRR routers for tests: a ring with cross links, OSPF on each link, one loopback a router; the files are written where the lab file would be.
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { LabSpec } from '../../machines/vocabulary/lab-spec.ts';
import { labFromText } from '../support/test-bed.ts';

export const ROUTERS = Array.from({ length: 20 }, (_unused, index) => index + 1);
/** Cross links ask for an MTU that no underlay here carries whole. */
export const CROSS_MTU = 3000;

type Wire = { readonly name: string; readonly a: number; readonly b: number; readonly aPort: string; readonly bPort: string; readonly mtu?: number };

const ring = ROUTERS.map((a): Wire => {
  const b = (a % ROUTERS.length) + 1;
  return { name: `ring${a}`, a, b, aPort: 'eth1', bPort: 'eth2' };
});
const across = [1, 3, 5, 7, 9].map((a): Wire => ({ name: `across${a}`, a, b: a + ROUTERS.length / 2, aPort: 'eth3', bPort: 'eth3', mtu: CROSS_MTU }));
export const WIRES: readonly Wire[] = [...ring, ...across];

export const loopback = (router: number): string => `10.255.0.${router}`;
/** Address of one end of a wire: each has a /31 of its own. */
export const addressOf = (wire: Wire, router: number): string => `10.0.${WIRES.indexOf(wire)}.${wire.a === router ? 0 : 1}`;
export const neighboursOf = (router: number): number => WIRES.filter(({ a, b }) => a === router || b === router).length;

const DAEMONS = 'ospfd=yes\nvtysh_enable=yes\nzebra_options="-A 127.0.0.1 -s 90000000"\nospfd_options="-A 127.0.0.1"\nstaticd_options="-A 127.0.0.1"\n';

function configOf(router: number): string {
  const ports = WIRES.flatMap((wire) => (wire.a === router ? [{ wire, port: wire.aPort }] : wire.b === router ? [{ wire, port: wire.bPort }] : []));
  const interfaces = ports.map(({ wire, port }) => `interface ${port}\n ip address ${addressOf(wire, router)}/31\n ip ospf area 0\n ip ospf network point-to-point\n ip ospf hello-interval 1\n ip ospf dead-interval 8\n ip ospf retransmit-interval 1\n!\n`);
  return `hostname r${router}\n!\ninterface lo\n ip address ${loopback(router)}/32\n ip ospf area 0\n!\n${interfaces.join('')}router ospf\n timers throttle spf 0 50 500\n timers throttle lsa all 100\n timers lsa min-arrival 50\n ospf router-id ${loopback(router)}\n!\n`;
}

/** Writes the routers' configurations below `folder` and reads the lab file that goes with them. */
export async function frrLab(name: string, folder: string, plane: 'tc' | 'ovs'): Promise<LabSpec> {
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'daemons'), DAEMONS);
  for (const router of ROUTERS) await writeFile(join(folder, `r${router}.conf`), configOf(router));
  const nodes = ROUTERS.map((router) => `    r${router}: {binds: ["daemons:/etc/frr/daemons", "r${router}.conf:/etc/frr/frr.conf"]}`);
  const links = WIRES.map(({ a, b, aPort, bPort, mtu }) => `    - {endpoints: ["r${a}:${aPort}", "r${b}:${bPort}"]${mtu === undefined ? '' : `, mtu: ${mtu}`}}`);
  const text = `name: ${name}\nmgmt: {network: ${name}-net, ipv4-subnet: 172.31.122.0/24}\nplacement: {policy: spread, plane: ${plane}}\ntopology:\n  defaults: {kind: linux, image: "labwright/frr:local"}\n  nodes:\n${nodes.join('\n')}\n  links:\n${links.join('\n')}\n`;
  return labFromText(text, join(folder, `${name}.clab.yml`));
}
