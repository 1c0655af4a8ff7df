// A moment in words, without a clock: `1970-01-01T00:00:01Z`.
import type { EpochMs } from './ids.ts';

const DAY_S = 86_400;
const two = (value: number): string => String(value).padStart(2, '0');

/** UTC, to the second. Source: RFC 3339; days to date after H. Hinnant, chrono-compatible low-level date algorithms. */
export function renderTime(at: EpochMs): string {
  const seconds = Math.floor(at / 1000);
  const days = Math.floor(seconds / DAY_S);
  const inDay = seconds - days * DAY_S;
  const shifted = days + 719_468;
  const era = Math.floor(shifted / 146_097);
  const dayOfEra = shifted - era * 146_097;
  const yearOfEra = Math.floor((dayOfEra - Math.floor(dayOfEra / 1_460) + Math.floor(dayOfEra / 36_524) - Math.floor(dayOfEra / 146_096)) / 365);
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const month = Math.floor((5 * dayOfYear + 2) / 153);
  const day = dayOfYear - Math.floor((153 * month + 2) / 5) + 1;
  const calendarMonth = month < 10 ? month + 3 : month - 9;
  const year = yearOfEra + era * 400 + (calendarMonth <= 2 ? 1 : 0);
  return `${String(year).padStart(4, '0')}-${two(calendarMonth)}-${two(day)}T${two(Math.floor(inDay / 3600))}:${two(Math.floor(inDay / 60) % 60)}:${two(inDay % 60)}Z`;
}
