/** How settings are described: variables, each with its rule and an example, in the shape of what they come to. */
import { Refusal, type Rule } from './rules';

/** Where settings are read from. */
export interface Source {
  /** Variables that are set, trimmed. */
  set: Readonly<Record<string, string>>;
  /** What makes this production, such as `PLAID_ENV=production`; undefined where nothing does. */
  production: string | undefined;
  /** Notes that a variable is wrong. `what` follows its name, and holds nothing of its value. */
  wrong: Wrong;
}
export type Wrong = (name: string, what: string) => typeof WRONG;

/** Stands for a value that cannot be had; what is wrong has been noted. */
export const WRONG = Symbol('wrong');

export interface Variable {
  name: string;
  example: string;
  /** May also be read from the file that `<NAME>_FILE` names. */
  secret: boolean;
}

/** Something that is read from one variable or several. */
export interface Part<T> {
  variables: readonly Variable[];
  read(source: Source): T | typeof WRONG;
}

export interface Tree {
  readonly [name: string]: Part<unknown> | Tree;
}
export type ValuesOf<T> = T extends Part<infer Value> ? Value : { [Name in keyof T]: ValuesOf<T[Name]> };

/** A setting that has to be there. */
export function required<T>(name: string, rule: Rule<T>, example: string): Part<T> {
  return variable<T, never>(name, rule, example, ({ wrong }) => wrong(name, 'is required'));
}

export function optional<T>(name: string, rule: Rule<T>, example: string): Part<T | undefined> {
  return variable(name, rule, example, () => undefined);
}

/** `text` is the default as it would be written, and the example. */
export function withDefault<T>(name: string, rule: Rule<T>, text: string): Part<T> {
  return variable(name, rule, text, () => rule(text));
}

/** A list that is empty unless it is set. */
export function listOrNone<T>(name: string, rule: Rule<readonly T[]>, example: string): Part<readonly T[]> {
  return variable(name, rule, example, () => []);
}

/** A setting that development does without. */
export function requiredInProduction<T>(name: string, rule: Rule<T>, example: string): Part<T | undefined> {
  return variable(name, rule, example, ({ production, wrong }) =>
    production === undefined ? undefined : wrong(name, `is required with ${production}`),
  );
}

/** Whether a variable is set. */
export function given(name: string): Part<boolean> {
  return { variables: [], read: ({ set }) => set[name] !== undefined };
}

function variable<T, Unset>(
  name: string,
  rule: Rule<T>,
  example: string,
  unset: (source: Source) => Unset | typeof WRONG,
): Part<T | Unset> {
  return {
    variables: [{ name, example, secret: rule.secret === true }],
    read(source) {
      const text = source.set[name];
      if (text === undefined) return unset(source);
      try {
        return rule(text, source.production);
      } catch (error) {
        if (!(error instanceof Refusal)) throw error;
        return source.wrong(name, error.message);
      }
    },
  };
}

/** What variables that are right by themselves come to together, or what is wrong between them. */
export function from<T extends Tree, Value>(
  tree: T,
  make: (values: ValuesOf<T>, wrong: Wrong) => Value | typeof WRONG,
): Part<Value> {
  return {
    variables: variablesOf(tree),
    read(source) {
      const values = readTree(tree, source);
      return values === WRONG ? WRONG : make(values, source.wrong);
    },
  };
}

/** Variables that make sense only together: all of them, or undefined. */
export function allOrNone<T extends Readonly<Record<string, Part<unknown>>>>(tree: T) {
  return from(tree, (values, wrong) => {
    if (isComplete(values)) return values;
    const names = variablesOf(tree).map(({ name }) => name);
    const given = names.filter((_name, index) => Object.values(values)[index] !== undefined);
    if (given.length === 0) return undefined;
    for (const name of names) {
      if (!given.includes(name)) wrong(name, `is required with ${given.join(' and ')}`);
    }
    return WRONG;
  });
}

function isComplete<T extends object>(
  values: T,
): values is { [Name in keyof T]: Exclude<T[Name], undefined> } & T {
  return Object.values(values).every((value) => value !== undefined);
}

function isPart(node: Part<unknown> | Tree): node is Part<unknown> {
  return typeof node.read === 'function';
}

export function variablesOf(tree: Tree): Variable[] {
  return Object.values(tree).flatMap((node) => (isPart(node) ? node.variables : variablesOf(node)));
}

/** Everything in the tree, read in its shape: all of it, so that every problem is noted. */
export function readTree<T extends Tree>(tree: T, source: Source): ValuesOf<T> | typeof WRONG {
  const entries = Object.entries(tree).map(
    ([name, node]) => [name, isPart(node) ? node.read(source) : readTree(node, source)] as const,
  );
  if (entries.some(([, value]) => value === WRONG)) return WRONG;
  // Every name of the tree with its value: the type that ValuesOf computes, which fromEntries cannot know.
  return Object.fromEntries(entries) as ValuesOf<T>;
}
