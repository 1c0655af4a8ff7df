// What the catalogue knows of one kind of device: its names, what stands behind it, how its interfaces are called, what of it can be saved.
import type { SavedConfiguration } from './saved-configuration.ts';

/**
 * How data interfaces of a kind are named by its vendor. `pattern` holds `{port}` and, for slot based names, `{slot}`;
 * both count from `first` (port) and 0 (slot). Data port 1 is the lowest vendor name and is `eth1` on our side.
 */
export type InterfaceNaming = {
  pattern: string;
  first: number;
  /** Ports of one slot; set exactly when the pattern holds `{slot}`. */
  portsPerSlot?: number;
  /** Vendor's name of the management interface, which is `eth0` on our side. */
  management?: string;
  /** Other patterns that people write for the same interfaces. */
  otherPatterns?: readonly string[];
};

/** What stands behind a node of a kind. */
export type KindRuntime = 'container' | 'vm' | 'bridge' | 'ovs-bridge' | 'host' | 'ext-container';

export type KindEntry = {
  /** The one name used inside Labwright. */
  name: string;
  aliases: readonly string[];
  runtime: KindRuntime;
  /** False = the name is known (so that files are understood) but nodes of it cannot be started yet. */
  runnable: boolean;
  /** Unset = interfaces are called as the file calls them. */
  interfaces?: InterfaceNaming;
  /** Programs that nodes of the kind may run and whose configuration can be saved; unset = none. */
  saves?: readonly SavedConfiguration[];
};
