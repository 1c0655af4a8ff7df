// What a plan fixes beyond the addresses of nodes.
import { describe, expect, it } from 'vitest';
import { initialLab } from '../../../machines/evolve/lab-state.ts';
import { planLab } from '../../../machines/plan/plan-lab.ts';
import type { MgmtSpec } from '../../../machines/vocabulary/lab-spec.ts';
import { aLab, aNode, facts, lab } from '../../support/lab-builders.ts';

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
