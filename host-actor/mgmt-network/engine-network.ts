// The management network as the engine knows it: registered under the usual name, so that other containers can join it.
import type Docker from 'dockerode';
import { formatSubnet, parseIp, parseSubnet } from '../../machines/vocabulary/ip-address.ts';
import { splitMgmtPool } from '../../machines/vocabulary/mgmt-pool.ts';
import { MgmtNetworkError } from './mgmt-network-error.ts';
import type { MgmtNet } from './mgmt-network-state.ts';

/** Label with which we own an engine network; its value is the installation. */
export const OWNER_LABEL = 'labwright.owner';

/** What the engine says about a network. `endpoints` = containers attached by the engine, running ones only. */
export interface EngineNetwork {
  readonly id: string;
  readonly name: string;
  readonly owner: string | undefined;
  readonly driver: string;
  readonly bridge: string;
  readonly subnets: readonly { subnet: string; gateway: string | undefined }[];
  readonly endpoints: readonly { container: string; addresses: readonly string[] }[];
}

/** Reads a network by its exact name; undefined when the engine has none. */
export async function readEngineNetwork(engine: Docker, name: string): Promise<EngineNetwork | undefined> {
  const listed = await engine.listNetworks({ filters: { name: [name] } });
  const found = listed.find((network) => network.Name === name);
  if (!found) return undefined;
  const detail = await engine.getNetwork(found.Id).inspect().catch(ignoreNotFound);
  return detail === undefined ? undefined : engineNetwork(detail);
}

/** All networks of the engine that bear our mark. */
export async function readOwnedNetworks(engine: Docker, owner: string): Promise<EngineNetwork[]> {
  const listed = await engine.listNetworks({ filters: { label: [`${OWNER_LABEL}=${owner}`] } });
  return listed.map(engineNetwork);
}

/**
 * Registers the network with containerlab's options and our mark. The engine's own containers get addresses from the
 * upper half of the pool only. A bridge name given by the caller is taken; without one the engine makes `br-<id>`.
 * @throws {MgmtNetworkError} `subnet-overlaps`, `engine-refused`.
 */
export async function createEngineNetwork(engine: Docker, net: MgmtNet, owner: string): Promise<EngineNetwork> {
  const pools = [
    ipamConfig(net.ipv4Subnet, net.ipv4Gateway, net.ipv4Range),
    ipamConfig(net.ipv6Subnet, net.ipv6Gateway, net.ipv6Range),
  ].filter((config) => config !== undefined);
  try {
    await engine.createNetwork({
      Name: net.network,
      Driver: 'bridge',
      CheckDuplicate: true,
      Internal: false,
      Attachable: false,
      EnableIPv6: net.ipv6Subnet !== undefined,
      IPAM: { Driver: 'default', Config: pools },
      Labels: { containerlab: '', [OWNER_LABEL]: owner },
      Options: {
        'com.docker.network.driver.mtu': String(net.mtu),
        ...(net.bridge === '' ? {} : { 'com.docker.network.bridge.name': net.bridge }),
        ...net.driverOpts,
      },
    });
  } catch (cause) {
    throw await refusal(engine, net, cause);
  }
  const created = await readEngineNetwork(engine, net.network);
  if (created) return created;
  throw new MgmtNetworkError({ code: 'engine-refused', retryable: true, message: `the engine made network ${net.network}, but does not list it` });
}

/** Takes the network out of the engine; one that is not there is removed already. Returns false while containers use it. */
export async function removeEngineNetwork(engine: Docker, id: string): Promise<boolean> {
  try {
    await engine.getNetwork(id).remove();
    return true;
  } catch (error) {
    if (statusOf(error) === 404) return true;
    if (statusOf(error) === 403) return false;
    throw new MgmtNetworkError({ code: 'engine-refused', retryable: true, cause: error, message: `the engine did not remove network ${id}: ${String(error)}` });
  }
}

function ipamConfig(subnet: string | undefined, gateway: string | undefined, range: string | undefined): Record<string, string> | undefined {
  const pool = subnet === undefined ? undefined : splitMgmtPool({ subnet, gateway, range });
  return pool ? { Subnet: formatSubnet(pool.subnet), IPRange: pool.engineRange, Gateway: pool.gatewayText } : undefined;
}

/** Looks whether a network of the engine uses one of the subnets. @throws {MgmtNetworkError} `subnet-overlaps`. */
export async function refuseOverlap(engine: Docker, net: MgmtNet): Promise<void> {
  const clash = await findOverlap(engine, net);
  if (clash) throw clash;
}

async function findOverlap(engine: Docker, net: MgmtNet, cause?: unknown): Promise<MgmtNetworkError | undefined> {
  const others = await engine.listNetworks().catch(() => []);
  const clash = others.map(engineNetwork).find((other) => other.subnets.some(({ subnet }) => overlaps(subnet, net.ipv4Subnet) || overlaps(subnet, net.ipv6Subnet)));
  if (!clash) return undefined;
  return new MgmtNetworkError({ code: 'subnet-overlaps', retryable: false, cause, details: { network: clash.name },
    message: `management network ${net.network} cannot have ${subnetsOf(net)}: engine network ${clash.name} uses ${clash.subnets.map(({ subnet }) => subnet).join(' and ')}; give the lab another subnet (mgmt.ipv4-subnet) or that network's name (mgmt.network)` });
}

function subnetsOf(net: MgmtNet): string {
  return [net.ipv4Subnet, net.ipv6Subnet].filter((subnet) => subnet !== undefined).join(' and ');
}

async function refusal(engine: Docker, net: MgmtNet, cause: unknown): Promise<MgmtNetworkError> {
  const clash = await findOverlap(engine, net, cause);
  if (clash) return clash;
  return new MgmtNetworkError({ code: 'engine-refused', retryable: true, cause, message: `the engine did not make network ${net.network} (${subnetsOf(net)}): ${cause instanceof Error ? cause.message : String(cause)}` });
}

function overlaps(a: string, b: string | undefined): boolean {
  const [one, other] = [parseSubnet(a), b === undefined ? undefined : parseSubnet(b)];
  return one !== undefined && other !== undefined && one.family === other.family && one.first <= other.last && other.first <= one.last;
}

function engineNetwork(info: Docker.NetworkInspectInfo): EngineNetwork {
  const endpoints = Object.entries(info.Containers ?? {}).map(([id, endpoint]) => ({
    container: endpoint.Name || id,
    addresses: [endpoint.IPv4Address, endpoint.IPv6Address].flatMap((text) => {
      const address = (text ?? '').split('/')[0] ?? '';
      return parseIp(address) ? [address] : [];
    }),
  }));
  return {
    id: info.Id,
    name: info.Name,
    owner: info.Labels?.[OWNER_LABEL],
    driver: info.Driver,
    bridge: info.Options?.['com.docker.network.bridge.name'] ?? (info.Name === 'bridge' ? 'docker0' : `br-${info.Id.slice(0, 12)}`),
    subnets: (info.IPAM?.Config ?? []).flatMap((config) => (config['Subnet'] === undefined ? [] : [{ subnet: config['Subnet'], gateway: config['Gateway'] }])),
    endpoints: endpoints.toSorted((a, b) => (a.container < b.container ? -1 : 1)),
  };
}

function ignoreNotFound(error: unknown): undefined {
  if (statusOf(error) === 404) return undefined;
  throw error;
}

function statusOf(error: unknown): number | undefined {
  return error instanceof Error && 'statusCode' in error && typeof error.statusCode === 'number' ? error.statusCode : undefined;
}
