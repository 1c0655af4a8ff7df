// Whether this host mends by itself what is not as ordered: the lab's switches, else the host's own.
import type { LabId } from '../machines/vocabulary/ids.ts';
import { RepairClass } from '../machines/vocabulary/repair-switches.ts';
import type { RepairSwitches } from '../machines/vocabulary/repair-switches.ts';
import type { WireDrift } from './link-plane/find-drift.ts';
import type { WireState } from './link-plane/wire.ts';
import type { Wanted } from './wanted.ts';

/** What goes with an end: its interface inside the node is made anew. */
const REMADE: ReadonlySet<string> = new Set(['end-missing', 'end-half-made', 'end-stale']);
/** What only the event tells: the kernel's list of redirects still has it. */
const UNSEEN: ReadonlySet<string> = new Set(['redirect-lost', 'clsact-lost']);

/** Whether a look at the wire may not show what the event told of it. */
export const isUnseen = ({ what }: Pick<WireDrift, 'what'>): boolean => UNSEEN.has(what);

export class RepairGate {
  readonly #wanted: Pick<Wanted, 'network'>;
  readonly #ofHost: RepairSwitches;

  constructor(wanted: Pick<Wanted, 'network'>, ofHost: RepairSwitches) {
    this.#wanted = wanted;
    this.#ofHost = ofHost;
  }

  /** Why repairs of the class wait for a person; undefined = they are made. */
  off(lab: LabId, kind: RepairClass): string | undefined {
    const ofLab = this.#wanted.network(lab)?.repairs?.[kind];
    if (ofLab ?? this.#ofHost[kind] ?? true) return undefined;
    return `repair is switched off (${kind}, by ${ofLab === false ? 'settings.repairs of the lab' : 'LABWRIGHT_REPAIRS of the host'})`;
  }

  /** Whether a look is needed before anything of the lab is mended. */
  isPartlyOff(lab: LabId): boolean {
    return RepairClass.options.some((kind) => this.off(lab, kind) !== undefined);
  }

  /** Why the wire, as it was read, is left as it is, with what is wrong with it; undefined = it may be mended, or needs nothing. */
  offForWire(lab: LabId, { faults }: Pick<WireState, 'faults'>, drift?: Pick<WireDrift, 'what' | 'side'>): string | undefined {
    const all = [...faults.map(({ kind, side }) => ({ what: kind, side })), ...(drift && isUnseen(drift) ? [drift] : [])];
    const fault = all.find(({ what }) => REMADE.has(what)) ?? all[0];
    const why = fault && this.off(lab, REMADE.has(fault.what) ? 'invasive' : 'safe');
    return why === undefined ? undefined : `${fault?.what ?? ''} at end ${fault?.side ?? ''}; ${why}`;
  }
}
