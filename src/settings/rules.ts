/** The rules that settings are read by: from a trimmed text to its value. No message holds the text. */
import { z } from 'zod';
import { parseDurationMs } from '../contract/durations';
import { API_SCOPES, type ApiScope } from '../contract/scopes';
import { KeyRingFormatError, parseKeyRing } from '../encryption/key-ring';
import { parseSealingKeys, parseSealingPublicKeys } from '../encryption/sealing-keys';
import { Secret } from '../system/secret';

type Rule<T> = z.ZodType<T, string>;

/** Rules of secrets, which may also stand in the file that `<NAME>_FILE` names. */
export const secrets = z.registry<object>();

export const trueOrFalse = z
  .enum(['true', 'false'], 'must be true or false')
  .transform((text) => text === 'true');

export function oneOf<const T extends string>(choices: readonly T[]) {
  return z.enum(choices, `must be one of ${choices.join(', ')}`);
}

export function matching(pattern: RegExp, what: string) {
  return z.string().regex(pattern, `must be ${what}`);
}

export function integer(least: number, most: number) {
  const what = `must be a whole number from ${least} to ${most}`;
  return z
    .string()
    .regex(/^\d{1,9}$/, what)
    .transform(Number)
    .refine((value) => least <= value && value <= most, what);
}

/** Milliseconds of `30s`, `15m`, `2h`, `7d`. */
export function duration(leastMs: number) {
  const valueMs = z
    .number('must be a duration written like 30s, 15m, 2h or 7d')
    .min(leastMs, `must be at least ${leastMs / 1_000}s`)
    .max(365 * 86_400_000, 'must be at most 365d');
  return z.string().transform(parseDurationMs).pipe(valueMs);
}

const commaSeparated = z.string().transform((text) => text.split(','));

export function list<T>(entry: Rule<T>) {
  const entries = z.array(z.string().trim().min(1, 'must not be empty').pipe(entry));
  const rule = commaSeparated.pipe(entries);
  return secrets.has(entry) ? rule.register(secrets, {}) : rule;
}

/** Whether a host name or address stands for this machine alone. */
export function isLoopback(host: string): boolean {
  return /^(localhost|127(\.\d{1,3}){3}|\[?::1\]?)$/i.test(host);
}

const url = z
  .url({ protocol: /^https?$/, error: 'must be a URL that begins with https:// or http://', abort: true })
  .transform((text) => new URL(text))
  .refine(({ username, password }) => !username && !password, 'must not hold a user name or a password')
  .refine(({ hash }) => !hash, 'must be a URL without a fragment');
export const urlWithQuery = url.transform(({ href }) => href);
/** Without the slash at its end. */
export const baseUrl = url
  .refine(({ search }) => !search, 'must be a URL without a query')
  .transform(({ href }) => href.replace(/\/+$/, ''));
/** Where credentials are sent to: plain HTTP is for this machine alone. */
export const confidentialUrl = baseUrl.refine(
  (text) => text.startsWith('https:') || isLoopback(new URL(text).hostname),
  'must use https: plain http is for this machine alone',
);

/** As browsers send it: scheme, host and port. */
export const origin = z
  .string()
  .transform((text) => text.replace(/\/$/, ''))
  .refine(
    (text) => URL.canParse(text) && new URL(text).origin === text,
    'must be an origin: scheme, host and port, no path',
  );

/** A proxy, by address or network, or by one of the names that stand for networks of this machine or site. */
export const proxy = z.union(
  [z.ipv4(), z.ipv6(), z.cidrv4(), z.cidrv6(), z.enum(['loopback', 'linklocal', 'uniquelocal'])],
  'must be the address or the network of a proxy; no proxy is trusted unless it is named',
);

const secretOf = (rule: z.ZodString) => rule.transform((text) => new Secret(text)).register(secrets, {});

/** A credential that goes into an HTTP header. */
export function secret(least = 1) {
  const printable = matching(/^[\x21-\x7e]+$/, 'printable ASCII without spaces');
  return secretOf(printable.min(least, `must have at least ${least} characters`));
}

const scopes = z
  .array(oneOf(API_SCOPES))
  .refine((named) => new Set(named).size === named.length, 'must not name a scope twice')
  .transform((named): readonly ApiScope[] => API_SCOPES.filter((scope) => named.includes(scope)));
const keyName = matching(/^[\w.-]{1,64}$/, 'a key, name:key or name:key:scope+scope');

/** `key`, `name:key` or `name:key:scope+scope`. Logs call the key by its name, if it has one. */
export function apiKey(least: number) {
  return z
    .string()
    .transform((text) => {
      const [name, key, ...rest] = text.includes(':') ? text.split(':') : [undefined, text];
      return { name, key, scopes: rest.length > 0 ? rest.join(':').split('+') : [...API_SCOPES] };
    })
    .pipe(z.object({ name: keyName.or(z.undefined()), key: secret(least), scopes }))
    .register(secrets, {});
}
export type ApiKeySetting = z.output<ReturnType<typeof apiKey>>;

/** Standard Webhooks: `whsec_` and base64. */
export const webhookSecret = secretOf(
  matching(
    /^whsec_(?=.{24})([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/,
    'whsec_ and the base64 of 16 bytes or more (24 to 64 are usual)',
  ),
);

export const encryptionKeys = keys(parseKeyRing).register(secrets, {});
export const sealingKeys = keys(parseSealingKeys).register(secrets, {});
export const sealingPublicKeys = keys(parseSealingPublicKeys);

function keys<T>(parse: (text: string) => T) {
  return z.string().transform((text, { addIssue }) => {
    try {
      return parse(text);
    } catch (error) {
      if (!(error instanceof KeyRingFormatError)) throw error;
      return addIssue(`cannot be read: ${error.message}`) ?? z.NEVER;
    }
  });
}
