/** The rules that settings are read by. A problem never repeats the text it was found in. */
import { parseDurationMs } from '../contract/durations';
import { type KeyRing, KeyRingFormatError, parseKeyRing } from '../encryption/key-ring';
import { Secret } from './secret';
import type { Reading, Rule } from './variable';

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
export function secret(example: string, leastLength = 1): Rule<Secret> {
  return {
    example,
    read(text) {
      if (!/^[\x21-\x7e]+$/.test(text)) return { problem: 'must be printable ASCII without spaces' };
      if (text.length < leastLength) return { problem: `must have at least ${leastLength} characters` };
      return { value: new Secret(text) };
    },
  };
}

/** Comma-separated; entries are told by their place, since their text may be secret. */
export function list<T>(rule: Rule<T>, example: string = rule.example): Rule<readonly T[]> {
  return {
    example,
    read(text) {
      const values: T[] = [];
      for (const [index, entry] of text.split(',').entries()) {
        const reading: Reading<T> =
          entry.trim() === '' ? { problem: 'must not be empty' } : rule.read(entry.trim());
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
  { confidential = false, query = false }: { confidential?: boolean; query?: boolean } = {},
): Rule<string> {
  return {
    example,
    read(text) {
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

/** `key` or `name:key`. */
export interface ApiKeySetting {
  /** What logs call the key; undefined for one without a name. */
  name: string | undefined;
  key: Secret;
}

export const apiKey: Rule<ApiKeySetting> = {
  example: 'backend:8Jr0aPz2Vb6m4QxT',
  read(text) {
    const [, name, key = ''] =
      /^(?:([A-Za-z0-9_.-]{1,64}):)?([\x21-\x2b\x2d-\x39\x3b-\x7e]+)$/.exec(text) ?? [];
    if (key.length < 8) {
      return { problem: 'must be a key of at least 8 printable characters, or name:key' };
    }
    return { value: { name, key: new Secret(key) } };
  },
};

/** Standard Webhooks: `whsec_` and base64. */
export const webhookSecret: Rule<Secret> = {
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

export const keyRing: Rule<KeyRing> = {
  // Made by the shell that it is pasted into, so that nobody uses a key that is printed here.
  example: 'k1:$(openssl rand -base64 32)',
  read(text) {
    try {
      return { value: parseKeyRing(text) };
    } catch (error) {
      if (!(error instanceof KeyRingFormatError)) throw error;
      return { problem: `cannot be read: ${error.message}` };
    }
  },
};
