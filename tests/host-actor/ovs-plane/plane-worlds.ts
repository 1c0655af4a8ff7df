// The worlds in which both planes have to pass the same suite: plain kernel, and with a private Open vSwitch.
import pino from 'pino';
import { createOvsSwitch, type OvsSwitch, type OvsSwitchOptions } from '../../../host-actor/ovs-plane/ovs-switch.ts';
import { openWorld, type NetnsWorld } from '../link-plane/netns-world.ts';
import { openPrivateOvs, type PrivateOvs } from './private-ovs.ts';

export type OvsWorld = NetnsWorld & { readonly ovs: PrivateOvs; /** Of the first plane. */ readonly ovsSwitch: OvsSwitch };

/** A world whose wires go over Open vSwitch unless they say otherwise. */
export async function openOvsWorld(options: Partial<OvsSwitchOptions> = {}): Promise<OvsWorld> {
  const switches: OvsSwitch[] = [];
  let ovs: PrivateOvs | undefined;
  const world = await openWorld(async (hostNetns) => {
    const own = await openPrivateOvs(hostNetns);
    ovs = own;
    return {
      planeOptions: () => {
        const made = createOvsSwitch({ hostNetns, runDir: own.runDir, datapath: 'netdev', log: pino({ level: process.env['LOG'] ?? 'silent' }), ...options });
        switches.push(made);
        return { crossConnect: made, defaultPlane: 'ovs' };
      },
      close: async () => {
        for (const made of switches) made.close();
        await own.close();
      },
    };
  });
  const [ovsSwitch] = switches;
  if (!ovs || !ovsSwitch) throw new Error('the world has no switch');
  return { ...world, ovs, ovsSwitch };
}

/** Planes with the world that each needs. */
export const PLANES: readonly { readonly plane: 'tc' | 'ovs'; readonly open: () => Promise<NetnsWorld & { readonly ovs?: PrivateOvs }> }[] = [
  { plane: 'tc', open: () => openWorld() },
  { plane: 'ovs', open: () => openOvsWorld() },
];
