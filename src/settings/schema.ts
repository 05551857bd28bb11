/** What schemas are made of: variables, each with its rule and an example, in the shape of what they come to. */
import { z } from 'zod';
import { cleaned, ENVIRONMENTS, type Env, productionBy } from './environment';
import { PRODUCTION_RULES } from './production-policy';
import { secrets } from './rules';
import { SettingsError } from './settings-error';

/** What every part of a schema reads: the cleaned environment. */
const environment = z.custom<Record<string, string>>();

const VARIABLES = new Map<string, { example: string; isSecret: boolean }>();

/**
 * One variable. Its rule says whether it may be left out: by `optional()`, or by `prefault()` with the default as it would
 * be written, which is the example then.
 */
export function env<T>(name: string, rule: z.ZodType<T, string | undefined>, example = '') {
  const isSecret = secrets.has(rule instanceof z.ZodOptional ? rule.unwrap() : rule);
  const shown = rule instanceof z.ZodPrefault ? String(rule.def.defaultValue) : example;
  VARIABLES.set(name, { example: shown, isSecret });
  return environment.transform((set, { addIssue }) => {
    const { data, error } = rule.safeParse(set[name]);
    const production = productionBy(set);
    const weak = production ? PRODUCTION_RULES[name]?.safeParse(set[name]).error : undefined;
    if (!error && !weak) return data;
    const what = name in set ? whatOf((error ?? weak)?.issues[0]) : 'is required';
    const message = error ? what : `${what} with ${production}=production`;
    addIssue({ code: 'custom', path: [name], message });
    return z.NEVER;
  });
}

/** Of an entry of a list it says which one it is, since its text may be secret. */
function whatOf(issue: z.ZodError['issues'][number] | undefined): string {
  const entry = issue?.path[0];
  const where = typeof entry === 'number' ? `has a wrong entry ${entry + 1}: it ` : '';
  return `${where}${issue?.message}`;
}

/** Whether a variable is set. */
export function given(name: string) {
  return environment.transform((set) => name in set);
}

/** Parts that read the same environment. */
export function group<T extends z.ZodRawShape>(shape: T) {
  const keys = Object.keys(shape);
  return z.preprocess((set) => Object.fromEntries(keys.map((key) => [key, set])), z.object(shape));
}

/** A group whose required variables are set together, or not at all; without them it is undefined. */
export function allOrNone<T extends z.ZodRawShape>(shape: T, { inProduction = false } = {}) {
  const all = group(shape);
  const required = all.safeParse({}).error?.issues.map(({ path }) => String(path.at(-1))) ?? [];
  return environment.transform((set, { addIssue }) => {
    const production = inProduction && productionBy(set);
    const present = required.filter((name) => name in set);
    const why = present.join(' and ') || (production && `${production}=production`);
    const { data, error } = all.safeParse(set);
    for (const issue of error?.issues ?? []) {
      const name = String(issue.path.at(-1));
      if (!required.includes(name) || name in set) addIssue({ ...issue });
      else if (why) addIssue({ ...issue, message: `${issue.message} with ${why}` });
    }
    return data;
  });
}

/** The settings of a process, in the shape of its parts. */
export function schemaOf<T extends z.ZodRawShape>(shape: T) {
  const schema = group(shape);
  const looked = new Set(ENVIRONMENTS);
  // An empty environment that notes what is looked up in it.
  schema.safeParse(new Proxy({}, { get: (_, name) => void looked.add(String(name)) }));
  /** Of all variables that are read, those of Temporal's own library aside. */
  const names = [...looked].filter((name) => ENVIRONMENTS.includes(name) || VARIABLES.has(name));
  const secretNames = ['TEMPORAL_API_KEY', ...names.filter((name) => VARIABLES.get(name)?.isSecret)];

  /** Throws {@link SettingsError} with every problem at once. */
  function read(env: Env): z.output<typeof schema> {
    const problems = new Map<string, string>();
    const wrong = (name: string, what: string) => problems.has(name) || problems.set(name, what);
    const { data, error } = schema.safeParse(cleaned(env, names, secretNames, wrong));
    for (const { path, message } of error?.issues ?? []) wrong(String(path.at(-1)), message);
    if (!error && problems.size === 0) return data;
    throw new SettingsError(
      [...problems].map(([name, what]) => ({ name, what, example: VARIABLES.get(name)?.example })),
    );
  }
  return { names, read };
}
export type SettingsOf<T extends { read(env: Env): unknown }> = ReturnType<T['read']>;
