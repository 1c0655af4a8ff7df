// The notation of values in OVSDB (RFC 7047, section 5.1): sets, maps and row ids as plain data.

/** A column's value: a scalar stands for the set of one. */
export type OvsdbValue = unknown;
export type OvsdbRow = Readonly<Record<string, OvsdbValue>>;

/** Id of a row that exists. */
export function uuid(id: string): OvsdbValue {
  return ['uuid', id];
}

/** Id of a row that the same transaction inserts. */
export function namedUuid(name: string): OvsdbValue {
  return ['named-uuid', name];
}

export function set(values: readonly OvsdbValue[]): OvsdbValue {
  return ['set', values];
}

export function map(entries: Readonly<Record<string, string>>): OvsdbValue {
  return ['map', Object.entries(entries)];
}

/** Elements of a set, rows by their id. */
export function readSet(value: OvsdbValue): readonly unknown[] {
  if (value === undefined) return [];
  if (Array.isArray(value) && value[0] === 'set' && Array.isArray(value[1])) return value[1].map(plain);
  return [plain(value)];
}

export function readMap(value: OvsdbValue): ReadonlyMap<string, string> {
  if (!Array.isArray(value) || value[0] !== 'map' || !Array.isArray(value[1])) return new Map();
  const pairs: readonly unknown[] = value[1];
  return new Map(pairs.flatMap((pair): [string, string][] => (Array.isArray(pair) ? [[String(pair[0]), String(pair[1])]] : [])));
}

/** The text of a column that holds at most one. */
export function readText(value: OvsdbValue): string | undefined {
  const [first] = readSet(value);
  return typeof first === 'string' ? first : undefined;
}

/** The number of a column that holds at most one. */
export function readNumber(value: OvsdbValue): number | undefined {
  const [first] = readSet(value);
  return typeof first === 'number' ? first : undefined;
}

export function readTexts(value: OvsdbValue): readonly string[] {
  return readSet(value).filter((one) => typeof one === 'string');
}

function plain(value: unknown): unknown {
  return Array.isArray(value) && value[0] === 'uuid' ? value[1] : value;
}
