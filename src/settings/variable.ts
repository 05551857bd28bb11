/** How one setting is read: from text to a value, or to what is wrong with the text. */
import { z } from 'zod';
import { SafeError } from '../contract/safe-error';

export type Env = Readonly<Record<string, string | undefined>>;

/** What is wrong with one variable. Holds nothing of its value. */
export interface Problem {
  name: string;
  /** Follows the name: `is required`. */
  what: string;
  /** A right value. */
  example?: string;
}

/** Every problem of a process's settings, in one message. */
export class SettingsError extends SafeError {
  readonly problems: readonly Problem[];

  constructor(problems: readonly Problem[]) {
    const count = problems.length === 1 ? 'One setting is wrong' : `${problems.length} settings are wrong`;
    const lines = problems.map(
      ({ name, what, example }) =>
        `  ${name} ${what}.${example === undefined ? '' : `\n    Example: ${name}=${example}`}`,
    );
    super(`${count}:\n${lines.join('\n')}`);
    this.name = 'SettingsError';
    this.problems = problems;
  }
}

export type Reading<T> = { value: T } | { problem: string };

export interface Rule<T> {
  example: string;
  /** `text` is trimmed and not empty. The problem must hold nothing of it. */
  read(text: string): Reading<T>;
}

/** A setting that has to be there. */
export function required<T>(rule: Rule<T>) {
  return z
    .string()
    .optional()
    .transform((text, context): T => {
      if (text !== undefined) return readBy(rule, text, context);
      return refuse(rule, 'is required', context);
    });
}

export function optional<T>(rule: Rule<T>) {
  return z
    .string()
    .optional()
    .transform((text, context): T | undefined =>
      text === undefined ? undefined : readBy(rule, text, context),
    );
}

export function withDefault<T>(rule: Rule<T>, value: T) {
  return z
    .string()
    .optional()
    .transform((text, context): T => (text === undefined ? value : readBy(rule, text, context)));
}

function readBy<T>(rule: Rule<T>, text: string, context: z.RefinementCtx): T {
  const reading = rule.read(text);
  return 'value' in reading ? reading.value : refuse(rule, reading.problem, context);
}

function refuse<T>(rule: Rule<T>, message: string, context: z.RefinementCtx): never {
  context.addIssue({ code: 'custom', message, params: { example: rule.example } });
  return z.NEVER;
}

/** Variables that are set: an empty one counts as unset. */
export function setVariables(env: Env): Record<string, string> {
  const set: Record<string, string> = {};
  for (const [name, value] of Object.entries(env)) {
    const text = value?.trim();
    if (text) set[name] = text;
  }
  return set;
}

/**
 * Reads a schema whose keys are variables. Gives the values, or all problems. No value of a variable is in a problem: the
 * messages are the rules' own.
 */
export function readVariables<Shape extends z.core.$ZodLooseShape>(
  schema: z.ZodObject<Shape>,
  env: Env,
): { values: z.output<z.ZodObject<Shape>> } | { problems: Problem[] } {
  const set = setVariables(env);
  const input = Object.fromEntries(Object.keys(schema.shape).map((name) => [name, set[name]]));
  const parsed = schema.safeParse(input);
  if (parsed.success) return { values: parsed.data };
  return {
    problems: parsed.error.issues.map((issue): Problem => {
      const example: unknown = issue.code === 'custom' ? issue.params?.example : undefined;
      return {
        name: String(issue.path[0]),
        what: issue.message,
        ...(typeof example === 'string' && { example }),
      };
    }),
  };
}
