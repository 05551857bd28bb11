/** The environment that a process is started with. */
import { readFileSync } from 'node:fs';
import { parseEnv } from 'node:util';
import type { Env } from '../settings/environment';
import { SettingsError } from '../settings/settings-error';
import { errorCode } from '../system/error-code';

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

/** What `env` leaves out or empty is taken from `fallback`. */
export function withFallback(env: Env, fallback: Env): Env {
  return { ...fallback, ...Object.fromEntries(Object.entries(env).filter(([, value]) => value)) };
}

/** The environment, with `.env` of the working directory behind it. */
export function readEnvironment(): Env {
  return withFallback(process.env, readEnvFile());
}
