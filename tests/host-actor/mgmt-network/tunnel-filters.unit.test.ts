// The filters of a management tunnel's probes, as lines and as tc prints them.
import { describe, expect, it } from 'vitest';
import { echoWord } from '../../../host-actor/link-plane/echo-frame.ts';
import { countFilter, filterLines, hasFilters, parseFilters, tunnelFilters } from '../../../host-actor/mgmt-network/tunnel-filters.ts';

const tunnel = { device: 'lwm1', vni: 77, local: '10.0.0.1', remotes: ['10.0.0.2', '10.0.0.3'] };
const word = (address: string): string => `0x${echoWord(address).toString(16)}`;
const begin = 'u32 match u32 0x6c776543 0xffffffff at 0 match u32 0x4d 0xffffffff at 4';

const PRINTED = `filter protocol [34997] pref 1 u32 chain 0 
filter protocol [34997] pref 1 u32 chain 0 fh 800: ht divisor 1 
filter protocol [34997] pref 1 u32 chain 0 fh 800::800 order 2048 key ht 800 bkt 0 terminal flowid not_in_hw 
  match 6c776543/ffffffff at 0
\taction order 1: mirred (Egress Redirect to device lo) stolen
\tindex 1 ref 1 bind 1 installed 3 sec used 0 sec
\tAction statistics:
\tSent 4350 bytes 3 pkt (dropped 0, overlimits 0 requeues 0) 
\tbacklog 0b 0p requeues 0
\tcookie 6c77aa02
\tused_hw_stats disabled

filter protocol [34997] pref 2 u32 chain 0 fh 801::800 order 2048 key ht 801 bkt 0 terminal flowid not_in_hw 
  match 6c776543/ffffffff at 0
\taction order 1: mirred (Egress Redirect to device lwm1) stolen
\tindex 3 ref 1 bind 1 installed 3 sec used 0 sec
\tAction statistics:
\tSent 0 bytes 0 pkt (dropped 0, overlimits 0 requeues 0) 
\tbacklog 0b 0p requeues 0
`;

describe('filters of a management tunnel', () => {
  it('count what each remote sends back, send back what is asked of this host, and let no other probe pass', () => {
    const lines = filterLines('lwm1', tunnelFilters(tunnel)).map((line) => line.replace(/ cookie [0-9a-f]{32}$/, ''));
    expect(lines).toEqual([
      'qdisc replace dev lwm1 clsact',
      'filter del dev lwm1 ingress',
      `filter add dev lwm1 ingress protocol 0x88b5 pref 1 ${begin} match u32 ${word('10.0.0.2')} 0xffffffff at 8 match u32 ${word('10.0.0.1')} 0xffffffff at 12 action mirred egress redirect dev lo`,
      `filter add dev lwm1 ingress protocol 0x88b5 pref 1 ${begin} match u32 ${word('10.0.0.3')} 0xffffffff at 8 match u32 ${word('10.0.0.1')} 0xffffffff at 12 action mirred egress redirect dev lo`,
      `filter add dev lwm1 ingress protocol 0x88b5 pref 2 ${begin} match u32 ${word('10.0.0.1')} 0xffffffff at 8 action mirred egress redirect dev lwm1`,
      `filter add dev lwm1 ingress protocol 0x88b5 pref 3 ${begin} action mirred egress redirect dev lo`,
    ]);
  });

  it('are read with their counters', () => {
    expect(parseFilters(PRINTED)).toEqual([{ cookie: '6c77aa02', packets: 3 }, { cookie: '', packets: 0 }]);
    expect(parseFilters('')).toEqual([]);
  });

  it('are right only when none is missing, too much or another', () => {
    const filters = tunnelFilters(tunnel);
    const read = filters.map(({ cookie }) => ({ cookie, packets: 1 }));
    expect(hasFilters(read.toReversed(), filters)).toBe(true);
    expect(hasFilters(read.slice(1), filters)).toBe(false);
    expect(hasFilters([...read, { cookie: '', packets: 0 }], filters)).toBe(false);
    expect(hasFilters(read, tunnelFilters({ ...tunnel, vni: 78 }))).toBe(false);
    expect(filters.map(({ cookie }) => cookie)).toContain(countFilter(tunnel, '10.0.0.3').cookie);
  });
});
