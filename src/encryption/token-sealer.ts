import type { TokenKind, TokenSealer } from '../contract/workflow';
import { DecryptionError, decrypt, encrypt } from './authenticated-encryption';
import type { KeyRing } from './key-ring';

const VERSION = 1;
const SEALED = /^sealed:v1:([A-Za-z0-9_-]{1,32}):([A-Za-z0-9_-]+)$/;

/**
 * Seals bank tokens for their way through workflows: `sealed:v1:<key id>:<base64url of nonce, ciphertext, tag>`,
 * AES-256-GCM under the key ring's `sealing` keys, bound to user and kind. `open` throws `DecryptionError` for a text
 * that was altered or belongs to another user or kind, and `UnknownKeyError` for one whose key is not in the ring.
 */
export function createTokenSealer(keyRing: KeyRing): TokenSealer {
  return {
    seal(kind, userId, token) {
      const keyId = keyRing.primaryId;
      const box = encrypt(
        keyRing.primaryKey('sealing'),
        context(kind, userId, keyId),
        Buffer.from(token, 'utf8'),
      );
      return `sealed:v${VERSION}:${keyId}:${box.toString('base64url')}`;
    },

    open(kind, userId, sealed) {
      const [, keyId, encoded] = SEALED.exec(sealed) ?? [];
      if (keyId === undefined || encoded === undefined) throw new DecryptionError();
      const box = Buffer.from(encoded, 'base64url');
      // Unused bits of the last character would otherwise let several texts open as the same token.
      if (box.toString('base64url') !== encoded) throw new DecryptionError();
      return decrypt(keyRing.key(keyId, 'sealing'), context(kind, userId, keyId), box).toString('utf8');
    },
  };
}

/** Id of the key that a token was sealed under; undefined for a text that is no sealed token. */
export function sealingKeyIdOf(sealed: string): string | undefined {
  return SEALED.exec(sealed)?.[1];
}

function context(kind: TokenKind, userId: string, keyId: string): (string | number)[] {
  return ['processor-link/sealed-token', VERSION, kind, userId, keyId];
}
