// Programs in nodes that keep a configuration of their own: how the running one is read out, and where it lies.

export type SavedConfiguration = {
  readonly program: string;
  /** Prints the running configuration and changes nothing; a node without this command does not run the program. */
  readonly show: readonly string[];
  /** Command line of a process that is there while the program takes its configuration in: what is shown meanwhile is not whole. */
  readonly loads: RegExp;
  /** The first line of the configuration in what is printed; talk may stand before it. */
  readonly begins: RegExp;
  /** Absolute path from which the program takes its configuration at its start. */
  readonly path: string;
  /** What else belongs to it, taken as it lies there; absolute paths. */
  readonly files: readonly string[];
};

/**
 * Shown, and not written by `write memory`: the file may be a person's own, bound into the node, and would be overwritten (tried with 8.4.4).
 */
export const FRR: SavedConfiguration = {
  program: 'FRR',
  show: ['vtysh', '-c', 'show running-config'],
  // Its script starts the daemons, then hands them the file: for a moment they run with nothing (seen with 8.4.4).
  loads: /^(\S*sh )?\S*(watchfrr|frrinit)\.sh\b|\bvtysh\b.* -b\b/,
  begins: /^(frr |\s*!\s*$)/,
  path: '/etc/frr/frr.conf',
  files: ['/etc/frr/daemons', '/etc/frr/vtysh.conf'],
};

/** The configuration alone, from what was printed. */
export function configurationIn({ begins }: SavedConfiguration, printed: string): string {
  const lines = printed.split(/\r?\n/);
  const start = lines.findIndex((line) => begins.test(line));
  return `${lines.slice(Math.max(0, start)).join('\n').trimEnd()}\n`;
}
