// What a lab may begin while its management network is still being made, and what it may not claim before it is.
import { describe, expect, it } from 'vitest';
import type { Command } from '../../machines/vocabulary/command.ts';
import { aLab, aLink, aNode, host } from '../support/lab-builders.ts';
import { idealHost, SimulatedLab } from '../support/simulated-lab.ts';

const deploy = (): Command => ({ type: 'lab.deploy', spec: aLab([aNode('a'), aNode('b')], [aLink('a:eth1', 'b:eth1')]), takeOver: false, reconfigure: false });
const ALL_BUT_THE_NETWORK: typeof idealHost = (order, at) => (order.type === 'network.ensure' ? null : idealHost(order, at));

function foreseen(foreign: boolean): SimulatedLab {
  const sim = new SimulatedLab();
  sim.command(deploy());
  sim.run(ALL_BUT_THE_NETWORK);
  expect(sim.orders.map(({ type }) => type)).not.toContain('link.ensure');
  sim.observe({ type: 'network.foreseen', at: sim.at, bridge: 'br-0123456789ab', foreign });
  sim.run(ALL_BUT_THE_NETWORK);
  return sim;
}

describe('a management network that is foreseen', () => {
  it('lets links and nodes be made, and the lab runs only when the network is there', () => {
    const sim = foreseen(false);
    expect(sim.states()).toEqual({ a: 'running', b: 'running', 'a:eth1--b:eth1': 'up' });
    expect(sim.state.lab.value).toBe('deploying');
    const [network] = sim.orders;
    if (network?.type !== 'network.ensure') throw new Error('the network is ordered first');
    sim.observe({ type: 'network.ready', effectId: network.id, at: sim.at, bridge: 'br-0123456789ab', foreign: false });
    expect(sim.state.lab.value).toBe('running');
  });

  it('is no news twice, and none once it is ready', () => {
    const sim = foreseen(false);
    expect(sim.observe({ type: 'network.foreseen', at: sim.at, bridge: 'br-0123456789ab', foreign: false })).toBe(false);
  });

  it('ends as a failed network with its reason when the rest of it cannot be made', () => {
    const sim = foreseen(false);
    const [network] = sim.orders;
    if (network?.type !== 'network.ensure') throw new Error('the network is ordered first');
    sim.observe({ type: 'effect.failed', effectId: network.id, at: sim.at, code: 'command-failed', message: 'nft refused', retryable: false, log: [] });
    expect(sim.state.networks[host('h1')]).toMatchObject({ state: 'failed', failure: { message: 'nft refused' } });
    expect(sim.state.lab.value).toBe('degraded');
  });

  it('of somebody else has the engine attach the nodes first, as ever', () => {
    const sim = foreseen(true);
    const types = sim.orders.map(({ type }) => type);
    expect(types.indexOf('link.ensure')).toBeGreaterThan(types.lastIndexOf('node.start'));
  });
});
