// What the plane asks of a switch that joins host ends in place of tc redirects.
import type { LinkPlaneError } from './link-plane-error.ts';
import type { InnerEnd } from './wire.ts';

/** How a port is joined on a switch: to the port of the device `to`, of the same wire. */
export type SwitchPort = {
  readonly to: string;
  /** Tells the wire from others where the switch is shared; leased. */
  readonly vlan?: number;
  /** Of a tunnel whose far end is ours: source address of probes, the ethertype of those to send back, and of those that came back and go no further. */
  readonly echo?: { readonly source: string; readonly asked: number; readonly answered: number };
};

/** A host end as the switch knows it. */
export type PortOnSwitch = { readonly wireId: string; readonly side: 'a' | 'b'; readonly device: string; readonly mark: string; readonly switchPort: SwitchPort; /** Absent for a tunnel. */ readonly inner?: InnerEnd };

/** What can be wrong with a port on a switch. */
export type SwitchFaultKind = 'bridge-missing' | 'unplugged' | 'unbound' | 'wrong-vlan' | 'flow-missing' | 'flow-wrong' | 'switch-away' | 'port-taken' | 'vlan-taken' | 'plane-full';

export type SwitchFault = { readonly side: 'a' | 'b'; readonly kind: SwitchFaultKind; readonly detail?: string };

/** What was read of the switch at one moment. */
export type SwitchRead = {
  /** All that differs between a wanted port and the switch; `ifindex` is that of its host end in the kernel. */
  readonly faultsOf: (port: PortOnSwitch, ifindex: number | undefined) => readonly SwitchFault[];
};

/** Ports of one wire that are to be joined to each other, in the order of its sides. */
export type SwitchedWire = { readonly wireId: string; readonly ports: readonly PortOnSwitch[] };

export type SwitchDrift = 'unplugged' | 'unbound' | 'flow-missing' | 'switch-away' | 'switch-returned';

export type SwitchListeners = {
  /** Something became wrong (or, `switch-returned`, may be right again) with the port of this device. */
  readonly onDrift: (device: string, drift: SwitchDrift) => void;
  /** Events may have been missed. */
  readonly onGap: (why: string) => void;
};

/** A port of ours on the switch. */
export type SwitchPortRead = { readonly device: string; readonly mark: string; readonly wireId: string; readonly vlan?: number };

/** How many ports the switch carries in the time that its datapath allows. */
export type SwitchCapacity = { readonly datapath: 'system' | 'netdev'; readonly maxPorts: number; readonly usedPorts: number };

export type CrossConnect = {
  /** Never rejects: a switch that does not answer reads as `switch-away` at each port. */
  readonly read: (ports: readonly PortOnSwitch[]) => Promise<SwitchRead>;
  /** Plugs the ports in and joins those of each wire to each other and to nothing else; idempotent. Errors by wire. */
  readonly join: (wires: readonly SwitchedWire[]) => Promise<ReadonlyMap<string, LinkPlaneError>>;
  /** Takes ports with exactly these marks out, together with what joined them. Absent is success; what cannot be
   *  removed now is removed when the switch answers again. */
  readonly part: (marks: readonly string[]) => Promise<void>;
  /** The same for ports that are joined otherwise now; where nobody answers, nothing is owed: hardly any of them was ever on a switch. */
  readonly release: (marks: readonly string[]) => Promise<void>;
  /** Ports of ours on the switch; none when there is no switch. @throws {LinkPlaneError} `switch-away` */
  readonly readPorts: () => Promise<readonly SwitchPortRead[]>;
  /** @throws {LinkPlaneError} `switch-away` */
  readonly capacity: () => Promise<SwitchCapacity>;
  /** Watches until the signal; a switch that is not there is waited for. */
  readonly watch: (listeners: SwitchListeners, signal: AbortSignal) => void;
};
