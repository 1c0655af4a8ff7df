// What the database of Open vSwitch holds, as the plane sees it: bridges with their ports, kept up to date by a monitor.
import { readMap, readNumber, readSet, readText, readTexts, type OvsdbRow } from './ovsdb-value.ts';

/** Columns that are watched. Statistics are not among them: they change every five seconds. */
export const MONITORED = {
  Open_vSwitch: ['bridges', 'next_cfg', 'cur_cfg', 'datapath_types', 'ovs_version', 'system_version'],
  Bridge: ['name', 'ports', 'datapath_type', 'fail_mode', 'external_ids', 'other_config'],
  Port: ['name', 'interfaces', 'tag', 'trunks', 'vlan_mode', 'external_ids'],
  Interface: ['name', 'type', 'options', 'external_ids', 'ofport', 'ofport_request', 'ifindex', 'error'],
} as const;

export type TableName = keyof typeof MONITORED;
export const TABLES: readonly TableName[] = ['Open_vSwitch', 'Bridge', 'Port', 'Interface'];

/** Rows by their id. */
export type Tables = Readonly<Record<TableName, Map<string, OvsdbRow>>>;

export type InterfaceRead = {
  readonly type: string;
  readonly options: ReadonlyMap<string, string>;
  /** OpenFlow number; above 0 = the switch has it. */
  readonly ofport: number;
  /** Device that it is bound to; 0 or absent = none. */
  readonly ifindex?: number;
  readonly error?: string;
};

export type PortRead = {
  readonly uuid: string;
  readonly name: string;
  readonly bridge: string;
  readonly marks: ReadonlyMap<string, string>;
  readonly tag?: number;
  readonly vlanMode?: string;
  readonly interface?: InterfaceRead;
};

export type BridgeRead = {
  readonly uuid: string;
  readonly name: string;
  readonly datapath: string;
  readonly failMode?: string;
  readonly marks: ReadonlyMap<string, string>;
  readonly otherConfig: ReadonlyMap<string, string>;
  readonly ports: readonly PortRead[];
};

export type RootRead = { readonly uuid: string; readonly nextCfg: number; readonly curCfg: number; readonly datapathTypes: readonly string[]; readonly version?: string };

export function emptyTables(): Tables {
  return { Open_vSwitch: new Map(), Bridge: new Map(), Port: new Map(), Interface: new Map() };
}

/** One change of a table as a monitor tells it: `new` is absent for a row that went. */
export type RowUpdate = { readonly old?: OvsdbRow; readonly new?: OvsdbRow };
export type TableUpdates = Readonly<Partial<Record<string, Readonly<Record<string, RowUpdate>>>>>;

/** Takes a monitor's update over into the tables. */
export function applyUpdates(tables: Tables, updates: TableUpdates): void {
  for (const table of TABLES) {
    for (const [id, update] of Object.entries(updates[table] ?? {})) {
      if (update.new === undefined) tables[table].delete(id);
      else tables[table].set(id, update.new);
    }
  }
}

export function rootOf(tables: Tables): RootRead | undefined {
  const [entry] = tables.Open_vSwitch;
  if (!entry) return undefined;
  const [id, row] = entry;
  const version = readText(row['ovs_version']);
  return { uuid: id, nextCfg: readNumber(row['next_cfg']) ?? 0, curCfg: readNumber(row['cur_cfg']) ?? 0, datapathTypes: readTexts(row['datapath_types']), ...(version === undefined ? {} : { version }) };
}

/** All bridges with their ports. */
export function bridgesOf(tables: Tables): readonly BridgeRead[] {
  return [...tables.Bridge].map(([id, row]) => {
    const name = readText(row['name']) ?? '';
    const failMode = readText(row['fail_mode']);
    return {
      uuid: id,
      name,
      datapath: readText(row['datapath_type']) || 'system',
      marks: readMap(row['external_ids']),
      otherConfig: readMap(row['other_config']),
      ports: readSet(row['ports']).flatMap((portId) => portOf(tables, String(portId), name) ?? []),
      ...(failMode === undefined ? {} : { failMode }),
    };
  });
}

function portOf(tables: Tables, id: string, bridge: string): PortRead | undefined {
  const row = tables.Port.get(id);
  if (!row) return undefined;
  const [interfaceId] = readSet(row['interfaces']);
  const found = tables.Interface.get(String(interfaceId));
  const tag = readNumber(row['tag']);
  const vlanMode = readText(row['vlan_mode']);
  return {
    uuid: id,
    name: readText(row['name']) ?? '',
    bridge,
    marks: readMap(row['external_ids']),
    ...(tag === undefined ? {} : { tag }),
    ...(vlanMode === undefined ? {} : { vlanMode }),
    ...(found === undefined ? {} : { interface: interfaceOf(found) }),
  };
}

function interfaceOf(row: OvsdbRow): InterfaceRead {
  const ifindex = readNumber(row['ifindex']);
  const error = readText(row['error']);
  return {
    type: readText(row['type']) ?? '',
    options: readMap(row['options']),
    ofport: readNumber(row['ofport']) ?? 0,
    ...(ifindex === undefined || ifindex === 0 ? {} : { ifindex }),
    ...(error === undefined ? {} : { error }),
  };
}

/** A tunnel that the switch itself ends (Interface of type vxlan). */
export type SwitchTunnel = { readonly port: string; readonly bridge: string; readonly remote: string; readonly local?: string; readonly vni?: number; readonly udpPort: number; readonly ofport: number };

const VXLAN_PORT = 4789;

/** VXLAN tunnels that the switch ends itself, ours or not. `flow` as key or remote means that flows choose it. */
export function tunnelsOf(bridges: readonly BridgeRead[]): readonly SwitchTunnel[] {
  return bridges.flatMap((bridge) =>
    bridge.ports.flatMap((port): readonly SwitchTunnel[] => {
      const found = port.interface;
      if (found?.type !== 'vxlan') return [];
      const [key, local] = [Number(found.options.get('key')), found.options.get('local_ip')];
      return [
        {
          port: port.name,
          bridge: bridge.name,
          remote: found.options.get('remote_ip') ?? '',
          udpPort: Number(found.options.get('dst_port') ?? VXLAN_PORT),
          ofport: found.ofport,
          ...(Number.isInteger(key) ? { vni: key } : {}),
          ...(local === undefined ? {} : { local }),
        },
      ];
    }),
  );
}
