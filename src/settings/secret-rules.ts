/** The rules that credentials and keys are read by. */
import { z } from 'zod';
import { API_SCOPES, type ApiScope } from '../contract/scopes';
import { KeyRingFormatError, parseKeyRing } from '../encryption/key-ring';
import { parseSealingKeys, parseSealingPublicKeys } from '../encryption/sealing-keys';
import { matching, oneOf, secrets } from './rules';
import { Secret } from './secret';

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
export const apiKey = z
  .string()
  .transform((text) => {
    const [name, key, ...rest] = text.includes(':') ? text.split(':') : [undefined, text];
    return { name, key, scopes: rest.length > 0 ? rest.join(':').split('+') : [...API_SCOPES] };
  })
  .pipe(z.object({ name: keyName.or(z.undefined()), key: secret(8), scopes }))
  .register(secrets, {});
export type ApiKeySetting = z.output<typeof apiKey>;

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
