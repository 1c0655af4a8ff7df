// Ports of links that end at a place of a host: called as the file says on one host, by a number of ours beside it where a tunnel leads there.
import { describe, expect, it } from 'vitest';
import { aLab, aLink, aNode, host, node } from '../../support/lab-builders.ts';
import { SimulatedLab } from '../../support/simulated-lab.ts';

const HOSTS = ['h1', 'h2'].map((name, index) => ({ id: host(name), state: 'joined' as const, underlay: { address: `10.200.0.${index + 1}`, device: 'under', mtu: 1500 } }));
const link = { ...aLink('a:eth1', 'br0:to-a'), b: { at: 'bridge' as const, node: node('br0'), bridge: 'br0', interface: 'to-a' } };
const deploy = (on: 'h1' | 'h2') => ({ type: 'lab.deploy' as const, spec: aLab([aNode('a', { host: on }), aNode('br0', { host: 'h1', runtime: 'bridge', kind: 'bridge' })], [link]), takeOver: false, reconfigure: false });

describe('a link from a node to a bridge of a host', () => {
  it('X15: has a port of its own beside the named device while it crosses hosts, and the named one itself when it does not', () => {
    const sim = new SimulatedLab();
    const devices = (on: 'h1' | 'h2'): string[] => {
      expect(sim.command(deploy(on), { hosts: HOSTS })).toEqual([]);
      sim.run();
      const plan = sim.state.plan?.links[link.id];
      return [plan?.a.device ?? '', plan?.b.device ?? ''];
    };
    const [near] = devices('h1');
    expect(devices('h1')).toEqual([near, 'to-a']);
    const [, crossing] = devices('h2');
    expect(crossing).toMatch(/^lw1\./);
    expect(crossing).not.toBe(near);
    expect(devices('h1')).toEqual([near, 'to-a']);
    expect(sim.states()).toMatchObject({ [link.id]: 'up' });
  });
});
