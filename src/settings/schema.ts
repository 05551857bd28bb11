import type { z } from 'zod';
import { cleaned, ENVIRONMENTS, type Env, productionBy } from './environment';
import { group, type Source } from './parts';
import { SettingsError } from './settings-error';

/** The settings of a process, in the shape of its parts. */
export function schemaOf<T extends z.ZodRawShape>(shape: T) {
  const schema = group(shape);
  const variables: Source['variables'] = new Map();
  schema.safeParse({ set: {}, variables });
  /** Of all variables that are read, those of Temporal's own library aside. */
  const names = [...new Set([...ENVIRONMENTS, ...variables.keys()])];
  const secretNames = ['TEMPORAL_API_KEY', ...names.filter((name) => variables.get(name)?.isSecret)];

  /** Throws {@link SettingsError} with every problem at once. */
  function read(env: Env): z.output<typeof schema> {
    const problems = new Map<string, string>();
    const wrong = (name: string, what: string) => problems.has(name) || problems.set(name, what);
    const set = cleaned(env, { names, secretNames }, wrong);
    const by = productionBy(set);
    const { data, error } = schema.safeParse({ set, production: by && `${by}=production`, variables });
    for (const { path, message } of error?.issues ?? []) wrong(String(path.at(-1)), message);
    if (!error && problems.size === 0) return data;
    throw new SettingsError(
      [...problems].map(([name, what]) => ({ name, what, example: variables.get(name)?.example })),
    );
  }
  return { names, read };
}
export type SettingsOf<T extends { read(env: Env): unknown }> = ReturnType<T['read']>;
