// Gives the keys that the schema knows at a place of a lab file, for suggestions about unknown ones.
import { z } from 'zod';
import type { PathPart } from './issue.ts';
import { labFileSchema } from './lab-file-schema.ts';
import { linkFileSchemas } from './link-file-schema.ts';

/** Keys that a mapping at `path` may hold; empty where any key is allowed. */
export function knownKeysAt(path: readonly PathPart[]): readonly string[] {
  if (path[0] === 'topology' && path[1] === 'links') {
    const inside = path.slice(3);
    return [...new Set(Object.values(linkFileSchemas).flatMap((schema) => keysBelow(schema, inside)))];
  }
  return keysBelow(labFileSchema, path);
}

function keysBelow(schema: z.core.$ZodType, path: readonly PathPart[]): readonly string[] {
  const bare = unwrap(schema);
  const [part, ...rest] = path;
  if (part === undefined) return bare instanceof z.ZodObject ? Object.keys(bare.shape) : [];
  if (bare instanceof z.ZodArray) return keysBelow(bare.element, rest);
  if (bare instanceof z.ZodRecord) return keysBelow(bare.valueType, rest);
  if (!(bare instanceof z.ZodObject)) return [];
  const shape: Readonly<Record<string, z.core.$ZodType>> = bare.shape;
  const inner = shape[String(part)];
  return inner === undefined ? [] : keysBelow(inner, rest);
}

function unwrap(schema: z.core.$ZodType): z.core.$ZodType {
  return schema instanceof z.ZodOptional ? unwrap(schema.unwrap()) : schema;
}
