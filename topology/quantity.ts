// Reads sizes of memory as lab files write them.

const powers: Readonly<Record<string, number>> = { '': 0, k: 1, m: 2, g: 3, t: 4, p: 5 };

/**
 * Bytes of a size such as `512mb`, `1G`, `1GiB`, `1.5Gi` or `1073741824`; undefined when it is none.
 * @param plain - whether units without `i` count by 1000 (`memory`, as containerlab does) or by 1024 (`shm-size`, as the engine does)
 */
export function parseBytes(size: string, plain: 1000 | 1024): number | undefined {
  const match = /^\s*(\d+(?:\.\d+)?|\.\d+)\s*([kmgtp]?)(i?)b?\s*$/i.exec(size);
  if (match === null) return undefined;
  const unit = (match[2] ?? '').toLowerCase();
  const power = powers[unit] ?? 0;
  if (match[3] !== '' && power === 0) return undefined;
  const bytes = Math.round(Number(match[1]) * (match[3] === '' ? plain : 1024) ** power);
  return Number.isSafeInteger(bytes) && bytes > 0 ? bytes : undefined;
}
