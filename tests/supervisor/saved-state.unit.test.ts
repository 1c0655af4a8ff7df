// The form of a folded state in its snapshot: shared parts once, all of it back.
import { describe, expect, it } from 'vitest';
import { fromSaved, toSaved } from '../../supervisor/saved-state.ts';
import type { SavedState } from '../../supervisor/saved-state.ts';
import { aLab, aLink, aNode } from '../support/lab-builders.ts';
import { SimulatedLab } from '../support/simulated-lab.ts';

function running(): SimulatedLab {
  const sim = new SimulatedLab();
  sim.command({ type: 'lab.deploy', spec: aLab([aNode('a'), aNode('b')], [aLink('a:eth1', 'b:eth1')]), takeOver: false, reconfigure: false });
  sim.run();
  return sim;
}

// What goes through the bucket is JSON.
const throughBucket = (saved: SavedState): SavedState => JSON.parse(JSON.stringify(saved)) as SavedState;

describe('saved state', () => {
  it('comes back as it was, with what was one object as one object', () => {
    const { state } = running();
    const saved = throughBucket(toSaved(state));
    expect(Object.values(saved.nodes).some((record) => 'spec' in record || 'plan' in record)).toBe(false);
    const back = fromSaved(saved);
    expect(back).toEqual(state);
    expect(Object.values(back?.nodes ?? {})[0]?.spec).toBe(back?.spec?.nodes[0]);
    expect(throughBucket(toSaved(back ?? state))).toEqual(saved);
  });

  it('writes out what is not the lab\'s own: a node on its way to another spec', () => {
    const sim = running();
    sim.command({ type: 'lab.deploy', spec: aLab([aNode('a', { image: 'other:1' }), aNode('b')], [aLink('a:eth1', 'b:eth1')]), takeOver: false, reconfigure: false });
    expect(fromSaved(throughBucket(toSaved(sim.state)))).toEqual(sim.state);
  });

  it('is nothing when a part is missing', () => {
    const saved = throughBucket(toSaved(running().state));
    expect(fromSaved({ ...saved, spec: null })).toBeNull();
  });
});
