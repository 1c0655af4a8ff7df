// All that a placement is decided from; the planner knows nothing else.
import type { HostId, NodeId } from '../vocabulary/ids.ts';
import type { Ceilings, PlacementPolicy, PlaneKind } from '../vocabulary/placement.ts';

export type PlacementNode = {
  readonly id: NodeId;
  /** `ports` are those besides the ends of `PlacementInput.links`: a link to itself, a foreign tunnel. */
  readonly needs: Ceilings;
  /** Processors that the host must have at least (a node bound to core 5 needs six). */
  readonly cores?: number;
  /** `class:name` of things that must be there on the host, e.g. `kvm:kvm`, `bridge:br0`, `interface:eth1`. */
  readonly wants: readonly string[];
  /** It is a container: where no engine answers it is not newly placed. */
  readonly needsEngine?: boolean;
  /** A host that has the image is preferred; where nothing may be pulled it must have it. */
  readonly image?: { readonly name: string; readonly mustBePresent: boolean };
  readonly pin?: HostId;
  /** Nodes with the same word are kept near each other, as if they were linked. */
  readonly near?: string;
  /** Nodes with the same word are kept on different hosts where that is possible. */
  readonly apart?: string;
  /** Where it is now, or was when its host was lost. */
  readonly previous?: HostId;
  /** It is made anew anyhow, so a move costs no further interruption. */
  readonly restarts?: boolean;
  /** It stays where it is, whatever is short there: others are placed around it. */
  readonly fixed?: boolean;
};

export type HostState = 'joined' | 'suspect' | 'lost' | 'returned' | 'incompatible' | 'cordoned' | 'draining';

export type KnownHost = {
  readonly id: HostId;
  /** New nodes go to joined hosts only; a draining host keeps none; all others keep what they have. */
  readonly state: HostState;
  readonly cores: number;
  /** What may be given to labs; CPU without overcommit. Ports are in `planes`. */
  readonly capacity: Omit<Ceilings, 'ports'>;
  /** Ceilings of all other labs there; ports on the plane that this lab uses. */
  readonly allocated: Ceilings;
  /** How many times its CPU may be given away; `PlacementInput.cpuOvercommit` unless set. */
  readonly cpuOvercommit?: number;
  /** Names that are there, by class. A class that is missing is not known, and refuses nobody. */
  readonly offers: Readonly<Record<string, readonly string[]>>;
  /** Unset = not known, which refuses nobody. */
  readonly engineAnswers?: boolean;
  /** Unset = not known. */
  readonly images?: ReadonlySet<string>;
  /** The first one is the host's own choice. `maxPorts` is the size limit of a userspace datapath. */
  readonly planes: readonly { readonly kind: PlaneKind; readonly maxPorts?: number }[];
};

/** A host whose facts are an error or make no sense: it gets nothing new, and keeps what it has as a lost one does. */
export type UnreadableHost = { readonly id: HostId; readonly state: 'unreadable'; readonly error: string };

export type PlacementHost = KnownHost | UnreadableHost;

export type PlacementInput = {
  readonly policy: PlacementPolicy;
  readonly nodes: readonly PlacementNode[];
  /** `offPlane`: an end in a bridge of the host, which takes no ports on a link plane. */
  readonly links: readonly { readonly a: NodeId; readonly b: NodeId; readonly offPlane?: true }[];
  /** Nodes that must be on one host, because they share a namespace. */
  readonly together: readonly (readonly NodeId[])[];
  readonly hosts: readonly PlacementHost[];
  /** Plane of the lab; unset = each host's own. */
  readonly plane?: PlaneKind;
  readonly cpuOvercommit: number;
  /** Host that the lab is to leave: unless it takes new nodes, it keeps those alone that are fixed. */
  readonly left?: HostId;
};
