// What a lab holds of what all labs share, before and after a change, and when it holds nothing.
import { describe, expect, it } from 'vitest';
import { claimsOf, LabClaims, mayHoldOther, NO_CLAIMS, unionOfClaims } from '../../../machines/plan/claims.ts';
import { aLab, aLink, aNode, host } from '../../support/lab-builders.ts';
import { SimulatedLab } from '../../support/simulated-lab.ts';

const deploy = (spec: ReturnType<typeof aLab>) => ({ type: 'lab.deploy' as const, spec, takeOver: false, reconfigure: false });
const published = (hostPort: number) => ({ ports: [{ protocol: 'tcp' as const, hostPort, containerPort: 80 }] });

describe('claims of a lab', () => {
  it('are none before it is deployed and after it is destroyed', () => {
    const sim = new SimulatedLab();
    expect(claimsOf(sim.state)).toEqual(NO_CLAIMS);
    sim.command(deploy(aLab([aNode('a')])));
    sim.run();
    sim.command({ type: 'lab.destroy', cleanup: false, keepMgmtNet: false });
    sim.run();
    expect(sim.state.lab.value).toBe('destroyed');
    expect(claimsOf(sim.state)).toEqual(NO_CLAIMS);
  });

  it('hold number, addresses, ports, names and room', () => {
    const sim = new SimulatedLab();
    sim.command(deploy(aLab([aNode('a', published(8080)), aNode('b')], [aLink('a:eth1', 'b:eth1')])));
    const claims = claimsOf(sim.state);
    expect(claims).toMatchObject({ labNumbers: [1], ports: ['tcp/8080'], containerNames: ['clab-t-a', 'clab-t-b'] });
    expect(claims.networks['clab']?.addresses).toHaveLength(4);
    expect(claims.held[host('h1')]?.memoryMiB).toBeGreaterThan(0);
    expect(LabClaims.parse(claims)).toEqual(claims);
  });

  it('hold the old and the new of a node that is made anew, until the old one is gone', () => {
    const sim = new SimulatedLab();
    sim.command(deploy(aLab([aNode('a', { ...published(8080), containerName: 'old' })])));
    sim.run();
    sim.command(deploy(aLab([aNode('a', { ...published(9090), containerName: 'new' })])));
    expect(claimsOf(sim.state)).toMatchObject({ ports: ['tcp/8080', 'tcp/9090'], containerNames: ['new', 'old'] });
    sim.run();
    expect(claimsOf(sim.state)).toMatchObject({ ports: ['tcp/9090'], containerNames: ['new'] });
  });

  it('of two states hold what either holds', () => {
    const one: LabClaims = { ...NO_CLAIMS, labNumbers: [1], ports: ['tcp/1'], vlans: { [host('h1')]: [5, 7] }, held: { [host('h1')]: { cpuMillis: 5, memoryMiB: 1, diskMiB: 0, ports: 0 } }, networks: { n: { addresses: ['10.0.0.1'] } } };
    const two: LabClaims = { ...NO_CLAIMS, labNumbers: [1], ports: ['tcp/2'], vlans: { [host('h1')]: [6], [host('h2')]: [5] }, held: { [host('h1')]: { cpuMillis: 1, memoryMiB: 9, diskMiB: 0, ports: 0 } }, networks: { n: { addresses: ['10.0.0.2'] }, m: { addresses: ['10.1.0.1'] } } };
    expect(unionOfClaims(one, two)).toEqual({
      labNumbers: [1], vnis: [], vlans: { h1: [5, 6, 7], h2: [5] }, ports: ['tcp/1', 'tcp/2'], containerNames: [], held: { h1: { cpuMillis: 5, memoryMiB: 9, diskMiB: 0, ports: 0 } },
      networks: { m: { addresses: ['10.1.0.1'] }, n: { addresses: ['10.0.0.1', '10.0.0.2'] } },
    });
  });

  it('are not looked at again after what changes none', () => {
    const sim = new SimulatedLab();
    sim.command(deploy(aLab([aNode('a')])));
    sim.run();
    const before = sim.state;
    sim.append([{ type: 'TakenOver', term: 7, supervisor: 's' }]);
    expect(mayHoldOther(before, sim.state)).toBe(false);
    sim.command({ type: 'lab.destroy', cleanup: false, keepMgmtNet: false });
    expect(mayHoldOther(before, sim.state)).toBe(true);
  });
});
