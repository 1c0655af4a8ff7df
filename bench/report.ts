// Prints what a benchmark measured: one table, and quantiles of samples.
import { renderTable } from '../cli/output/table.ts';

/** The value below which a share `q` of the samples lies; NaN without samples. */
export function quantile(samples: readonly number[], q: number): number {
  const sorted = samples.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? Number.NaN;
}

export function printTable(title: string, header: readonly string[], rows: readonly (readonly string[])[]): void {
  process.stdout.write(`${title}\n${renderTable(header, rows)}\n`);
}
