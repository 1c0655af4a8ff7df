// Gives wires that name no plane the host's own.
import type { PlaneName, Wire } from './wire.ts';

/** The same object comes out for the same wire, since what a wire flattens to is kept by object. */
export function choosePlane(byDefault: PlaneName): (wire: Wire) => Wire {
  const chosen = new WeakMap<Wire, Wire>();
  return (wire) => {
    if (byDefault === 'tc' || wire.plane !== undefined) return wire;
    const known = chosen.get(wire) ?? { ...wire, plane: byDefault };
    chosen.set(wire, known);
    return known;
  };
}
