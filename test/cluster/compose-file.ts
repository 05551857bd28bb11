import { readFileSync } from 'node:fs';
import path from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import { ROOT } from '../support/source-files';

const serviceSchema = z.object({
  image: z.string(),
  environment: z.record(z.string(), z.union([z.string(), z.number()])).default({}),
  command: z.array(z.string()).default([]),
});
const composeSchema = z.object({
  services: z.object({
    temporal: serviceSchema,
    'temporal-schema': serviceSchema,
    'temporal-namespace': serviceSchema,
    postgresql: serviceSchema,
  }),
  configs: z.object({ 'temporal-dynamic-config': z.object({ content: z.string() }) }),
});

type Variables = Readonly<Record<string, string>>;

export interface ComposeService {
  /** With the variables filled in. */
  environment: Record<string, string>;
  command: string[];
}

/** What docker-compose.yml says of Temporal and its database, as Compose reads it. */
export interface ComposeFile {
  /** Of the image of the Temporal server: `1.32.1`. */
  temporalVersion: string;
  temporal: ComposeService;
  temporalSchema: ComposeService;
  temporalNamespace: ComposeService;
  postgresql: ComposeService;
  /** The server's dynamic configuration, YAML. */
  dynamicConfig: string;
}

/** Reads the file; `variables` are what stands in `.env`. Throws on a variable that has no value. */
export function readComposeFile(variables: Variables): ComposeFile {
  const text = readFileSync(path.join(ROOT, 'docker-compose.yml'), 'utf8');
  const { services, configs } = composeSchema.parse(parse(text, { merge: true }));
  const fill = (value: string | number) => filledIn(String(value), variables);
  const read = ({ environment, command }: z.output<typeof serviceSchema>): ComposeService => ({
    environment: Object.fromEntries(Object.entries(environment).map(([name, value]) => [name, fill(value)])),
    command: command.map(fill),
  });
  return {
    temporalVersion: services.temporal.image.split(':').at(-1) ?? '',
    temporal: read(services.temporal),
    temporalSchema: read(services['temporal-schema']),
    temporalNamespace: read(services['temporal-namespace']),
    postgresql: read(services.postgresql),
    dynamicConfig: fill(configs['temporal-dynamic-config'].content),
  };
}

function filledIn(text: string, variables: Variables): string {
  return text.replaceAll(/\$\$|\$\{([A-Z][A-Z0-9_]*)(?::[-?][^}]*)?\}/g, (whole, name?: string) => {
    if (name === undefined) return '$';
    const value = variables[name];
    if (value === undefined) throw new Error(`docker-compose.yml wants ${whole}, which has no value here.`);
    return value;
  });
}
