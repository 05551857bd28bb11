import { cleanEnvironment, type Env } from './environment';
import { type Problem, SettingsError } from './settings-error';
import { readTree, type Tree, type ValuesOf, variablesOf, WRONG, type Wrong } from './variable';

/** Each makes this production by the value `production`. */
const ENVIRONMENTS = ['NODE_ENV', 'PLAID_ENV', 'ATOMIC_ENV'];
/** Read by Temporal's own library. */
const TEMPORAL_SECRETS = ['TEMPORAL_API_KEY'];

/** The variable that makes this production; undefined where none does. */
export function productionBy(env: Env): string | undefined {
  return ENVIRONMENTS.find((name) => env[name]?.trim() === 'production');
}

export interface Schema<Settings> {
  /** Names of all variables that are read, those of Temporal's own library aside. */
  names: readonly string[];
  /** Throws {@link SettingsError} with every problem at once. */
  read(env: Env): Settings;
}

export type SettingsOf<T> = T extends Schema<infer Settings> ? Settings : never;

/** The settings of a process, in the shape of the tree. */
export function schemaOf<T extends Tree>(tree: T): Schema<ValuesOf<T>> {
  const variables = new Map(variablesOf(tree).map((variable) => [variable.name, variable]));
  const names = [...new Set([...ENVIRONMENTS, ...variables.keys()])];
  const secrets = names.filter((name) => variables.get(name)?.secret).concat(TEMPORAL_SECRETS);
  return {
    names,
    read(env) {
      const problems = new Map<string, Problem>();
      const wrong: Wrong = (name, what) => {
        const example = variables.get(name)?.example;
        if (!problems.has(name))
          problems.set(name, { name, what, ...(example !== undefined && { example }) });
        return WRONG;
      };
      const set = cleanEnvironment(env, { names, secrets, wrong });
      const saying = productionBy(set);
      const values = readTree(tree, { set, production: saying && `${saying}=production`, wrong });
      if (values === WRONG || problems.size > 0) throw new SettingsError([...problems.values()]);
      return values;
    },
  };
}
