import { readFileSync } from 'node:fs';
import { errorCode } from '../system/error-code';
import type { Env } from './variable';

/** In the working directory; see `.env.example`. */
export const ENV_FILE = '.env';

/**
 * Variables of a file of `NAME=value` lines. A value may stand in single or double quotes; `#` begins a comment at the
 * start of a line, or after a space behind a value without quotes.
 */
export function parseEnvFile(text: string): Record<string, string> {
  const variables: Record<string, string> = {};
  for (const line of text.split(/\r?\n/)) {
    const [, name, rest = ''] = /^\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=(.*)$/.exec(line) ?? [];
    if (name === undefined) continue;
    const quoted = /^\s*(?:"([^"]*)"|'([^']*)')\s*(?:#.*)?$/.exec(rest);
    variables[name] = quoted ? (quoted[1] ?? quoted[2] ?? '') : rest.replace(/(^|\s)#.*$/, '').trim();
  }
  return variables;
}

/** The file's variables; none when there is no such file. */
export function readEnvFile(file: string = ENV_FILE): Record<string, string> {
  try {
    return parseEnvFile(readFileSync(file, 'utf8'));
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return {};
    throw error;
  }
}

/** The environment at start: what is set in the process's own wins over the file. */
export function withEnvFile(env: Env, file: Env): Env {
  const set = Object.entries(env).filter(([, value]) => value !== undefined && value !== '');
  return { ...file, ...Object.fromEntries(set) };
}
