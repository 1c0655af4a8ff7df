// Tunnels that a person stitches to an interface of this host by hand, outside of any lab: made, listed by mark, removed; nobody supervises them.
import { createHash } from 'node:crypto';
import { fromSubjectToken, subjectToken } from '../nats/subjects.ts';
import { HostActorError } from './host-actor-error.ts';
import { isDeviceName, isMark, pathIssues } from './link-plane/check-wire.ts';
import { redirectCookie } from './link-plane/host-ports.ts';
import { jsonEntries, kernelState, parseIpOutput, type DeviceRead, type KernelState } from './link-plane/kernel-state.ts';
import { readUnderlays } from './link-plane/read-underlay.ts';
import { addTunnelLine, markLine, openTunnelLine, silenceLine } from './link-plane/render-lines.ts';
import { runBatch } from './link-plane/run-batch.ts';
import { toolRunnerIn, type RunTool } from './link-plane/run-tool.ts';

export type HostTunnelWish = {
  /** Name or alternative name of the interface that is joined to the tunnel. */
  readonly link: string;
  /** Address of the far end. */
  readonly remote: string;
  readonly vni: number;
  readonly udpPort: number;
  readonly srcPort?: number | undefined;
  /** Interface that the tunnel leaves by; by the route otherwise. */
  readonly parent?: string | undefined;
  /** Fitted to the underlay otherwise. */
  readonly mtu?: number | undefined;
};

/** `name` is what people know the tunnel by: `vx-` and the interface. The device is called so where that fits 15 characters. */
export type HostTunnel = { readonly name: string; readonly device: string; readonly link: string };

export type RemovedTunnels = { readonly removed: readonly HostTunnel[]; /** Tunnels whose names fit, and that are not ours. */ readonly left: readonly string[] };

/** Not the prefix of what labs make: nobody's repair and nobody's list of orphans touches these. */
const MARK_PREFIX = 'lw-tools.';
/** Unlike that of any other filter on an interface, so that ours can be taken away alone. */
const PREF = 1011;
const MAX_NAME = 15;

/** Makes the tunnel and joins it to the interface, both ways. Undone as a whole when one step fails.
 *  @param netns - name of the network namespace to work in; our own by default
 *  @throws {HostActorError} `tunnel-refused`, with the kernel's reason. */
export async function createHostTunnel(wish: HostTunnelWish, netns?: string): Promise<HostTunnel> {
  const run = toolRunnerIn(netns);
  const found = isMark(wish.link) ? deviceNamed(await readDevices(run), wish.link) : undefined;
  if (found === undefined) throw refused(`failed to lookup link ${JSON.stringify(wish.link)}: no such interface on this host`);
  const parent = wish.parent ?? (await readUnderlays(run, [wish.remote])).get(wish.remote)?.device;
  if (parent === undefined) throw refused(`failed to find a route to VxLAN remote address ${wish.remote}`);
  const name = `vx-${wish.link}`;
  const tunnel = { name, device: deviceOfName(name), link: found.name };
  const { vni, udpPort, remote, srcPort } = wish;
  const path = { vni, udpPort, remote, parent, ...(srcPort === undefined || srcPort === 0 ? {} : { srcPort }) };
  const issues = [...pathIssues(path), ...(isDeviceName(tunnel.device) && isMark(name) && isMark(markOf(wish.link)) ? [] : [`the name ${name} is not usable for a device`])];
  if (issues.length > 0) throw refused(issues.join('; '));
  if (await isJoined(run, found.name)) throw refused(`interface ${wish.link} is joined to something else already: it has a filter on what comes in`);
  await make(run, tunnel, { path, mtu: wish.mtu, mark: markOf(wish.link) });
  return tunnel;
}

/** Removes tunnels made here, with what joined them: those whose names begin with the prefix, or the one of exactly this name.
 *  @throws {HostActorError} `tunnel-refused` when there is no tunnel of the exact name, or it is not ours. */
export async function deleteHostTunnels(which: { readonly prefix: string } | { readonly name: string }, netns?: string): Promise<RemovedTunnels> {
  const run = toolRunnerIn(netns);
  const state = await readDevices(run);
  const fits = (name: string): boolean => ('prefix' in which ? name.startsWith(which.prefix) : name === which.name);
  const named = [...state.devices.values()].filter((device) => [device.name, ...device.altnames].some((name) => !name.startsWith(MARK_PREFIX) && fits(name)));
  const tunnels = named.filter((device) => device.kind === 'vxlan');
  if ('name' in which) refuseForeign(which.name, named, tunnels);
  const ours = tunnels.flatMap((device) => ourTunnel(device, state) ?? []);
  for (const tunnel of ours) {
    await runBatch(run, 'tc', [{ owner: tunnel.name, text: `filter del dev ${tunnel.link} ingress pref ${PREF}`, mayFail: true }]);
    await runBatch(run, 'ip', [{ owner: tunnel.name, text: `link del dev ${tunnel.device}`, mayFail: true }]);
  }
  const devices = new Set(ours.map(({ device }) => device));
  return { removed: ours, left: tunnels.flatMap((device) => (devices.has(device.name) ? [] : [device.name])) };
}

