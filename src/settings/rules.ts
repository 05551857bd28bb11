/** The rules that settings are read by. A problem never repeats the text it was found in. */

import { isIP } from 'node:net';
import { parseDurationMs } from '../contract/durations';
import { API_SCOPES, type ApiScope } from '../contract/scopes';
import { type KeyRing, KeyRingFormatError, parseKeyRing } from '../encryption/key-ring';
import {
  parseSealingKeys,
  parseSealingPublicKeys,
  type SealingKeys,
  type SealingPublicKey,
} from '../encryption/sealing-keys';
import { Secret } from './secret';

export type Reading<T> = { value: T } | { problem: string };

export interface Rule<T> {
  /** A right value. */
  example: string;
  secret?: true;
  /**
   * `text` is trimmed and not empty. `production` is what makes this production, where the rule is stricter. The problem
   * follows the variable's name, and must hold nothing of the text.
   */
  read(text: string, production?: string): Reading<T>;
}

const YEAR_MS = 365 * 86_400_000;
const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[?::1\]?)$/i;

/** Whether a host name or address stands for this machine alone. */
export function isLoopback(host: string): boolean {
  return LOOPBACK.test(host);
}

export function oneOf<const T extends string>(choices: readonly T[], example: NoInfer<T>): Rule<T> {
  return {
    example,
    read(text) {
      const choice = choices.find((one) => one === text);
      return choice === undefined ? { problem: `must be one of ${choices.join(', ')}` } : { value: choice };
    },
  };
}

/** Text that people read. */
export function words(example: string, mostLength: number): Rule<string> {
  return matching(
    new RegExp(`^[\\x20-\\x7e]{1,${mostLength}}$`),
    `at most ${mostLength} printable characters`,
    example,
  );
}

export const trueOrFalse: Rule<boolean> = {
  example: 'true',
  read: (text) =>
    text === 'true' || text === 'false' ? { value: text === 'true' } : { problem: 'must be true or false' },
};

export function wholeNumber(least: number, most: number, example: string): Rule<number> {
  return {
    example,
    read(text) {
      const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
      return value >= least && value <= most
        ? { value }
        : { problem: `must be a whole number from ${least} to ${most}` };
    },
  };
}

export function port(example: string): Rule<number> {
  return wholeNumber(0, 65_535, example);
}

/** Milliseconds of `30s`, `15m`, `2h`, `7d`. */
export function duration(example: string, leastMs: number): Rule<number> {
  return {
    example,
    read(text) {
      const valueMs = parseDurationMs(text);
      if (valueMs === undefined) return { problem: 'must be a duration written like 30s, 15m, 2h or 7d' };
      if (valueMs < leastMs) return { problem: `must be at least ${leastMs / 1_000}s` };
      return valueMs > YEAR_MS ? { problem: 'must be at most 365d' } : { value: valueMs };
    },
  };
}

export function matching(pattern: RegExp, what: string, example: string): Rule<string> {
  return { example, read: (text) => (pattern.test(text) ? { value: text } : { problem: `must be ${what}` }) };
}

/** A credential that goes into an HTTP header: printable ASCII without spaces. */
export function secret(example: string, leastLength = 1, inProduction = leastLength): Rule<Secret> {
  return {
    example,
    secret: true,
    read(text, production) {
      if (!/^[\x21-\x7e]+$/.test(text)) return { problem: 'must be printable ASCII without spaces' };
      const problem = tooShort(text, production, { least: leastLength, inProduction });
      return problem === undefined ? { value: new Secret(text) } : { problem };
    },
  };
}

function tooShort(
  text: string,
  production: string | undefined,
  { least, inProduction }: { least: number; inProduction: number },
): string | undefined {
  if (text.length < least) return `must have at least ${least} characters`;
  if (production === undefined || text.length >= inProduction) return undefined;
  return `must have at least ${inProduction} characters with ${production}`;
}

/** Comma-separated; entries are told by their place, since their text may be secret. */
export function list<T>(rule: Rule<T>, example: string = rule.example): Rule<readonly T[]> {
  return {
    ...rule,
    example,
    read(text, production) {
      const values: T[] = [];
      for (const [index, entry] of text.split(',').entries()) {
        const reading: Reading<T> =
          entry.trim() === '' ? { problem: 'must not be empty' } : rule.read(entry.trim(), production);
        if ('problem' in reading) return { problem: `has a wrong entry ${index + 1}: it ${reading.problem}` };
        values.push(reading.value);
      }
      return { value: values };
    },
  };
}

/** An HTTP URL without a trailing slash. With `confidential`, plain HTTP is for this machine alone. */
export function httpUrl(
  example: string,
  { confidential = false, query = false, httpsInProduction = false } = {},
): Rule<string> {
  return {
    example,
    read(text, production) {
      const url = URL.canParse(text) ? new URL(text) : undefined;
      if (url?.protocol !== 'http:' && url?.protocol !== 'https:') {
        return { problem: 'must be a URL that begins with https:// or http://' };
      }
      if (url.username !== '' || url.password !== '') {
        return { problem: 'must not hold a user name or a password' };
      }
      if (url.hash !== '' || (!query && url.search !== '')) {
        return { problem: 'must be a URL without a query or a fragment' };
      }
      if (confidential && url.protocol === 'http:' && !isLoopback(url.hostname)) {
        return { problem: 'must use https: plain http is for this machine alone' };
      }
      if (httpsInProduction && production !== undefined && url.protocol === 'http:') {
        return { problem: `must use https with ${production}` };
      }
      return { value: query ? url.href : url.href.replace(/\/+$/, '') };
    },
  };
}

