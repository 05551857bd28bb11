import { readFileSync } from 'node:fs';
import { parseEnv } from 'node:util';
import { errorCode } from '../system/error-code';
import { SettingsError } from './settings-error';
import type { Wrong } from './variable';

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

/**
 * The environment as the schemas read it, cleaned once: trimmed, without what is empty, with the secrets in the files that
 * `<NAME>_FILE` names. Says what is wrong with how the variables of `names` are written.
 */
export function cleanEnvironment(
  env: Env,
  { names, secrets, wrong }: { names: readonly string[]; secrets: readonly string[]; wrong: Wrong },
): Record<string, string> {
  const set: Record<string, string> = {};
  for (const [name, value] of Object.entries(env)) {
    const text = value?.trim();
    if (text) set[name] = text;
  }
  for (const name of secrets) {
    const file = set[`${name}_FILE`];
    if (file === undefined) continue;
    if (set[name] !== undefined) wrong(name, `and ${name}_FILE are both set, and only one of them may be`);
    else set[name] = textOf(file, (what) => wrong(name, `cannot be read from ${name}_FILE: ${what}`));
  }
  for (const [name, text] of Object.entries(set)) {
    const isOurs = names.includes(name) || name.startsWith('TEMPORAL_');
    if (isOurs && /^(["']).*\1$/s.test(text)) wrong(name, 'must not stand in quotes');
  }
  return set;
}

/** A file's text without the newline at its end. */
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
