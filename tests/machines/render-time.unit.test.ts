// Moments rendered without a clock are those that the platform would render.
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { renderTime } from '../../machines/vocabulary/render-time.ts';

it('renders every moment as the platform does', () => {
  fc.assert(fc.property(fc.integer({ min: 0, max: 4_102_444_800_000 }), (at) => {
    expect(renderTime(at)).toBe(new Date(at).toISOString().replace(/\.\d+Z$/, 'Z'));
  }), { numRuns: 2_000 });
});
