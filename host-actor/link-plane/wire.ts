// What the link plane is ordered to make (wires) and what it reads back; it knows nothing of labs, nodes or messages.
import type { Impairment } from '../../machines/vocabulary/lab-spec.ts';
import type { SwitchFaultKind } from './cross-connect.ts';

/** A network namespace: by its name under /run/netns, by a path such as /proc/PID/ns/net, or the plane's own (`host`). */
export type NetnsRef = { readonly name: string } | { readonly path: string } | 'host';

export type CarrierWish = 'up' | 'down';

/** A static route inside a namespace. `to` is `default` or a prefix; without `via` it is on-link. */
export type InnerRoute = { readonly to: string; readonly via?: string; readonly metric?: number };

/** The device that the node sees. */
export type InnerEnd = {
  readonly netns: NetnsRef;
  readonly interface: string;
  /** Second name of the device, for people whose name for it is too long. */
  readonly altname?: string;
  readonly mac?: string;
  /** CIDR, IPv4 or IPv6; set when the end is made. */
  readonly addresses?: readonly string[];
  readonly routes?: readonly InnerRoute[];
  /** Bridge inside the namespace that the end becomes a port of; made there when absent. */
  readonly bridge?: string;
};

/** The device on the host side of an inner end. `mark` is its alternative name: the exact proof that it is ours. */
export type HostEnd = {
  readonly device: string;
  readonly mark: string;
  readonly carrier?: CarrierWish;
  /** A second name that people know it by, given when it is free; proves nothing. */
  readonly alias?: string;
};

/** Host end joined to its opposite by an ingress redirect; `actionIndex` is a number nobody else uses in the host's namespace. */
export type JoinedEnd = { readonly inner: InnerEnd; readonly host: HostEnd; readonly actionIndex: number };

/** `impairment` of a joined wire works on both directions, of a leg on what comes out of the tunnel (and into it, when the far end is not ours). */
type WireBase = {
  readonly id: string;
  readonly mtu: number;
  readonly impairment?: Impairment;
  /** What joins the host ends; the host's own choice when absent. */
  readonly plane?: PlaneName;
  /** Tells the wire from others on a switch that is shared; leased. */
  readonly vlan?: number;
  /** Nodes put real checksums on what they send (at half the throughput): needed where the far end of a leg is on a userspace switch. */
  readonly computeChecksums?: boolean;
  /** Marks of what the wire may have had here while its ends were elsewhere (tunnels) or both here (the end of a node that moved): it goes
   *  when the wire is made or removed. */
  readonly formerMarks?: readonly string[];
};

/** tc redirects, or Open vSwitch. Wires that end in a bridge or an interface of the host need neither. */
export type PlaneName = 'tc' | 'ovs';

/** Two inner ends, cross-connected: node to node, also within one node, or node to a bridge inside a node. */
export type JoinedWire = WireBase & { readonly kind: 'joined'; readonly a: JoinedEnd; readonly b: JoinedEnd };
/** An inner end whose host end is a port of a bridge of the host: bridge nodes, the management network. */
export type BridgeWire = WireBase & {
  readonly kind: 'bridge';
  readonly inner: InnerEnd;
  readonly host: HostEnd;
  readonly bridge: string;
  /** A port that talks only to the bridge itself and to ports that are not isolated. */
  readonly isolated?: boolean;
  readonly mac?: string;
};
/** An inner end whose host end is a plain interface of the host. */
export type HostWire = WireBase & { readonly kind: 'host'; readonly inner: InnerEnd; readonly host: HostEnd; readonly mac?: string };
/** The inner end is a macvlan device on an interface of the host; `mark` is its alternative name inside the namespace. */
export type MacvlanWire = WireBase & {
  readonly kind: 'macvlan';
  readonly inner: InnerEnd;
  readonly parent: string;
  readonly mode: 'private' | 'vepa' | 'bridge' | 'passthru' | 'source';
  readonly mark: string;
};
export type DummyWire = WireBase & { readonly kind: 'dummy'; readonly inner: InnerEnd; readonly mark: string };
/** Echo probe of a leg whose far end is ours. The two sides have different roles, so that what one reflects the other counts. */
export type EchoPart = { readonly role: 'first' | 'second'; readonly reflectIndex: number; readonly countIndex: number };

