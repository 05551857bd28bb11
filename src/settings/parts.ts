/** What schemas are made of: variables, each with its rule and an example, in the shape of what they come to. */
import { z } from 'zod';
import { PRODUCTION_RULES } from './production-policy';
import { type Rule, secrets } from './rules';

/** What every part of a schema reads. */
export interface Source {
  /** The cleaned environment. */
  set: Readonly<Record<string, string>>;
  /** What makes this production, such as `PLAID_ENV=production`; undefined where nothing does. */
  production?: string | undefined;
  /** What asks for variables that may be left out otherwise. */
  requiredWith?: string;
  /** Filled with the variables that are read. */
  variables: Map<string, { example: string; isSecret: boolean }>;
}
export const source = z.custom<Source>();

function variable<T>(
  name: string,
  rule: z.ZodType<T, string | undefined>,
  example: string,
  isSecret: boolean,
) {
  return source.transform(({ set, production, requiredWith, variables }, { addIssue }) => {
    const refuse = (message: string) => addIssue({ code: 'custom', path: [name], message }) ?? z.NEVER;
    variables.set(name, { example, isSecret });
    const text = set[name];
    const { data, error } = rule.safeParse(text);
    if (error && text === undefined)
      return refuse(`is required${requiredWith ? ` with ${requiredWith}` : ''}`);
    if (error) return refuse(whatOf(error));
    const weak = production && text ? PRODUCTION_RULES[name]?.safeParse(text).error : undefined;
    return weak ? refuse(`${whatOf(weak)} with ${production}`) : data;
  });
}

/** Of an entry of a list it says which one it is, since its text may be secret. */
function whatOf({ issues: [issue] }: z.ZodError): string {
  const entry = issue?.path[0];
  return typeof entry === 'number'
    ? `has a wrong entry ${entry + 1}: it ${issue?.message}`
    : `${issue?.message}`;
}

/** A setting that has to be there. */
export function required<T>(name: string, rule: Rule<T>, example: string) {
  return variable(name, rule, example, secrets.has(rule));
}

export function optional<T>(name: string, rule: Rule<T>, example: string) {
  return variable(name, rule.optional(), example, secrets.has(rule));
}

/** `text` is the default as it would be written, and the example. */
export function withDefault<T>(name: string, rule: Rule<T>, text: string) {
  return variable(name, rule.prefault(text), text, secrets.has(rule));
}

/** A setting that development does without. */
export function requiredInProduction<T>(name: string, rule: Rule<T>, example: string) {
  const alone = allOrNone({ value: required(name, rule, example) }, { inProduction: true });
  return alone.transform((given) => given?.value);
}

/** Whether a variable is set. */
export function given(name: string) {
  return source.transform(({ set }) => set[name] !== undefined);
}

/** Parts that read the same environment. */
export function group<T extends z.ZodRawShape>(shape: T) {
  const keys = Object.keys(shape);
  return z.preprocess((given) => Object.fromEntries(keys.map((key) => [key, given])), z.object(shape));
}

/** Variables that make sense only together: all of them, or undefined. */
export function allOrNone<T extends z.ZodRawShape>(shape: T, { inProduction = false } = {}) {
  const all = group(shape);
  return z.preprocess((given: Source) => {
    const variables: Source['variables'] = new Map();
    all.safeParse({ ...given, variables });
    for (const [name, variable] of variables) given.variables.set(name, variable);
    const set = [...variables.keys()].filter((name) => given.set[name] !== undefined);
    const requiredWith = set.join(' and ') || (inProduction && given.production);
    return requiredWith ? { ...given, requiredWith } : undefined;
  }, all.optional());
}
