// Counters of a node's interfaces: from the kernel's table to events with totals and rates.
import type { LabView, NodeView } from '../../machines/vocabulary/lab-view.ts';
import { event } from './lab-events.ts';
import type { LabEvent } from './lab-events.ts';

export type InterfaceCount = { readonly rxBytes: number; readonly rxPackets: number; readonly txBytes: number; readonly txPackets: number };
export type Counters = { readonly at: number; readonly interfaces: Readonly<Record<string, InterfaceCount>> };

/** Reads the text of `/proc/net/dev`. Source: proc_pid_net(5). */
export function readCounters(text: string): Record<string, InterfaceCount> {
  const rows = text.split('\n').flatMap((line) => {
    const [, name, rest] = /^\s*([^\s:]+):\s*(.*)$/.exec(line) ?? [];
    if (name === undefined || rest === undefined) return [];
    const [rxBytes = 0, rxPackets = 0, , , , , , , txBytes = 0, txPackets = 0] = rest.trim().split(/\s+/).map(Number);
    return [[name, { rxBytes, rxPackets, txBytes, txPackets }] as const];
  });
  return Object.fromEntries(rows);
}

/** One `interface stats` event for each interface but the loopback; rates once there is an earlier reading. */
export function counterEvents(input: { view: LabView; node: NodeView; before: Counters | undefined; now: Counters }): LabEvent[] {
  const { view, node, before, now } = input;
  return Object.entries(now.interfaces).filter(([name]) => name !== 'lo').map(([name, count]) =>
    event({ type: 'interface', action: 'stats', origin: 'netlink', at: now.at }, node, {
      ifname: name, lab: view.lab, rx_bytes: String(count.rxBytes), rx_packets: String(count.rxPackets), tx_bytes: String(count.txBytes), tx_packets: String(count.txPackets),
      ...rates(before?.interfaces[name], count, (now.at - (before?.at ?? now.at)) / 1_000),
    }));
}

function rates(before: InterfaceCount | undefined, now: InterfaceCount, seconds: number): Record<string, string> {
  if (before === undefined || seconds <= 0) return {};
  const perSecond = (from: number, to: number, times: number) => String(Math.max(0, Math.round(((to - from) * times) / seconds)));
  return {
    rx_bps: perSecond(before.rxBytes, now.rxBytes, 8), tx_bps: perSecond(before.txBytes, now.txBytes, 8),
    rx_pps: perSecond(before.rxPackets, now.rxPackets, 1), tx_pps: perSecond(before.txPackets, now.txPackets, 1),
    interval_seconds: seconds.toFixed(3),
  };
}
