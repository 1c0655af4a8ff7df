// Kernel devices and queueing disciplines that links need: each is really made, in a network namespace of its own.
import type { ProbeSpec } from '../probe.ts';
import { reasonOf, runInPrivateNetwork } from '../run-command.ts';

type Feature = {
  readonly id: string;
  readonly title: string;
  readonly script: string;
  readonly costs: string;
  readonly module: string;
};

const VETH = 'ip link add v0 type veth peer name v1\n';

const FEATURES: readonly Feature[] = [
  { id: 'veth', title: 'veth pairs', module: 'veth', script: VETH, costs: 'No container can be linked.' },
  { id: 'bridge', title: 'Linux bridge', module: 'bridge', script: 'ip link add b0 type bridge\n', costs: 'No management network, and no nodes of kind bridge.' },
  {
    id: 'vxlan',
    title: 'VXLAN device',
    module: 'vxlan',
    script: 'ip link add x0 type vxlan id 7 dstport 4789 local 127.0.0.1 remote 127.0.0.2 nolearning\n',
    costs: 'Links between hosts and vxlan links of lab files cannot be made; links on this host are not concerned.',
  },
  { id: 'macvlan', title: 'macvlan device', module: 'macvlan', script: `${VETH}ip link add link v0 name m0 type macvlan mode bridge\n`, costs: 'Links of kind macvlan fail.' },
  { id: 'dummy', title: 'dummy device', module: 'dummy', script: 'ip link add d0 type dummy\n', costs: 'Links of kind dummy fail.' },
  {
    id: 'vlan',
    title: 'VLAN device (802.1q)',
    module: '8021q',
    script: `${VETH}ip link add link v0 name v0.5 type vlan id 5\n`,
    costs: 'Nodes that make VLAN devices of the kernel (`ip link add ... type vlan`) cannot; tagged frames still pass over links.',
  },
  { id: 'tun', title: 'tap device', module: 'tun', script: 'ip tuntap add t0 mode tap\n', costs: 'No virtual machine can be linked.' },
  {
    id: 'netem',
    title: 'netem (delay, loss)',
    module: 'sch_netem',
    script: `${VETH}tc qdisc add dev v0 root netem delay 1ms\n`,
    costs: 'Delay, jitter, loss, corruption and duplication of links are refused; rate limits are not concerned.',
  },
  { id: 'tbf', title: 'rate limit (tbf)', module: 'sch_tbf', script: `${VETH}tc qdisc add dev v0 root tbf rate 1mbit burst 32k latency 50ms\n`, costs: 'Rate limits of links are refused.' },
];

/** One probe a feature. */
export const kernelFeatureProbes: readonly ProbeSpec[] = FEATURES.map((feature) => {
  const { id, title, costs, module, script } = feature;
  const remedy = `modprobe ${module}, or use a kernel that has it; run as root.`;
  return {
    id,
    title,
    costs,
    remedy,
    deadlineMs: 5_000,
    run: async (context) => {
      const result = await runInPrivateNetwork(context, script);
      return result.exitCode === 0 ? { status: 'ok', found: 'one was made and removed' } : { status: 'missing', found: reasonOf(result), costs, remedy };
    },
  };
});
