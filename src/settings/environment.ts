import { readFileSync } from 'node:fs';
import { parseEnv } from 'node:util';
import { errorCode } from '../system/error-code';
import { SettingsError } from './settings-error';

export type Env = Readonly<Record<string, string | undefined>>;

/** The variables of `.env` in the working directory; none when there is no such file. Throws {@link SettingsError}. */
export function readEnvFile(): Env {
  try {
    return parseEnv(readFileSync('.env', 'utf8'));
  } catch (error) {
    const code = errorCode(error);
    if (code === 'ENOENT') return {};
    const what = `cannot be read (${code}): make it a file that this user can read, or remove it`;
    throw new SettingsError([{ name: '.env', what }]);
  }
}

/** The environment at start: what is set in the process's own wins over the file. */
export function withEnvFile(env: Env, file: Env): Env {
  return { ...file, ...Object.fromEntries(Object.entries(env).filter(([, value]) => value)) };
}

/** Each makes this production by the value `production`. */
export const ENVIRONMENTS = ['NODE_ENV', 'PLAID_ENV', 'ATOMIC_ENV'];

/** The variable that makes this production; undefined where none does. */
export function productionBy(env: Env): string | undefined {
  return ENVIRONMENTS.find((name) => env[name]?.trim() === 'production');
}

/**
 * The environment, cleaned once: trimmed, without what is empty, with the secrets in the files that `<NAME>_FILE` names.
 * `wrong` takes what is wrong with how variables are written.
 */
export function cleaned(
  env: Env,
  { names, secretNames }: { names: readonly string[]; secretNames: readonly string[] },
  wrong: (name: string, what: string) => void,
): Record<string, string> {
  const texts = Object.entries(env).map(([name, value = '']) => [name, value.trim()]);
  const set: Record<string, string> = Object.fromEntries(texts.filter(([, text]) => text));
  for (const name of secretNames) {
    const file = set[`${name}_FILE`];
    if (file && set[name]) wrong(name, `and ${name}_FILE are both set, and only one of them may be`);
    else if (file)
      set[name] = textOf(file, (what) => wrong(name, `cannot be read from ${name}_FILE: ${what}`));
  }
  for (const [name, text] of Object.entries(set)) {
    const isOurs = names.includes(name) || name.startsWith('TEMPORAL_');
    if (isOurs && /^(["']).*\1$/s.test(text)) wrong(name, 'must not stand in quotes');
  }
  return set;
}

function textOf(file: string, wrong: (what: string) => void): string {
  try {
    const text = readFileSync(file, 'utf8').trim();
    if (text === '') wrong('the file is empty');
    return text;
  } catch (error) {
    wrong(`the file cannot be opened (${String(errorCode(error))})`);
    return '';
  }
}
