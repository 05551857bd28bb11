import { readFileSync } from 'node:fs';
import { errorCode } from '../system/error-code';

export type Env = Readonly<Record<string, string | undefined>>;

/** Each makes this production by the value `production`. */
export const ENVIRONMENTS = ['NODE_ENV', 'PLAID_ENV', 'ATOMIC_ENV'];

/** The variable that makes this production; undefined where none does. */
export function productionBy(env: Env): string | undefined {
  return ENVIRONMENTS.find((name) => env[name]?.trim() === 'production');
}

type Refuse = (name: string, what: string) => void;

/**
 * The environment, cleaned once: trimmed, without what is empty, with the secrets in the files that `<NAME>_FILE` names.
 * `refuse` takes what is wrong with how variables are written.
 */
export function cleaned(env: Env, names: readonly string[], secretNames: readonly string[], refuse: Refuse) {
  const set: Record<string, string> = {};
  for (const [name, value] of Object.entries(env)) if (value?.trim()) set[name] = value.trim();
  for (const name of secretNames) {
    const file = set[`${name}_FILE`];
    if (file && set[name]) refuse(name, `and ${name}_FILE are both set, and only one of them may be`);
    else if (file)
      set[name] = textOf(file, (what) => refuse(name, `cannot be read from ${name}_FILE: ${what}`));
  }
  for (const [name, text] of Object.entries(set)) {
    const isOurs = names.includes(name) || name.startsWith('TEMPORAL_');
    if (isOurs && /^(["']).*\1$/s.test(text)) refuse(name, 'must not stand in quotes');
  }
  return set;
}

function textOf(file: string, refuse: (what: string) => void): string {
  try {
    const text = readFileSync(file, 'utf8').trim();
    if (text === '') refuse('the file is empty');
    return text;
  } catch (error) {
    refuse(`the file cannot be opened (${String(errorCode(error))})`);
    return '';
  }
}