/** An origin as browsers send it: scheme, host and port. */
export const origin: Rule<string> = {
  example: 'http://localhost:8233',
  read(text) {
    const url = URL.canParse(text) ? new URL(text) : undefined;
    const isOrigin = url !== undefined && url.origin !== 'null' && text.replace(/\/$/, '') === url.origin;
    return isOrigin
      ? { value: url.origin }
      : { problem: 'must be an origin: scheme, host and port, no path' };
  },
};

/** `key`, `name:key` or `name:key:scope+scope`. */
export interface ApiKeySetting {
  /** What logs call the key; undefined for one without a name. */
  name: string | undefined;
  key: Secret;
  scopes: readonly ApiScope[];
}

export const apiKey: Rule<ApiKeySetting> = {
  example: 'backend:$(openssl rand -hex 24)',
  secret: true,
  read(text, production) {
    const [, name, key = '', scopeList] =
      /^(?:([A-Za-z0-9_.-]{1,64}):)?([\x21-\x2b\x2d-\x39\x3b-\x7e]+)(?::([a-z+]*))?$/.exec(text) ?? [];
    if (key === '' || (name === undefined && scopeList !== undefined)) {
      return { problem: 'must be a key of printable characters, name:key or name:key:scope+scope' };
    }
    const problem = tooShort(key, production, { least: 8, inProduction: 32 });
    if (problem !== undefined) return { problem };
    const named = scopeList?.split('+') ?? API_SCOPES;
    const scopes = API_SCOPES.filter((scope) => named.includes(scope));
    if (scopes.length !== named.length) {
      return { problem: `must have scopes of ${API_SCOPES.join(', ')}, joined by +` };
    }
    return { value: { name, key: new Secret(key), scopes } };
  },
};

/** A proxy, by address or network, or by one of the names that stand for networks of this machine or site. */
export const proxy: Rule<string> = {
  example: '10.0.0.0/8',
  read(text) {
    const [, address = '', length] = /^([0-9A-Fa-f.:]+)(?:\/(\d{1,3}))?$/.exec(text) ?? [];
    const version = isIP(address);
    const isNetwork = version !== 0 && Number(length ?? 0) <= (version === 4 ? 32 : 128);
    return isNetwork || /^(loopback|linklocal|uniquelocal)$/.test(text)
      ? { value: text }
      : { problem: 'must be the address or the network of a proxy; no proxy is trusted unless it is named' };
  },
};

/** Standard Webhooks: `whsec_` and base64. */
export const webhookSecret: Rule<Secret> = {
  secret: true,
  example: 'whsec_cHJvY2Vzc29yLWxpbmstZXhhbXBsZQ==',
  read(text) {
    const encoded = /^whsec_([A-Za-z0-9+/]+={0,2})$/.exec(text)?.[1];
    if (encoded === undefined) return { problem: 'must be whsec_ and base64' };
    const bytes = Buffer.from(encoded, 'base64').length;
    if (encoded.length % 4 !== 0 || bytes < 16)
      return { problem: 'must be whsec_ and the base64 of 16 bytes or more (24 to 64 are usual)' };
    return { value: new Secret(text) };
  },
};

export const encryptionKeys: Rule<KeyRing> = randomKeys(parseKeyRing);
export const sealingKeys: Rule<SealingKeys> = randomKeys(parseSealingKeys);

export const sealingPublicKeys: Rule<SealingPublicKey> = {
  example: 'what `npm run keys -- new --sealing` prints',
  read: (text) => readKeys(() => parseSealingPublicKeys(text)),
};

function randomKeys<T extends { ids: string[] }>(parse: (text: string) => T): Rule<T> {
  return {
    // Made by the shell that it is pasted into, so that nobody uses a key that is printed here.
    example: 'k1:$(openssl rand -base64 32)',
    secret: true,
    read(text, production) {
      const reading = readKeys(() => parse(text));
      if ('problem' in reading || production === undefined) return reading;
      const weak = reading.value.ids.filter((_id, index) => isWeak(text.split(',')[index]));
      return weak.length === 0
        ? reading
        : { problem: `holds ${weak.join(', ')}, which is not 32 random bytes: refused with ${production}` };
    },
  };
}

function readKeys<T>(parse: () => T): Reading<T> {
  try {
    return { value: parse() };
  } catch (error) {
    if (!(error instanceof KeyRingFormatError)) throw error;
    return { problem: `cannot be read: ${error.message}` };
  }
}

/** 32 random bytes have fewer different ones less than once in ten thousand million keys. */
const LEAST_DIFFERENT = 16;

/** Whether the key of an entry `id:base64` is a text, a repetition or a row. */
function isWeak(entry = ''): boolean {
  const bytes = [...Buffer.from(entry.slice(entry.indexOf(':') + 1), 'base64')];
  const steps = bytes.map((byte, index) => (byte - (bytes[index - 1] ?? 0)) & 0xff);
  const isText = bytes.every((byte) => byte >= 0x20 && byte < 0x7f);
  return isText || [bytes, steps].some((numbers) => new Set(numbers).size < LEAST_DIFFERENT);
}
