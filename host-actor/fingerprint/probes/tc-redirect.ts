// Does tc ingress redirect carry a frame from one veth to another here? Every link of a lab stands on it.
import type { Finding, ProbeContext, ProbeSpec } from '../probe.ts';
import { reasonOf, runInPrivateNetwork } from '../run-command.ts';

// A frame goes out of a0, is redirected where it enters a1, and must come in at b0. The ping only makes an ARP request.
const SCRIPT = `
ip link add a0 type veth peer name a1
ip link add b0 type veth peer name b1
for device in a0 a1 b0 b1; do ip link set "$device" addrgenmode none; ip link set "$device" up; done
tc qdisc add dev a1 clsact
tc filter add dev a1 ingress protocol all prio 1 u32 match u32 0 0 action mirred egress redirect dev b1
ip address add 192.0.2.1/30 dev a0
echo before $(ip -s -o link show b0)
ping -c 1 -W 1 192.0.2.2 >/dev/null || test $? -eq 1
echo after $(ip -s -o link show b0)
`;

const costs = 'No link between nodes can be made by the default link plane.';
const remedy = 'Use a kernel with sch_ingress, cls_u32 and act_mirred (modprobe sch_ingress cls_u32 act_mirred), and run as root.';

export const tcRedirectProbe: ProbeSpec = {
  id: 'tc-redirect',
  title: 'tc ingress redirect',
  deadlineMs: 5_000,
  costs,
  remedy,
  run: async (context: ProbeContext): Promise<Finding> => {
    const result = await runInPrivateNetwork(context, SCRIPT);
    if (result.exitCode !== 0) return { status: 'missing', found: reasonOf(result), costs, remedy };
    const [before, after] = ['before', 'after'].map((word) => receivedFrames(result.stdout, word));
    if (before !== undefined && after !== undefined && after > before) return { status: 'ok', found: 'a frame was redirected and counted at the far end' };
    return { status: 'not-effective', found: 'tc took the redirect, but no frame came through', costs, remedy };
  },
};

/** Received frames of a device in `ip -s -o link show`: RX: bytes packets ... are followed by their numbers. */
const receivedFrames = (text: string, word: string): number | undefined => {
  const line = text.split('\n').find((one) => one.startsWith(`${word} `));
  const packets = /RX:[^\\]*\\\s*\d+ (\d+)/.exec(line ?? '')?.[1];
  return packets === undefined ? undefined : Number(packets);
};
