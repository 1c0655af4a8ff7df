// Which faults strike when: drawn from a seed before anything happens, so that a run can be repeated.
import { pick, randomFrom } from '../seeded-random.ts';

/** How often each kind is drawn, relative to the others. */
const WEIGHTS = {
  'actor-kill': 4, 'actor-pause': 3, 'supervisor-kill': 3, 'supervisor-pause': 2, 'nats-kill': 2, 'nats-pause': 2,
  'cut-all': 2, 'cut-one-way': 3, 'cut-pair': 3, 'cut-control': 2,
  'device-deleted': 5, 'device-down': 2, 'inner-end-deleted': 3, 'redirects-removed': 3, 'port-unplugged': 2, 'bridge-deleted': 1, 'rules-removed': 1,
  'container-killed': 3, 'container-removed': 3, 'container-restarted': 2, 'container-stopped': 1,
  'mtu-changed': 3, 'remote-changed': 2, 'tunnel-replaced': 2, 'underlay-mtu': 1, 'extra-object': 4,
  'engine-killed': 1, 'host-lost': 2, 'host-left': 2, 'host-fenced': 2, 'host-frozen': 2, 'host-drained': 4, 'switch-killed': 2, 'switch-database-killed': 1,
  'switch-port-removed': 2, 'flows-removed': 2, 'vlan-changed': 2,
} as const;

export type FaultKind = keyof typeof WEIGHTS;
const KINDS = Object.keys(WEIGHTS) as FaultKind[];
const ONLY_WITH_OVS: ReadonlySet<FaultKind> = new Set(['switch-killed', 'switch-database-killed', 'switch-port-removed', 'flows-removed', 'vlan-changed']);

/** `chances`: numbers from 0 up to 1 by which the fault chooses its victims and its length. */
export type Fault = { readonly kind: FaultKind; readonly afterMs: number; readonly chances: readonly [number, number, number] };
/** Faults that strike one after another; then everything is healed, and what is left must be right. */
export type Round = readonly Fault[];

/** Rounds without end: who draws goes on until enough struck. @param draw.only - kinds to draw from, to look closer at what they do together; all when empty */
export function* drawRounds({ seed, ovs, only }: { seed: number; ovs: boolean; only: readonly string[] }): Generator<Round, never> {
  const random = randomFrom(seed);
  const lots = KINDS.filter((kind) => (ovs || !ONLY_WITH_OVS.has(kind)) && (only.length === 0 || only.includes(kind))).flatMap((kind) => Array.from({ length: WEIGHTS[kind] }, () => kind));
  const fault = (): Fault => ({ kind: pick(lots, random()), afterMs: Math.floor(random() * 1_500), chances: [random(), random(), random()] });
  for (;;) yield Array.from({ length: 3 + Math.floor(random() * 4) }, fault);
}
