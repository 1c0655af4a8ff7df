// Names of devices in the kernel: what it takes, and how a name that it does not take is made to fit.

/** The kernel's limit (IFNAMSIZ less the closing zero). */
export const maxInterfaceName = 15;

// Longest alternative name of a device (ALTIFNAMSIZ less the closing zero), and characters that every tool takes in one.
const altnamePattern = /^[A-Za-z0-9_][A-Za-z0-9_.+=~-]{15,126}$/;

/** A device name, and whether it differs from what was asked for. `altname`: the whole name, which a device may bear beside it. */
export type DeviceName = { name: string; altname?: string; changed: 'no' | 'characters' | 'shortened' } | { error: string };

/**
 * Makes a device name: slashes, colons and blanks become hyphens (as containerlab does), and a name longer than the
 * kernel takes becomes its start and a digest of the whole. The caller checks that no two names of one place meet.
 */
export function toDeviceName(asked: string): DeviceName {
  const trimmed = asked.trim();
  if (trimmed === '') return { error: 'the interface has no name' };
  const clean = trimmed.replace(/[/:\s%]/g, '-');
  if (clean === '.' || clean === '..') return { error: `${JSON.stringify(trimmed)} is no interface name` };
  if (clean === 'lo') return { error: 'lo is the loopback interface, which is always there' };
  if (clean.length > maxInterfaceName) {
    return { name: `${clean.slice(0, maxInterfaceName - 7)}-${digest(trimmed)}`, ...(altnamePattern.test(clean) ? { altname: clean } : {}), changed: 'shortened' };
  }
  return { name: clean, changed: clean === trimmed ? 'no' : 'characters' };
}

// FNV-1a, 32 bits, as six characters of base 36: short, the same everywhere; collisions are looked for, not trusted.
function digest(text: string): string {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(text)) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  return hash.toString(36).padStart(6, '0').slice(-6);
}
