// What a host tells of itself with each sign of life: where other hosts reach it, and what it has to give.
import { z } from 'zod';
import { RepairSwitches } from './repair-switches.ts';

/** Where tunnels to this host end. */
export const HostUnderlay = z.object({
  /** Address by which other hosts reach this one. */
  address: z.string(),
  device: z.string(),
  /** Bytes; a VXLAN tunnel carries 50 less (IPv4) or 70 less (IPv6) in one piece. */
  mtu: z.number().int().positive(),
});
export type HostUnderlay = z.infer<typeof HostUnderlay>;

/** All that the host has, whatever is in use at the moment. */
export const HostCapacity = z.object({
  /** Processors that its processes may run on. */
  cpus: z.number().positive(),
  /** How many times they may be given away; absent in what older hosts tell. */
  cpuOvercommit: z.number().positive().optional(),
  memoryMiB: z.number().int().positive(),
  /** Size of the file system that holds the state of the host-actor. */
  diskMiB: z.number().int().nonnegative(),
  /** Devices that nodes can need and that this host can open, sorted: `/dev/kvm`, `/dev/net/tun`. */
  devices: z.array(z.string()),
});
export type HostCapacity = z.infer<typeof HostCapacity>;

/** How many nodes the host makes or starts at once; fewer than usual because of its load, or because it waits for memory. */
export const HostPace = z.object({ atOnce: z.number().int().positive(), because: z.enum(['load', 'memory']).optional() });
export type HostPace = z.infer<typeof HostPace>;

/** Open vSwitch of a host. */
export const HostSwitch = z.object({
  /** Unknown while it does not answer. */
  datapath: z.enum(['system', 'netdev']).optional(),
  /** Bridge that others use too, on which links take a VLAN each. */
  sharedBridge: z.string().optional(),
  /** VLANs that links may take there, as ranges; all where absent. */
  vlans: z.array(z.tuple([z.number().int(), z.number().int()])).optional(),
  /** VLANs that any port has there, ours included, as ranges. */
  usedVlans: z.array(z.tuple([z.number().int(), z.number().int()])).optional(),
});
export type HostSwitch = z.infer<typeof HostSwitch>;

/** Tunnels of others on a host. */
export const HostTunnels = z.object({
  /** VXLAN numbers that devices without our mark have, or ports of Open vSwitch that are tunnels, as ranges. */
  usedVnis: z.array(z.tuple([z.number().int(), z.number().int()])),
});
export type HostTunnels = z.infer<typeof HostTunnels>;

/** All optional: a host of another version, or without a way to others, tells less. */
export const HostFacts = z.object({
  underlay: HostUnderlay.optional(),
  capacity: HostCapacity.optional(),
  /** Link planes that can be ordered here, the host's own choice first. */
  planes: z.array(z.string()).optional(),
  /** Whether the container engine answers; absent while that is not known yet. */
  engineConnected: z.boolean().optional(),
  /** False where the engine knows no runtime of ours: nodes are wired after each start, and a restart breaks their links until they are. */
  joinsNamespaces: z.boolean().optional(),
  /** Ports that a plane carries at most, by its name; none = no limit. */
  planePorts: z.record(z.string(), z.number().int().positive()).optional(),
  ovs: HostSwitch.optional(),
  tunnels: HostTunnels.optional(),
  /** Repairs of labs that say nothing of their own. */
  repairs: RepairSwitches.optional(),
  pace: HostPace.optional(),
});
export type HostFacts = z.infer<typeof HostFacts>;