function refuseForeign(name: string, named: readonly DeviceRead[], tunnels: readonly DeviceRead[]): void {
  const [first] = named;
  if (first === undefined) throw refused(`vxlan interface ${JSON.stringify(name)} not found`);
  if (tunnels.length === 0) throw refused(`interface ${JSON.stringify(name)} is not a vxlan interface (type: ${first.kind || 'none'})`);
  if (!tunnels.some((device) => linkOf(device) !== undefined)) throw refused(`vxlan interface ${JSON.stringify(name)} was not made by labwright tools vxlan create: it is left alone`);
}

async function make(run: RunTool, tunnel: HostTunnel, how: { readonly path: Parameters<typeof addTunnelLine>[1]; readonly mtu: number | undefined; readonly mark: string }): Promise<void> {
  const { device, link, name } = tunnel;
  const own = (text: string, mayFail = false) => ({ owner: name, text, mayFail });
  // The kernel chooses the numbers of these redirects: from 1 on, far below those that labs lease.
  const redirect = (from: string, to: string, mark: string): string => `filter add dev ${from} ingress protocol all pref ${PREF} u32 match u32 0 0 action mirred egress redirect dev ${to} cookie ${redirectCookie(mark)}`;
  const add = await runBatch(run, 'ip', [own(addTunnelLine({ device, mtu: how.mtu }, { ...how.path, foreign: true }))]);
  failOn(add.failures, add.aborted);
  const steps = [
    () => runBatch(run, 'ip', [own(markLine(device, how.mark)), ...(name === device ? [] : [own(markLine(device, name)), own(`link set dev ${device} alias ${name}`)]), own(silenceLine(device))]),
    () => runBatch(run, 'tc', [own(`qdisc add dev ${link} clsact`, true), own(`qdisc add dev ${device} clsact`), own(redirect(device, link, `${how.mark} in`)), own(redirect(link, device, `${how.mark} out`))]),
    () => runBatch(run, 'ip', [own(openTunnelLine({ device }))]),
  ];
  try {
    for (const step of steps) {
      const { failures, aborted } = await step();
      failOn(failures, aborted);
    }
  } catch (error) {
    await runBatch(run, 'tc', [own(`filter del dev ${link} ingress pref ${PREF}`, true)]);
    await runBatch(run, 'ip', [own(`link del dev ${device}`, true)]);
    throw error;
  }
}

function failOn(failures: readonly { readonly reason: string; readonly text: string }[], aborted: string | undefined): void {
  const [first] = failures;
  if (first !== undefined) throw refused(`${first.reason} (${first.text})`);
  if (aborted !== undefined) throw refused(aborted);
}

async function readDevices(run: RunTool): Promise<KernelState> {
  return kernelState(parseIpOutput((await run({ program: 'ip', args: ['-j', '-d', 'link'] })).stdout).devices, [], new Map());
}

function deviceNamed(state: KernelState, name: string): DeviceRead | undefined {
  return state.devices.get(name) ?? state.byMark.get(name);
}

async function isJoined(run: RunTool, device: string): Promise<boolean> {
  const { stdout } = await run({ program: 'tc', args: ['-j', 'filter', 'show', 'dev', device, 'ingress'] });
  return jsonEntries(stdout).length > 0;
}

function markOf(link: string): string {
  return `${MARK_PREFIX}${subjectToken(link)}`;
}

/** The interface that a tunnel of ours is joined to, as it was called; undefined for somebody else's. */
function linkOf(device: DeviceRead): string | undefined {
  const mark = device.altnames.find((altname) => altname.startsWith(MARK_PREFIX));
  return mark === undefined ? undefined : fromSubjectToken(mark.slice(MARK_PREFIX.length));
}

function ourTunnel(device: DeviceRead, state: KernelState): HostTunnel | undefined {
  const link = linkOf(device);
  return link === undefined ? undefined : { name: `vx-${link}`, device: device.name, link: deviceNamed(state, link)?.name ?? link };
}

function deviceOfName(name: string): string {
  return name.length <= MAX_NAME ? name : `vx-${createHash('sha256').update(name).digest('hex').slice(0, MAX_NAME - 3)}`;
}

function refused(message: string): HostActorError {
  return new HostActorError('tunnel-refused', { message, retryable: false });
}
