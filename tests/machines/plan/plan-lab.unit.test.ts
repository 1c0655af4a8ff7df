// What a plan fixes beyond the addresses of nodes.
import { describe, expect, it } from 'vitest';
import { initialLab } from '../../../machines/evolve/lab-state.ts';
import { leasePorts } from '../../../machines/plan/lease-ports.ts';
import { planLab } from '../../../machines/plan/plan-lab.ts';
import type { MgmtSpec } from '../../../machines/vocabulary/lab-spec.ts';
import { aLab, aNode, facts, lab, node } from '../../support/lab-builders.ts';

const mgmt: MgmtSpec = { network: 'clab', externalAccess: true, isolated: false, driverOpts: {} };

function planned(over: Partial<MgmtSpec>) {
  const result = planLab({ state: initialLab(lab('t')), spec: aLab([aNode('a')], [], { mgmt: { ...mgmt, ...over } }), facts: facts(), reconfigure: false });
  if ('rejections' in result) throw new Error(JSON.stringify(result.rejections));
  return result.plan.mgmt;
}

describe('the plan of a management network', () => {
  it('names the gateway that the file leaves to the rule: nodes need it for their default route', () => {
    expect(planned({ ipv4Subnet: '10.1.0.0/16', ipv4Range: '10.1.7.0/24', ipv6Subnet: 'fd00::/64' })).toMatchObject({ ipv4Gateway: '10.1.0.1', ipv6Gateway: 'fd00::1' });
  });

  it('keeps the gateway of the file, and has none without a subnet', () => {
    expect(planned({ ipv4Subnet: '10.1.0.0/16', ipv4Gateway: '10.1.0.254' })).toMatchObject({ ipv4Gateway: '10.1.0.254' });
    expect(planned({ ipv4Subnet: '10.1.0.0/16' }).ipv6Gateway).toBeUndefined();
  });
});

describe('published ports that leave their host port to us', () => {
  const port = (containerPort: number, hostPort = 0) => ({ containerPort, hostPort, protocol: 'tcp' as const });
  const ask = (id: string, ports: ReturnType<typeof port>[], previous: ReturnType<typeof port>[] = []) => ({ node: node(id), ports, previous });
  const leased = (...args: Parameters<typeof leasePorts>) => Object.fromEntries([...leasePorts(...args).ports].map(([id, ports]) => [id, ports.map(({ hostPort }) => hostPort)]));

  it('get one each, and none that the lab itself or another lab holds', () => {
    expect(leased([ask('a', [port(80), port(443)]), ask('b', [port(80), port(22, 20_001)])], new Set(['tcp/20000']))).toEqual({ a: [20_002, 20_003], b: [20_004, 20_001] });
  });

  it('keep what they had, whoever comes before them now', () => {
    expect(leased([ask('a', [port(80)]), ask('b', [port(80)], [port(80, 20_000)])], new Set())).toEqual({ a: [20_001], b: [20_000] });
  });

  it('are refused when none is left', () => {
    const taken = new Set(Array.from({ length: 10_000 }, (_, index) => `tcp/${20_000 + index}`));
    expect(leasePorts([ask('a', [port(80)])], taken).rejections).toMatchObject([{ code: 'port-taken' }]);
  });
});
