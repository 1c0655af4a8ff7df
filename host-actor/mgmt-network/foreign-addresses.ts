// Addresses that other people's containers hold in an engine network, running or not: they must not be leased.
import type Docker from 'dockerode';
import { z } from 'zod';
import { parseIp } from '../../machines/vocabulary/ip-address.ts';
import { ownLabel } from '../providers/docker/container-labels.ts';

// Typed loosely: the engine leaves out or empties whatever a container does not have.
const Endpoint = z.object({
  IPAddress: z.string().nullish(),
  GlobalIPv6Address: z.string().nullish(),
  IPAMConfig: z.object({ IPv4Address: z.string().nullish(), IPv6Address: z.string().nullish() }).nullish(),
});
const Containers = z.array(z.object({
  Labels: z.record(z.string(), z.string()).nullish(),
  NetworkSettings: z.object({ Networks: z.record(z.string(), Endpoint).nullish() }).nullish(),
}));

/** Without prefix length, sorted. A container that is stopped holds what it asked for by name. Nodes of `owner` are leased anyway. */
export async function readForeignAddresses(engine: Docker, network: string, owner: string): Promise<string[]> {
  const listed = Containers.parse(await engine.listContainers({ all: true, filters: { network: [network] } }));
  const endpoints = listed
    .filter((container) => container.Labels?.[ownLabel.host] !== owner)
    .flatMap((container) => container.NetworkSettings?.Networks?.[network] ?? []);
  const addresses = endpoints.flatMap((end) => [end.IPAddress, end.GlobalIPv6Address, end.IPAMConfig?.IPv4Address, end.IPAMConfig?.IPv6Address]);
  return [...new Set(addresses.flatMap((address) => (address && parseIp(address) ? [address] : [])))].toSorted();
}
