// Reports cut to what a message may carry: many observations go in several reports, texts of one that is too large are shortened. Pure.
import type { Observation, Report } from '../machines/vocabulary/observation.ts';

/** What a shortened text ends with. */
const CUT = '… (cut: too large for a message)';
/** Room for what surrounds the observations of a report. */
const ENVELOPE_BYTES = 1024;

/** The same reports, none above `maxBytes` of JSON; the same parts with the same ids each time. */
export function fitReports(reports: readonly Report[], maxBytes: number): readonly Report[] {
  return reports.flatMap((report) => {
    const parts = splitBySize(report.observations.map((seen) => fitObservation(seen, maxBytes - ENVELOPE_BYTES)), maxBytes - ENVELOPE_BYTES);
    return parts.map((observations, index) => ({ ...report, observations, id: index === 0 ? report.id : `${report.id}#${index}` }));
  });
}

function splitBySize(observations: readonly Observation[], maxBytes: number): Observation[][] {
  const parts: Observation[][] = [];
  let size = Number.POSITIVE_INFINITY;
  for (const seen of observations) {
    const bytes = bytesOf(seen) + 1;
    if (size + bytes > maxBytes) {
      parts.push([]);
      size = 0;
    }
    parts.at(-1)?.push(seen);
    size += bytes;
  }
  return parts;
}

/** Halves the longest texts until it fits: output of commands and logs of processes are all that grows without end. */
function fitObservation(seen: Observation, maxBytes: number): Observation {
  let fitted = seen;
  for (let limit = maxBytes / 2; bytesOf(fitted) > maxBytes && limit > 64; limit /= 2) fitted = shorten(seen, Math.floor(limit));
  return fitted;
}

function shorten(seen: Observation, limit: number): Observation {
  const cut = (text: string): string => (text.length <= limit ? text : `${text.slice(0, limit)}${CUT}`);
  if (seen.type === 'node.exec-done') return { ...seen, results: seen.results.map((result) => ({ ...result, stdout: cut(result.stdout), stderr: cut(result.stderr) })) };
  if (seen.type === 'node.died') return { ...seen, log: lastLines(seen.log, limit).map(cut) };
  if (seen.type === 'effect.failed') return { ...seen, message: cut(seen.message), log: lastLines(seen.log, limit).map(cut) };
  return seen;
}

/** The end of a log says why it ended. */
function lastLines(log: readonly string[], limit: number): string[] {
  const kept: string[] = [];
  let size = 0;
  for (const line of log.toReversed()) {
    size += line.length;
    if (kept.length > 0 && size > limit) break;
    kept.unshift(line);
  }
  return kept;
}

const bytesOf = (value: unknown): number => Buffer.byteLength(JSON.stringify(value));
