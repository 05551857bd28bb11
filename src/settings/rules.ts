/** The rules that settings are read by. */
import { isIP } from 'node:net';
import { parseDurationMs } from '../contract/durations';

/**
 * The value of a text, which is trimmed and not empty; {@link refuse}s a wrong one. `production` is what makes this
 * production, where a rule is stricter there.
 */
export interface Rule<T> {
  (text: string, production?: string): T;
  /** The text may also stand in the file that `<NAME>_FILE` names. */
  secret?: true;
}

/** What is wrong with a text: follows the variable's name, and holds nothing of the text. */
export class Refusal extends Error {}

export function refuse(what: string): never {
  throw new Refusal(what);
}

const YEAR_MS = 365 * 86_400_000;
const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[?::1\]?)$/i;

/** Whether a host name or address stands for this machine alone. */
export function isLoopback(host: string): boolean {
  return LOOPBACK.test(host);
}

export function oneOf<const T extends string>(choices: readonly T[]): Rule<T> {
  return (text) => choices.find((one) => one === text) ?? refuse(`must be one of ${choices.join(', ')}`);
}

export const trueOrFalse: Rule<boolean> = (text) =>
  /^(true|false)$/.test(text) ? text === 'true' : refuse('must be true or false');

export function matching(pattern: RegExp, what: string): Rule<string> {
  return (text) => (pattern.test(text) ? text : refuse(`must be ${what}`));
}

/** Text that people read. */
export function words(mostLength: number): Rule<string> {
  return matching(
    new RegExp(`^[\\x20-\\x7e]{1,${mostLength}}$`),
    `at most ${mostLength} printable characters`,
  );
}

export function wholeNumber(least: number, most: number): Rule<number> {
  return (text) => {
    const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
    return value >= least && value <= most
      ? value
      : refuse(`must be a whole number from ${least} to ${most}`);
  };
}

export const port = wholeNumber(0, 65_535);

/** Milliseconds of `30s`, `15m`, `2h`, `7d`. */
export function duration(leastMs: number): Rule<number> {
  return (text) => {
    const valueMs = parseDurationMs(text) ?? refuse('must be a duration written like 30s, 15m, 2h or 7d');
    if (valueMs < leastMs) refuse(`must be at least ${leastMs / 1_000}s`);
    return valueMs > YEAR_MS ? refuse('must be at most 365d') : valueMs;
  };
}

/** Comma-separated; entries are told by their place, since their text may be secret. */
export function list<T>(rule: Rule<T>): Rule<readonly T[]> {
  const read = (text: string, production?: string) =>
    text.split(',').map((entry, index) => {
      try {
        return entry.trim() === '' ? refuse('must not be empty') : rule(entry.trim(), production);
      } catch (error) {
        if (!(error instanceof Refusal)) throw error;
        return refuse(`has a wrong entry ${index + 1}: it ${error.message}`);
      }
    });
  return Object.assign(read, rule.secret && { secret: rule.secret });
}

/** An HTTP URL without a trailing slash. With `confidential`, plain HTTP is for this machine alone. */
export function httpUrl({
  confidential = false,
  query = false,
  httpsInProduction = false,
} = {}): Rule<string> {
  return (text, production) => {
    const url = URL.canParse(text) ? new URL(text) : undefined;
    if (url?.protocol !== 'http:' && url?.protocol !== 'https:') {
      return refuse('must be a URL that begins with https:// or http://');
    }
    if (url.username !== '' || url.password !== '') refuse('must not hold a user name or a password');
    if (url.hash !== '' || (!query && url.search !== '')) {
      refuse('must be a URL without a query or a fragment');
    }
    const isPlain = url.protocol === 'http:';
    if (confidential && isPlain && !isLoopback(url.hostname)) {
      refuse('must use https: plain http is for this machine alone');
    }
    if (httpsInProduction && isPlain && production !== undefined) refuse(`must use https with ${production}`);
    return query ? url.href : url.href.replace(/\/+$/, '');
  };
}

/** An origin as browsers send it: scheme, host and port. */
export const origin: Rule<string> = (text) => {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const isOrigin = url !== undefined && url.origin !== 'null' && text.replace(/\/$/, '') === url.origin;
  return isOrigin ? url.origin : refuse('must be an origin: scheme, host and port, no path');
};

/** A proxy, by address or network, or by one of the names that stand for networks of this machine or site. */
export const proxy: Rule<string> = (text) => {
  const [, address = '', length] = /^([0-9A-Fa-f.:]+)(?:\/(\d{1,3}))?$/.exec(text) ?? [];
  const version = isIP(address);
  const isNetwork = version !== 0 && Number(length ?? 0) <= (version === 4 ? 32 : 128);
  return isNetwork || /^(loopback|linklocal|uniquelocal)$/.test(text)
    ? text
    : refuse('must be the address or the network of a proxy; no proxy is trusted unless it is named');
};
