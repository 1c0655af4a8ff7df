// How many containers are made at once at which load.
import { expect, it } from 'vitest';
import { paceAt, parseLoad } from '../../../host-actor/providers/docker/engine-pace.ts';

const pace = (loadPerCore: number, memoryStallPercent = 0) => paceAt({ loadPerCore, memoryStallPercent });

it('is full on an idle host and while a deploy of its own is all that runs', () => {
  expect([pace(0), pace(4), pace(8, 10)]).toEqual([{ atOnce: 8 }, { atOnce: 8 }, { atOnce: 8 }]);
});

it('falls with what the host waits for most, to two at least', () => {
  expect([pace(12).atOnce, pace(16).atOnce, pace(24).atOnce, pace(500).atOnce]).toEqual([7, 5, 2, 2]);
  expect(pace(16)).toEqual({ atOnce: 5, because: 'load' });
  expect(pace(10, 30)).toEqual({ atOnce: 5, because: 'memory' });
  expect(pace(0, 100)).toEqual({ atOnce: 2, because: 'memory' });
});

it('is read from what the kernel tells, by core; what it does not tell counts as none', () => {
  const memoryPressure = 'some avg10=12.50 avg60=1.00 avg300=0.00 total=36088\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=11855\n';
  expect(parseLoad({ loadavg: '17.42 16.15 12.47 12/420 28022\n', memoryPressure }, 2)).toEqual({ loadPerCore: 8.71, memoryStallPercent: 12.5 });
  expect(parseLoad({ loadavg: '', memoryPressure: '' }, 2)).toEqual({ loadPerCore: 0, memoryStallPercent: 0 });
});
