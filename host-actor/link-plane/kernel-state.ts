// What ip and tc print about devices, redirects and namespace ids, as data with lookups by name, mark and index.
import type { SwitchRead } from './cross-connect.ts';
import type { TunnelRead } from './wire.ts';

export type DeviceRead = {
  readonly ifindex: number;
  readonly name: string;
  readonly altnames: readonly string[];
  readonly kind: string;
  readonly mtu: number;
  readonly adminUp: boolean;
  readonly carrier: boolean;
  readonly group: string;
  readonly mac?: string;
  /** `ip link set alias`; no name. */
  readonly alias?: string;
  readonly master?: string;
  /** Namespace id and index of the other end of a veth; no id when it lies in the same namespace. */
  readonly netnsId?: number;
  readonly peerIfindex?: number;
  readonly addrGenMode?: string;
  readonly isolated: boolean;
  /** Kind of the root queueing discipline. */
  readonly qdisc: string;
  readonly tunnel?: TunnelRead;
};

/** A mirred action: `toDevice` is `*` when its target has gone. `bound` counts the filters that use it. `packets` is read with `-s` only. */
export type RedirectRead = { readonly index: number; readonly toDevice: string; readonly cookie: string; readonly bound: number; readonly packets: number };

export type KernelState = {
  readonly devices: ReadonlyMap<string, DeviceRead>;
  readonly byMark: ReadonlyMap<string, DeviceRead>;
  readonly redirects: ReadonlyMap<number, RedirectRead>;
  /** All names under /run/netns of a namespace, by its id here. */
  readonly netnsNames: ReadonlyMap<number, ReadonlySet<string>>;
  /** The switch, where ports on it were asked for. */
  readonly switched?: SwitchRead;
};

type Fields = Readonly<Record<string, unknown>>;

/** Makes the lookups; a device is found by each of its alternative names. */
export function kernelState(devices: readonly DeviceRead[], redirects: readonly RedirectRead[], netnsNames: KernelState['netnsNames']): KernelState {
  return {
    devices: new Map(devices.map((device) => [device.name, device])),
    byMark: new Map(devices.flatMap((device) => device.altnames.map((altname): [string, DeviceRead] => [altname, device]))),
    redirects: new Map(redirects.map((redirect) => [redirect.index, redirect])),
    netnsNames,
  };
}

/** Devices and namespace ids from `ip -j -d link` and `ip -j netns list-id`, also from a batch that prints several arrays. */
export function parseIpOutput(stdout: string): { readonly devices: readonly DeviceRead[]; readonly netnsNames: ReadonlyMap<number, string> } {
  const devices: DeviceRead[] = [];
  const netnsNames = new Map<number, string>();
  for (const entry of jsonEntries(stdout)) {
    if (typeof entry['ifname'] === 'string') devices.push(toDevice(entry, entry['ifname']));
    else if (typeof entry['nsid'] === 'number' && typeof entry['name'] === 'string') netnsNames.set(entry['nsid'], entry['name']);
  }
  return { devices, netnsNames };
}

/** Redirects from `tc -j actions ls action mirred` or from a batch of `actions get`. */
export function parseActions(stdout: string): readonly RedirectRead[] {
  return jsonEntries(stdout)
    .flatMap((entry) => asList(entry['actions']))
    .flatMap((action) => (typeof action['index'] === 'number' ? [toRedirect(action, action['index'])] : []));
}

function toDevice(entry: Fields, name: string): DeviceRead {
  const flags = Array.isArray(entry['flags']) ? entry['flags'] : [];
  const linkInfo = asFields(entry['linkinfo']);
  return {
    ifindex: asNumber(entry['ifindex']) ?? 0,
    name,
    altnames: Array.isArray(entry['altnames']) ? entry['altnames'].filter((text) => typeof text === 'string') : [],
    kind: asText(linkInfo['info_kind']) ?? '',
    mtu: asNumber(entry['mtu']) ?? 0,
    adminUp: flags.includes('UP'),
    carrier: flags.includes('LOWER_UP'),
    group: asText(entry['group']) ?? 'default',
    qdisc: asText(entry['qdisc']) ?? '',
    isolated: asFields(linkInfo['info_slave_data'])['isolated'] === true,
    ...defined({
      mac: asText(entry['address']),
      alias: asText(entry['ifalias']),
      master: asText(entry['master']),
      netnsId: asNumber(entry['link_netnsid']),
      peerIfindex: asNumber(entry['link_index']),
      addrGenMode: asText(entry['inet6_addr_gen_mode']),
      tunnel: linkInfo['info_kind'] === 'vxlan' ? toTunnel(asFields(linkInfo['info_data'])) : undefined,
    }),
  };
}

function toTunnel(data: Fields): TunnelRead {
  return {
    vni: asNumber(data['id']) ?? 0,
    udpPort: asNumber(data['port']) ?? 0,
    remote: asText(data['remote']) ?? asText(data['remote6']) ?? asText(data['group']) ?? asText(data['group6']) ?? '',
    local: asText(data['local']) ?? asText(data['local6']) ?? '',
    ...defined({ parent: asText(data['link']) }),
  };
}

function toRedirect(action: Fields, index: number): RedirectRead {
  return { index, toDevice: asText(action['to_dev']) ?? '*', cookie: asText(action['cookie']) ?? '', bound: asNumber(action['bind']) ?? 0, packets: asNumber(asFields(action['stats'])['packets']) ?? 0 };
}

/** A read of many things prints one array; a batch prints one array a line, which as a whole is not JSON. */
export function jsonEntries(stdout: string): readonly Fields[] {
  if (stdout.trim() === '') return [];
  try {
    return asList(JSON.parse(stdout));
  } catch {
    return stdout.split('\n').flatMap((line) => (line.startsWith('[') ? asList(JSON.parse(line)) : []));
  }
}

function asList(value: unknown): readonly Fields[] {
  return Array.isArray(value) ? value.filter(isFields) : [];
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function asFields(value: unknown): Fields {
  return isFields(value) ? value : {};
}

function asText(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

function asNumber(value: unknown): number | undefined {
  return typeof value === 'number' ? value : undefined;
}

type Defined<T> = { [K in keyof T]?: Exclude<T[K], undefined> };

function defined<T extends object>(fields: T): Defined<T> {
  // Object.fromEntries forgets the key types; only undefined values are left out, so the shape holds.
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Defined<T>;
}
