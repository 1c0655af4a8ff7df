// Compares the record of management networks with what kernel and engine show.
import type { EngineNetwork } from './engine-network.ts';
import { missingAccepts } from './firewall-accepts.ts';
import type { HostShell } from './host-shell.ts';
import { gatewayAddresses, readBridge } from './mgmt-bridge.ts';
import type { MgmtNet, MgmtState } from './mgmt-network-state.ts';
import { readTunnels } from './mgmt-tunnel.ts';
import { readNftTable } from './nft-table.ts';
import { nftFamilies } from './render-nft-table.ts';

/** One difference between what has to be and what is. `labs` = who is affected; `detail` is for people. */
export interface Drift {
  readonly what: 'tunnel-wrong' | 'table-removed' | 'rule-removed' | 'bridge-removed' | 'bridge-down' | 'address-removed' | 'docker-network-removed';
  readonly network?: string | undefined;
  readonly bridge?: string | undefined;
  readonly labs: readonly string[];
  readonly detail: string;
}

export interface DriftInputs {
  readonly shell: HostShell;
  readonly owner: string;
  readonly state: MgmtState;
  readonly table: string;
  /** Our tables as listed after they were last applied; undefined before this process applied them. */
  readonly listed: string | undefined;
  readonly readEngine: (name: string) => Promise<EngineNetwork | undefined>;
  readonly hasEngine: boolean;
  readonly signal?: AbortSignal | undefined;
}

/** All differences, in the order: bridges, engine, rules. An engine that does not answer is no difference. */
export async function readDrifts(inputs: DriftInputs): Promise<Drift[]> {
  const { state, shell, table, signal } = inputs;
  const used = state.networks.filter((net) => state.labs.some((lab) => lab.network === net.network));
  const labs = state.labs.map((lab) => lab.lab);
  const [listing, accepts, tunnels, ...perNetwork] = await Promise.all([
    readNftTable(shell, table, nftFamilies(state), signal),
    missingAccepts(shell, state, table, signal),
    readTunnels(shell, state, inputs.owner, signal),
    ...used.flatMap((net) => [bridgeDrifts(inputs, net), engineDrifts(inputs, net)]),
  ]);
  const rules: Drift[] = [];
  if (used.length > 0 && listing === '') rules.push({ what: 'table-removed', labs, detail: `nftables table inet ${table} is gone` });
  else if (inputs.listed !== undefined && listing !== inputs.listed) rules.push({ what: 'rule-removed', labs, detail: `nftables table ${table} is not as it was made` });
  for (const { frontEnd, changes } of accepts) {
    rules.push({ what: 'rule-removed', labs, detail: `${frontEnd}: ${[...changes.insert.map((rule) => `missing ${rule}`), ...changes.remove.map((rule) => `too much ${rule}`)].join('; ')}` });
  }
  const crossing = tunnels.faults.map(({ network, fault }): Drift => ({ what: 'tunnel-wrong', network, labs: state.labs.filter((lab) => lab.network === network).map((lab) => lab.lab), detail: fault }));
  return [...perNetwork.flat(), ...crossing, ...rules];
}

async function bridgeDrifts(inputs: DriftInputs, net: MgmtNet): Promise<Drift[]> {
  const labs = inputs.state.labs.filter((lab) => lab.network === net.network);
  const about = { network: net.network, bridge: net.bridge, labs: labs.map((lab) => lab.lab) };
  const bridge = await readBridge(inputs.shell, net.bridge, inputs.signal);
  if (!bridge) return [{ ...about, what: 'bridge-removed', detail: `bridge ${net.bridge} of management network ${net.network} is gone` }];
  const drifts: Drift[] = [];
  if (!bridge.up) drifts.push({ ...about, what: 'bridge-down', detail: `bridge ${net.bridge} was set down` });
  const missing = gatewayAddresses(net).filter((address) => !bridge.addresses.includes(address));
  if (missing.length > 0) drifts.push({ ...about, what: 'address-removed', detail: `bridge ${net.bridge} lacks ${missing.join(' and ')}` });
  return drifts;
}

async function engineDrifts(inputs: DriftInputs, net: MgmtNet): Promise<Drift[]> {
  if (!inputs.hasEngine || net.engineId === undefined) return [];
  const present = await inputs.readEngine(net.network).catch(() => 'no answer' as const);
  if (present === 'no answer' || present?.id === net.engineId) return [];
  const labs = inputs.state.labs.filter((lab) => lab.network === net.network).map((lab) => lab.lab);
  const detail = present ? `the engine has another network ${net.network} (${present.id.slice(0, 12)}) in the place of ours` : `the engine no longer has network ${net.network}`;
  return [{ what: 'docker-network-removed', network: net.network, bridge: net.bridge, labs, detail }];
}
