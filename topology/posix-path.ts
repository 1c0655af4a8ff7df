// Paths of the host as text: absolute or not, joined, cleaned. Pure rooms have no access to the system's own module.

/** Resolves `path` against the absolute folder `base`; `~` and `~/x` start at `home`. */
export function resolvePath(path: string, base: string, home: string | undefined): string {
  const tilde = /^~(?=\/|$)/.test(path) && home !== undefined;
  const full = tilde ? home + path.slice(1) : path.startsWith('/') ? path : `${base}/${path}`;
  return normalizePath(full);
}

/** Removes `.`, `..`, doubled and trailing slashes of an absolute path. */
export function normalizePath(path: string): string {
  const parts: string[] = [];
  for (const part of path.split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '' && part !== '.') parts.push(part);
  }
  return `/${parts.join('/')}`;
}
