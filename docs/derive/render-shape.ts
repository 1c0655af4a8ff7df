// Writes zod schemas as types that people read; schemas with a name are written once and referred to.
import { z } from 'zod';

type JsonSchema = z.core.JSONSchema.BaseSchema;
type Shapes = { readonly text: string; readonly used: ReadonlyMap<string, JsonSchema> };

/** Schemas by name, as the modules of the vocabulary export them. Several exports of one instance have no name of their own. */
export function nameSchemas(modules: readonly Readonly<Record<string, unknown>>[]): z.core.$ZodRegistry<{ id: string }> {
  const names = z.registry<{ id: string }>();
  const exported = modules.flatMap((module) => Object.entries(module)).filter((entry): entry is [string, z.ZodType] => entry[1] instanceof z.ZodType);
  for (const [id, schema] of exported) {
    const alone = exported.every(([other, same]) => same !== schema || other === id);
    if (alone && isWorthAName(schema)) names.add(schema, { id });
  }
  return names;
}

const isWorthAName = (schema: z.ZodType): boolean => schema instanceof z.ZodObject || schema instanceof z.ZodDiscriminatedUnion || schema instanceof z.ZodUnion;

/** Type of a schema, and the named schemas that it and they refer to. */
export function renderShape(schema: z.ZodType, names: z.core.$ZodRegistry<{ id: string }>): Shapes {
  const { $defs = {}, ...json } = z.toJSONSchema(schema, { metadata: names, io: 'input' });
  return { text: typeOf(json, ''), used: new Map(Object.entries($defs)) };
}

/** `type Name = ...` of a named schema. */
export function renderNamed(name: string, json: JsonSchema): string {
  return `type ${name} =${typeOf(json, '').replace(/^(?!\n)/, ' ')};`;
}

function typeOf(json: JsonSchema, indent: string): string {
  if (json.$ref !== undefined) return json.$ref.replace('#/$defs/', '');
  if (json.const !== undefined) return literal(json.const);
  if (json.enum !== undefined) return json.enum.map(literal).join(' | ');
  const choices = json.oneOf ?? json.anyOf;
  if (choices !== undefined) return choices.map((choice) => `\n${indent}  | ${typeOf(asSchema(choice), `${indent}    `)}`).join('');
  if (json.type === 'array') return listOf(json, indent);
  if (json.type === 'object') return objectOf(json, indent);
  return json.type === undefined ? 'unknown' : [json.type].flat().join(' | ');
}

function listOf(json: JsonSchema, indent: string): string {
  const item = Array.isArray(json.items) ? 'unknown' : typeOf(asSchema(json.items ?? true), indent);
  return / \| /.test(item) ? `(${item})[]` : `${item}[]`;
}

function objectOf(json: JsonSchema, indent: string): string {
  const fields = Object.entries(json.properties ?? {});
  if (fields.length === 0) {
    const values = typeof json.additionalProperties === 'object' ? json.additionalProperties : undefined;
    const keys = typeof json.propertyNames === 'object' ? json.propertyNames.enum : undefined;
    return values === undefined ? '{}' : `{ [name${keys === undefined ? ': string]' : ` in ${keys.map(literal).join(' | ')}]?`}: ${typeOf(values, indent)} }`;
  }
  const required = new Set(json.required);
  const written = fields.map(([name, field]) => ({
    text: `${/^\w+$/.test(name) ? name : `'${name}'`}${required.has(name) ? '' : '?'}: ${typeOf(asSchema(field), `${indent}  `)}`,
    limits: limitsOf(asSchema(field)),
  }));
  const short = `{ ${written.map((field) => field.text).join('; ')} }`;
  if (short.length + indent.length <= 110 && !short.includes('\n') && written.every((field) => field.limits === '')) return short;
  return `{\n${written.map((field) => `${indent}  ${field.text};${field.limits === '' ? '' : ` // ${field.limits}`}\n`).join('')}${indent}}`;
}

function limitsOf(json: JsonSchema): string {
  const limits = [
    json.minItems === undefined ? [] : [`at least ${json.minItems}`],
    json.exclusiveMinimum === undefined ? [] : [`above ${json.exclusiveMinimum}`],
    isLimit(json.minimum) && json.minimum !== 0 ? [`at least ${json.minimum}`] : [],
    isLimit(json.maximum) ? [`at most ${json.maximum}`] : [],
  ];
  return limits.flat().join(', ');
}

const isLimit = (value: number | undefined): boolean => value !== undefined && Math.abs(value) !== Number.MAX_SAFE_INTEGER;

const literal = (value: unknown): string => (typeof value === 'string' ? `'${value}'` : String(value));

const asSchema = (schema: z.core.JSONSchema._JSONSchema): JsonSchema => (typeof schema === 'boolean' ? {} : schema);
