import { createCipheriv, createDecipheriv, type KeyObject, randomBytes } from 'node:crypto';
import { SafeError } from '../contract/safe-error';

const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** A box was altered, cut short, or made with another key or for another purpose: which one cannot be told. */
export class DecryptionError extends SafeError {
  constructor() {
    super(
      'The ciphertext does not decrypt: it was altered, or made with another key or for another purpose.',
    );
    this.name = 'DecryptionError';
  }
}

/**
 * AES-256-GCM under a fresh random nonce: `nonce (12) | ciphertext | tag (16)`. The context is authenticated and not
 * stored. With random nonces a key is good for 2^32 boxes (NIST SP 800-38D, 8.3); rotate it before that.
 */
export function encrypt(
  key: KeyObject,
  context: readonly (string | number)[],
  plaintext: Uint8Array,
): Buffer {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG_BYTES });
  cipher.setAAD(associatedData(context));
  return Buffer.concat([nonce, cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
}

/** Opens what {@link encrypt} made under the same key and context. Throws {@link DecryptionError}. */
export function decrypt(key: KeyObject, context: readonly (string | number)[], box: Uint8Array): Buffer {
  if (box.length < NONCE_BYTES + TAG_BYTES) throw new DecryptionError();
  const tagAt = box.length - TAG_BYTES;
  const decipher = createDecipheriv('aes-256-gcm', key, box.subarray(0, NONCE_BYTES), {
    authTagLength: TAG_BYTES,
  });
  decipher.setAAD(associatedData(context));
  decipher.setAuthTag(box.subarray(tagAt));
  try {
    return Buffer.concat([decipher.update(box.subarray(NONCE_BYTES, tagAt)), decipher.final()]);
  } catch {
    throw new DecryptionError();
  }
}

/** JSON keeps the parts apart, so that no two contexts give the same bytes. */
function associatedData(context: readonly (string | number)[]): Buffer {
  return Buffer.from(JSON.stringify(context), 'utf8');
}
