/** The rules that credentials and keys are read by. */
import { API_SCOPES, type ApiScope } from '../contract/scopes';
import { type KeyRing, KeyRingFormatError, parseKeyRing } from '../encryption/key-ring';
import { isWeakKey } from '../encryption/key-strength';
import { parseSealingKeys, parseSealingPublicKeys, type SealingKeys } from '../encryption/sealing-keys';
import { type Rule, refuse } from './rules';
import { Secret } from './secret';

function secretRule<T>(read: (text: string, production?: string) => T): Rule<T> {
  return Object.assign(read, { secret: true } as const);
}

/** A credential that goes into an HTTP header: printable ASCII without spaces. */
export function secret(leastLength = 1, inProduction = leastLength): Rule<Secret> {
  return secretRule((text, production) => {
    if (!/^[\x21-\x7e]+$/.test(text)) refuse('must be printable ASCII without spaces');
    return longSecret(text, production, leastLength, inProduction);
  });
}

function longSecret(
  text: string,
  production: string | undefined,
  least: number,
  inProduction: number,
): Secret {
  if (text.length < least) refuse(`must have at least ${least} characters`);
  if (production !== undefined && text.length < inProduction) {
    refuse(`must have at least ${inProduction} characters with ${production}`);
  }
  return new Secret(text);
}

/** `key`, `name:key` or `name:key:scope+scope`. */
export interface ApiKeySetting {
  /** What logs call the key; undefined for one without a name. */
  name: string | undefined;
  key: Secret;
  scopes: readonly ApiScope[];
}

export const apiKey: Rule<ApiKeySetting> = secretRule((text, production) => {
  const [, name, key = '', scopeList] =
    /^(?:([A-Za-z0-9_.-]{1,64}):)?([\x21-\x2b\x2d-\x39\x3b-\x7e]+)(?::([a-z+]*))?$/.exec(text) ?? [];
  if (key === '' || (name === undefined && scopeList !== undefined)) {
    refuse('must be a key of printable characters, name:key or name:key:scope+scope');
  }
  const named = scopeList?.split('+') ?? API_SCOPES;
  const setting = { name, key: longSecret(key, production, 8, 32) };
  const scopes = API_SCOPES.filter((scope) => named.includes(scope));
  return scopes.length === named.length
    ? { ...setting, scopes }
    : refuse(`must have scopes of ${API_SCOPES.join(', ')}, joined by +`);
});

/** Standard Webhooks: `whsec_` and base64. */
export const webhookSecret: Rule<Secret> = secretRule((text) => {
  const encoded = /^whsec_([A-Za-z0-9+/]+={0,2})$/.exec(text)?.[1] ?? refuse('must be whsec_ and base64');
  const isLong = encoded.length % 4 === 0 && Buffer.from(encoded, 'base64').length >= 16;
  return isLong
    ? new Secret(text)
    : refuse('must be whsec_ and the base64 of 16 bytes or more (24 to 64 are usual)');
});

export const encryptionKeys: Rule<KeyRing> = randomKeys(parseKeyRing);
export const sealingKeys: Rule<SealingKeys> = randomKeys(parseSealingKeys);
export const sealingPublicKeys = keysOf(parseSealingPublicKeys);

function randomKeys<T extends { ids: string[] }>(parse: (text: string) => T): Rule<T> {
  const read = keysOf(parse);
  return secretRule((text, production) => {
    const keys = read(text);
    const weak = keys.ids.filter((_id, index) => isWeakKey(text.split(',')[index]));
    return production === undefined || weak.length === 0
      ? keys
      : refuse(`holds ${weak.join(', ')}, which is not 32 random bytes: refused with ${production}`);
  });
}

function keysOf<T>(parse: (text: string) => T): Rule<T> {
  return (text) => {
    try {
      return parse(text);
    } catch (error) {
      if (!(error instanceof KeyRingFormatError)) throw error;
      return refuse(`cannot be read: ${error.message}`);
    }
  };
}