/** What a VXLAN device (RFC 7348) is told of its way through the underlay. */
export type VxlanPath = {
  /** 24 bit. */
  readonly vni: number;
  readonly udpPort: number;
  readonly remote: string;
  /** Address of this host that packets leave from; absent = by the route. */
  readonly local?: string;
  /** Device of this host that packets leave through; absent = by the route. */
  readonly parent?: string;
  readonly srcPort?: number;
};

/** The VXLAN device of a leg, on the host. `actionIndex` is that of its redirect to the port. */
export type TunnelEnd = VxlanPath & {
  readonly device: string;
  readonly mark: string;
  readonly actionIndex: number;
  /** Only a leg whose other half is ours can be probed. */
  readonly echo?: EchoPart;
  /** The other half is somebody else's, who may answer from several addresses: learns where to send, and leaves the MTU to the kernel. */
  readonly foreign?: boolean;
  /** As of a host end. */
  readonly alias?: string;
};

/** A port joined to a VXLAN device: the half of a link whose other half is on another host, or in a device that we do not manage. */
export type VxlanWire = WireBase & { readonly kind: 'vxlan'; readonly inner: InnerEnd; readonly host: HostEnd; /** Of the redirect from port to tunnel. */ readonly actionIndex: number; readonly tunnel: TunnelEnd };
/** The inner end itself is a VXLAN device, whose packets travel in the host's namespace; without `fixedMtu` the kernel fits the MTU to the underlay. */
export type InnerVxlanWire = WireBase & { readonly kind: 'inner-vxlan'; readonly inner: InnerEnd; readonly path: VxlanPath; readonly mark: string; readonly fixedMtu: boolean };

export type Wire = JoinedWire | BridgeWire | HostWire | MacvlanWire | DummyWire | VxlanWire | InnerVxlanWire;
/** Of a vxlan wire `a` is the port and `b` its tunnel. */
export type WireSide = 'a' | 'b';

/** What was read of one end. `adminUp` and `carrier` are those of the host end; carrier means that the inner end is up too. */
export type EndState = {
  readonly side: WireSide;
  readonly device: string;
  readonly present: boolean;
  readonly ifindex?: number;
  readonly peerIfindex?: number;
  readonly netnsId?: number;
  readonly mtu?: number;
  readonly adminUp: boolean;
  readonly carrier: boolean;
  readonly master?: string;
  /** Of a VXLAN device. */
  readonly tunnel?: TunnelRead;
};

/** What the kernel says of a VXLAN device; it says nothing about whether anything arrives. */
export type TunnelRead = { readonly vni: number; readonly udpPort: number; readonly remote: string; readonly local: string; /** Device that it leaves by, where one was named and lies in the same namespace. */ readonly parent?: string };

/** `joined`: everything that makes the wire is there. `up`: joined, and all host ends have carrier. */
export type WireState = {
  readonly id: string;
  readonly joined: boolean;
  readonly up: boolean;
  readonly ends: readonly EndState[];
  readonly faults: readonly WireFault[];
};

export type WireFaultKind =
  | 'end-missing'
  | 'end-half-made'
  | 'end-stale'
  | 'end-renamed'
  | 'name-taken'
  | 'bridge-missing'
  | 'wrong-master'
  | 'wrong-mtu'
  | 'wrong-vni'
  | 'wrong-udp-port'
  | 'wrong-remote'
  | 'talks-ipv6'
  | 'redirect-missing'
  | 'redirect-dead'
  | 'redirect-wrong'
  | 'index-taken'
  | 'wrong-impairment'
  | SwitchFaultKind
  | 'end-down'
  | 'end-up';

export type WireFault = { readonly side: WireSide; readonly kind: WireFaultKind; readonly detail?: string };
