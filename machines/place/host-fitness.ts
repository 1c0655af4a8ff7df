// Whether a host may take a node at all, whatever room it has: its state, and what the node needs there to be.
import type { HostId } from '../vocabulary/ids.ts';
import type { KnownHost, PlacementHost, PlacementInput, PlacementNode } from './placement-input.ts';

/** What nodes ask of a host besides room. Nodes that ask the same share one. */
export type Requirement = {
  readonly index: number;
  readonly pins: readonly HostId[];
  readonly wants: readonly string[];
  readonly images: readonly string[];
  readonly preferredImages: readonly string[];
  readonly cores: number;
  readonly needsEngine: boolean;
  /** Hosts (by index) that lack nothing and take new nodes. */
  readonly open: readonly number[];
  readonly isOpen: ReadonlySet<number>;
};

const WORDS: Readonly<Record<string, string>> = { bridge: 'the bridge', 'ovs-bridge': 'the Open vSwitch bridge', interface: 'the interface', device: 'the device', container: 'the container', network: 'the network of the engine', kvm: '' };

/** Finds or makes the requirement of nodes that go together. */
export function requirementOf(nodes: readonly PlacementNode[], hosts: readonly PlacementHost[], input: PlacementInput, known: Map<string, Requirement>): Requirement {
  const asked = {
    pins: sorted(nodes.flatMap((node) => node.pin ?? [])),
    wants: sorted(nodes.flatMap((node) => node.wants)),
    images: sorted(nodes.flatMap((node) => (node.image?.mustBePresent === true ? node.image.name : []))),
    preferredImages: sorted(nodes.flatMap((node) => node.image?.name ?? [])),
    cores: nodes.reduce((most, node) => Math.max(most, node.cores ?? 0), 0),
    needsEngine: nodes.some((node) => node.needsEngine === true),
  };
  const key = JSON.stringify(asked);
  const present = known.get(key);
  if (present !== undefined) return present;
  const bare = { index: known.size, ...asked, open: [], isOpen: new Set<number>() };
  const open = hosts.flatMap((host, index) => (refusalOf(host, bare) === undefined && lackOf(host, bare, input) === undefined ? [index] : []));
  const requirement: Requirement = { ...bare, open, isOpen: new Set(open) };
  known.set(key, requirement);
  return requirement;
}

const sorted = <T extends string>(values: readonly T[]): T[] => [...new Set(values)].toSorted();

/** A host whose numbers can be counted with. */
export function isReadable(host: PlacementHost): host is KnownHost {
  if (host.state === 'unreadable') return false;
  const { capacity, allocated } = host;
  return [capacity.cpuMillis, capacity.memoryMiB, capacity.diskMiB, allocated.cpuMillis, allocated.memoryMiB, allocated.diskMiB, allocated.ports].every((value) => Number.isFinite(value) && value >= 0);
}

/** Why a host takes no new node; undefined when it does. */
export function refusalOfNew(host: PlacementHost): string | undefined {
  switch (host.state) {
    case 'unreadable': return `its facts cannot be read: ${host.error}`;
    case 'suspect': return 'it does not answer at present';
    case 'lost': return 'it is lost';
    case 'returned': return 'it has come back and is being compared';
    case 'incompatible': return 'it is of another version, whose protocol does not fit (labwright host ls)';
    case 'cordoned': return 'it is cordoned';
    case 'draining': return 'it is being drained';
    case 'joined': return isReadable(host) ? undefined : 'it reports sizes that make no sense';
  }
}

export const NO_ENGINE = 'its container engine does not answer';

/** Why a host takes no such node newly; what it has it keeps, for an engine may come back at any moment. */
export function refusalOf(host: PlacementHost, { needsEngine }: Pick<Requirement, 'needsEngine'>): string | undefined {
  return refusalOfNew(host) ?? (needsEngine && host.state !== 'unreadable' && host.engineAnswers === false ? NO_ENGINE : undefined);
}

/** Why a host cannot keep a node that it has; undefined when it can. Room is another question. */
export function refusalToKeep(host: PlacementHost, { left }: PlacementInput): string | undefined {
  return host.state === 'draining' || host.id === left ? refusalOfNew(host) : undefined;
}

/** What a host lacks that nodes require; undefined when it has all. */
export function lackOf(host: PlacementHost, requirement: Requirement, input: PlacementInput): string | undefined {
  const foreign = requirement.pins.find((pin) => pin !== host.id);
  if (requirement.pins.length > 1) return `the nodes must be together, but the file pins them to ${requirement.pins.join(' and ')}`;
  if (foreign !== undefined) return `the file pins it to ${foreign}`;
  return host.state === 'unreadable' ? undefined : thingThatLacks(host, requirement, input);
}

function thingThatLacks(host: KnownHost, { wants, images, cores }: Requirement, { plane }: PlacementInput): string | undefined {
  if (plane !== undefined && !host.planes.some(({ kind }) => kind === plane)) return `it has no link plane ${plane}`;
  if (cores > host.cores) return `it has ${host.cores} processors, and a node is bound to number ${cores - 1}`;
  const [want] = missingWants(host, wants);
  if (want !== undefined) return want.kind === 'kvm' ? 'it has no KVM' : `it lacks ${want.words}`;
  const [image] = missingImages(host, images);
  return image === undefined ? undefined : `it lacks the image ${image}, which may not be pulled`;
}

/** What a person could bring to a host so that it takes the nodes, in words; undefined when nothing lacks, or when that is not all. */
export function thingsToBring(host: PlacementHost, requirement: Requirement, input: PlacementInput): string | undefined {
  if (host.state === 'unreadable' || lackOf(host, { ...requirement, wants: [], images: [] }, input) !== undefined) return undefined;
  const wants = missingWants(host, requirement.wants);
  const things = [...wants.map(({ words }) => words), ...missingImages(host, requirement.images).map((image) => `the image ${image}`)];
  return things.length === 0 || wants.some(({ kind }) => kind === 'kvm') ? undefined : things.join(' and ');
}

function missingWants({ offers }: KnownHost, wants: readonly string[]): { kind: string; words: string }[] {
  return wants.flatMap((want) => {
    const [kind = '', ...rest] = want.split(':');
    const name = rest.join(':');
    return offers[kind]?.includes(name) === false ? [{ kind, words: `${WORDS[kind] ?? kind} ${name}` }] : [];
  });
}

const missingImages = ({ images: there }: KnownHost, images: readonly string[]): string[] => images.filter((name) => there?.has(name) === false);
