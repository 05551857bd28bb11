import { z } from 'zod';

type JsonSchema = z.core.JSONSchema.BaseSchema;

const OPTIONS = { io: 'output', override: refine } as const;

/** A zod schema as JSON Schema 2020-12, inline: for parameters, and for Fastify's serialiser. */
export function responseSchemaOf(schema: z.ZodType): JsonSchema {
  return withoutIdentity(z.toJSONSchema(schema, OPTIONS));
}

/** Zod schemas as the components of an OpenAPI 3.1 document, each referring to the others by name. */
export function componentsOf(named: Readonly<Record<string, z.ZodType>>): Record<string, JsonSchema> {
  const registry = z.registry<{ id: string }>();
  for (const [id, schema] of Object.entries(named)) registry.add(schema, { id });
  const { schemas } = z.toJSONSchema(registry, { ...OPTIONS, uri: refOf });
  return Object.fromEntries(Object.entries(schemas).map(([id, schema]) => [id, withoutIdentity(schema)]));
}

export function refOf(name: string): string {
  return `#/components/schemas/${name}`;
}

/** The same, but that it allows further fields. */
export function opened(schema: JsonSchema): JsonSchema {
  const isClosed = (key: string, value: unknown) => key === 'additionalProperties' && value === false;
  return JSON.parse(JSON.stringify(schema), (key, value) => (isClosed(key, value) ? undefined : value));
}

function withoutIdentity({ $schema: _dialect, $id: _id, ...schema }: JsonSchema): JsonSchema {
  return schema;
}

/** Says what zod's own translation leaves out. */
function refine({ zodSchema, jsonSchema }: { zodSchema: z.core.$ZodTypes; jsonSchema: JsonSchema }): void {
  if (zodSchema instanceof z.ZodRecord && zodSchema.keyType instanceof z.ZodEnum) {
    // The serialiser knows `properties` and not `propertyNames`.
    const { additionalProperties: value = {} } = jsonSchema;
    jsonSchema.properties = Object.fromEntries(zodSchema.keyType.options.map((key) => [key, value]));
    jsonSchema.additionalProperties = false;
    delete jsonSchema.propertyNames;
  }
  // A date-time says it all; zod's pattern for it is unreadable in a document.
  if (jsonSchema.format === 'date-time') delete jsonSchema.pattern;
}
