/**
 * HPKE (RFC 9180), single-shot in base mode: DHKEM(P-256, HKDF-SHA256), HKDF-SHA256, AES-256-GCM. By Node's synchronous
 * crypto, whose curve and ciphers are OpenSSL's: the same by WebCrypto takes ten times the CPU, most of it for handing some
 * twenty calls to other threads. `test/unit/hpke.test.ts` has another implementation open what this one seals, and vice versa.
 */
import { createCipheriv, createDecipheriv, createECDH, createHmac, type ECDH } from 'node:crypto';

const CURVE = 'prime256v1';
/** An uncompressed point of P-256: 4, x, y. */
export const POINT_BYTES = 65;
const UNCOMPRESSED = 4;
const SECRET_BYTES = 32;
const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
/** One block is all that anything here takes. */
const HASH_BYTES = 32;

const NOTHING = Buffer.alloc(0);
const VERSION = Buffer.from('HPKE-v1');
/** Of the key encapsulation, and of the whole: numbers of RFC 9180, 7. */
const KEM_SUITE = Buffer.concat([Buffer.from('KEM'), Buffer.of(0, 0x10)]);
const SUITE = Buffer.concat([Buffer.from('HPKE'), Buffer.of(0, 0x10, 0, 1, 0, 2)]);
const BASE_MODE = Buffer.of(0);

export interface KeyPair {
  /** An uncompressed point. */
  publicKey: Buffer;
  /** Holds the private key, and does not print it. */
  ecdh: ECDH;
}

export function generateKeyPair(): KeyPair {
  const ecdh = createECDH(CURVE);
  return { publicKey: ecdh.generateKeys(), ecdh };
}

/** The pair of a seed of at least 32 random bytes: always the same one (RFC 9180, 7.1.3). */
export function deriveKeyPair(seed: Uint8Array): KeyPair {
  const secret = extract(KEM_SUITE, NOTHING, 'dkp_prk', seed);
  for (let counter = 0; counter < 256; counter++) {
    const ecdh = createECDH(CURVE);
    try {
      ecdh.setPrivateKey(expand(KEM_SUITE, secret, 'candidate', Buffer.of(counter), SECRET_BYTES));
    } catch {
      // Beyond the order of the curve, which one in four billion is.
      continue;
    }
    return { publicKey: ecdh.getPublicKey(), ecdh };
  }
  throw new Error('No key pair follows from this seed.');
}

/** The point of a fresh key, then the ciphertext. Throws for a public key that is no uncompressed point of the curve. */
export function seal(publicKey: Uint8Array, info: Uint8Array, plaintext: Uint8Array): Buffer {
  const { publicKey: point, ecdh } = generateKeyPair();
  const { key, nonce } = schedule(encapsulated(ecdh, publicKey, [point, publicKey]), info);
  const cipher = createCipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG_BYTES });
  return Buffer.concat([point, cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
}

/** Throws for what was not sealed to this key with this `info`, or was altered. */
export function open({ publicKey, ecdh }: KeyPair, info: Uint8Array, box: Uint8Array): Buffer {
  const point = box.subarray(0, POINT_BYTES);
  const tagAt = Math.max(POINT_BYTES, box.length - TAG_BYTES);
  const { key, nonce } = schedule(encapsulated(ecdh, point, [point, publicKey]), info);
  const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG_BYTES });
  decipher.setAuthTag(box.subarray(tagAt));
  return Buffer.concat([decipher.update(box.subarray(POINT_BYTES, tagAt)), decipher.final()]);
}

/** The secret that both sides have (RFC 9180, 4.1). Node refuses a point that is not on the curve. */
function encapsulated(own: ECDH, other: Uint8Array, context: readonly Uint8Array[]): Buffer {
  if (other.length !== POINT_BYTES || other[0] !== UNCOMPRESSED) throw new Error('This is no public key.');
  const secret = extract(KEM_SUITE, NOTHING, 'eae_prk', own.computeSecret(other));
  return expand(KEM_SUITE, secret, 'shared_secret', Buffer.concat(context), SECRET_BYTES);
}

/** Key and nonce of the one message (RFC 9180, 5.1). */
function schedule(sharedSecret: Buffer, info: Uint8Array): { key: Buffer; nonce: Buffer } {
  const context = Buffer.concat([BASE_MODE, NO_PSK_ID, extract(SUITE, NOTHING, 'info_hash', info)]);
  const secret = extract(SUITE, sharedSecret, 'secret', NOTHING);
  return {
    key: expand(SUITE, secret, 'key', context, KEY_BYTES),
    nonce: expand(SUITE, secret, 'base_nonce', context, NONCE_BYTES),
  };
}

/** LabeledExtract of RFC 9180, 4. */
function extract(suite: Buffer, salt: Uint8Array, label: string, ikm: Uint8Array): Buffer {
  return createHmac('sha256', salt).update(VERSION).update(suite).update(label).update(ikm).digest();
}

/** LabeledExpand of RFC 9180, 4, of at most one block. */
function expand(suite: Buffer, secret: Buffer, label: string, info: Uint8Array, bytes: number): Buffer {
  if (bytes > HASH_BYTES) throw new RangeError('More than one block.');
  const hmac = createHmac('sha256', secret).update(Buffer.of(0, bytes)).update(VERSION).update(suite);
  return hmac.update(label).update(info).update(Buffer.of(1)).digest().subarray(0, bytes);
}

const NO_PSK_ID = extract(SUITE, NOTHING, 'psk_id_hash', NOTHING);
