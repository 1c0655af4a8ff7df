// Which repairs of a wire wait for a person: by what was read of it, and by what only an event told.
import { describe, expect, it } from 'vitest';
import { RepairGate } from '../../../host-actor/repair-gate.ts';
import type { WireFault } from '../../../host-actor/link-plane/wire.ts';
import { LabId } from '../../../machines/vocabulary/ids.ts';
import type { RepairSwitches } from '../../../machines/vocabulary/repair-switches.ts';

const lab = LabId.parse('l');
const gate = (ofLab: RepairSwitches | undefined, ofHost: RepairSwitches = {}) => new RepairGate({ network: () => ({ repairs: ofLab }) } as never, ofHost);
const fault = (kind: WireFault['kind'], side: 'a' | 'b' = 'a'): WireFault => ({ kind, side });

describe('the gate of repairs', () => {
  it('is open unless a switch is off; the lab\'s counts more than the host\'s', () => {
    expect([gate(undefined).off(lab, 'safe'), gate({}).off(lab, 'invasive'), gate({ safe: true }, { safe: false }).off(lab, 'safe')]).toEqual([undefined, undefined, undefined]);
    expect(gate({}, { safe: false }).off(lab, 'safe')).toContain('LABWRIGHT_REPAIRS of the host');
    expect(gate({ invasive: false }).off(lab, 'invasive')).toContain('settings.repairs of the lab');
    expect([gate({ invasive: false }).isPartlyOff(lab), gate(undefined).isPartlyOff(lab)]).toEqual([true, false]);
  });

  it('a wire with an end that is gone needs the invasive one, whatever else is wrong with it', () => {
    const faults = [fault('redirect-missing'), fault('end-missing', 'b')];
    expect(gate({ invasive: false }).offForWire(lab, { faults })).toContain('end-missing at end b');
    expect(gate({ safe: false }).offForWire(lab, { faults })).toBeUndefined();
  });

  it('all else needs the safe one, also what only an event told; what is right needs none', () => {
    expect(gate({ safe: false }).offForWire(lab, { faults: [fault('wrong-mtu')] })).toContain('wrong-mtu at end a');
    expect(gate({ invasive: false }).offForWire(lab, { faults: [fault('wrong-mtu')] })).toBeUndefined();
    expect(gate({ safe: false }).offForWire(lab, { faults: [] }, { what: 'redirect-lost', side: 'b' })).toContain('redirect-lost at end b');
    expect(gate({ safe: false, invasive: false }).offForWire(lab, { faults: [] }, { what: 'end-renamed', side: 'b' })).toBeUndefined();
  });
});
