// Keys of lab files that are read without a warning and yet change nothing today; a test finds out when one of them comes to do so.

export type SilentKey = {
  readonly key: string;
  readonly why: string;
  /** Field of the resolved lab that carries it. */
  readonly field: string;
  /** Sources (path prefixes) in which the field would be used if the key had an effect. */
  readonly users: readonly string[];
};

export const SILENT_KEYS: readonly SilentKey[] = [];
