// Branded identifiers: what a lab, node, link, host, effect or command is called everywhere.
import { z } from 'zod';

const name = z.string().min(1).max(200);

/** Name of a lab; unique over the installation while the lab exists. */
export const LabId = name.brand<'LabId'>();
export type LabId = z.infer<typeof LabId>;

/** Name of a node inside its lab, as the lab file spells it. */
export const NodeId = name.brand<'NodeId'>();
export type NodeId = z.infer<typeof NodeId>;

/** Canonical name of a link inside its lab: both ends in sorted order, `a:eth1--b:eth1`. */
export const LinkId = z.string().min(1).max(600).brand<'LinkId'>();
export type LinkId = z.infer<typeof LinkId>;

/** Identity of a host; made once per host and kept on its disk. */
export const HostId = name.brand<'HostId'>();
export type HostId = z.infer<typeof HostId>;

/** `lab/entry/n`: derived from the log entry that caused the effect (its number made to grow over logs of the lab), so a replay makes the same id. */
export const EffectId = z.string().min(1).max(300).brand<'EffectId'>();
export type EffectId = z.infer<typeof EffectId>;

/** Made by whoever sends a command; a retry with the same id has no second effect. */
export const CommandId = z.string().min(1).max(100).brand<'CommandId'>();
export type CommandId = z.infer<typeof CommandId>;

/** Milliseconds since 1970, UTC. */
export const EpochMs = z.number().int().nonnegative();
export type EpochMs = z.infer<typeof EpochMs>;
