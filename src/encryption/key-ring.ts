import { createHash, createHmac, createSecretKey, hkdfSync, type KeyObject } from 'node:crypto';
import { inspect } from 'node:util';
import { SafeError } from '../contract/safe-error';

const KEY_BYTES = 32;
const KEY_ID = /^[A-Za-z0-9_-]{1,32}$/;

/** What a key is used for. Each purpose has an AES-256 key of its own, so that none stands in for another. */
export const KEY_PURPOSES = ['payload', 'sealing', 'fingerprint'] as const;
export type KeyPurpose = (typeof KEY_PURPOSES)[number];

/** Something was encrypted under a key that is not in the ring: an operator has to add it again. */
export class UnknownKeyError extends SafeError {
  readonly keyId: string;

  constructor(keyId: string) {
    super(
      `ENCRYPTION_KEYS has no key with the id "${keyId}". Add it: something is still encrypted under it.`,
    );
    this.name = 'UnknownKeyError';
    this.keyId = keyId;
  }
}

/** The text of a key ring is wrong. The message names entries by their place and never repeats any of the text. */
export class KeyRingFormatError extends SafeError {
  constructor(message: string) {
    super(message);
    this.name = 'KeyRingFormatError';
  }
}

/** The keys of this deployment: the first encrypts, all decrypt. It neither prints nor serializes a key. */
export class KeyRing {
  /** Id of the key that encrypts. */
  readonly primaryId: string;
  readonly #keys: ReadonlyMap<string, Readonly<Record<KeyPurpose, KeyObject>>>;

  /** `entries` are ids and 32 bytes each, the encrypting one first; see {@link parseKeyRing}. */
  constructor(entries: readonly { id: string; material: Uint8Array }[]) {
    const first = entries[0];
    if (first === undefined) throw new KeyRingFormatError('at least one key is required');
    this.primaryId = first.id;
    this.#keys = new Map(entries.map(({ id, material }) => [id, deriveAll(material)]));
  }

  /** Ids in the order they were given. */
  get ids(): string[] {
    return [...this.#keys.keys()];
  }

  /** The key of an id for one purpose. Throws {@link UnknownKeyError}. */
  key(id: string, purpose: KeyPurpose): KeyObject {
    const keys = this.#keys.get(id);
    // An id that came with a ciphertext is anybody's text, so one that no ring can hold is not repeated.
    if (keys === undefined) throw new UnknownKeyError(KEY_ID.test(id) ? id : '(not a key id)');
    return keys[purpose];
  }

  /** The encrypting key for one purpose. */
  primaryKey(purpose: KeyPurpose): KeyObject {
    return this.key(this.primaryId, purpose);
  }

  /** Eight hex digits that are the same for rings of the same keys, in whatever order. They say nothing of the keys. */
  get digest(): string {
    const digests = [...this.#keys].map(([id, { fingerprint }]) =>
      createHmac('sha256', fingerprint).update(`key ring/${id}`).digest('hex'),
    );
    return createHash('sha256').update(digests.toSorted().join()).digest('hex').slice(0, 8);
  }

  toJSON(): { keyIds: string[] } {
    return { keyIds: this.ids };
  }

  toString(): string {
    return `KeyRing(${this.ids.join(', ')})`;
  }

  [inspect.custom](): string {
    return this.toString();
  }
}

/**
 * Reads `id:base64 of 32 bytes`, comma-separated; the first encrypts, all decrypt. Ids are 1 to 32 of `A-Z a-z 0-9 _ -`.
 * Throws {@link KeyRingFormatError}, whose message holds nothing of the text.
 */
export function parseKeyRing(text: string): KeyRing {
  return new KeyRing(parseKeyTexts(text, KEY_BYTES));
}

export interface KeyText {
  id: string;
  material: Buffer;
}

/** Reads a list of keys, `id:base64`, none of them twice. Throws {@link KeyRingFormatError}. */
export function parseKeyTexts(text: string, keyBytes: number): KeyText[] {
  if (text.trim() === '') throw new KeyRingFormatError('at least one key is required');
  const entries = text.split(',').map((entry, index) => parseEntry(entry.trim(), index + 1, keyBytes));
  entries.forEach((entry, index) => {
    const twin = entries.findIndex((other) => other.id === entry.id);
    if (twin !== index) {
      throw new KeyRingFormatError(`entries ${twin + 1} and ${index + 1} have the same id`);
    }
    const copy = entries.findIndex((other) => other.material.equals(entry.material));
    if (copy !== index) {
      throw new KeyRingFormatError(
        `entries ${copy + 1} and ${index + 1} are the same key under two ids, which rotates nothing`,
      );
    }
  });
  return entries;
}

function parseEntry(entry: string, place: number, keyBytes: number): KeyText {
  const colon = entry.indexOf(':');
  if (colon === -1) throw new KeyRingFormatError(`entry ${place} is not of the form id:base64`);
  const id = entry.slice(0, colon);
  if (!KEY_ID.test(id)) {
    throw new KeyRingFormatError(`entry ${place}: the id must be 1 to 32 of A-Z a-z 0-9 _ -`);
  }
  const encoded = entry.slice(colon + 1);
  const material = Buffer.from(encoded, 'base64');
  // Buffer.from skips what it does not know, so only text that encodes back to itself is what it seems.
  if (material.toString('base64').replace(/=+$/, '') !== encoded.replace(/=+$/, '')) {
    throw new KeyRingFormatError(`entry ${place}: the key is not base64`);
  }
  if (material.length !== keyBytes) {
    throw new KeyRingFormatError(
      `entry ${place}: the key must be ${keyBytes} bytes in base64, and it is ${material.length}`,
    );
  }
  return { id, material };
}

function deriveAll(material: Uint8Array): Record<KeyPurpose, KeyObject> {
  if (material.length !== KEY_BYTES) throw new KeyRingFormatError(`a key must be ${KEY_BYTES} bytes`);
  return {
    payload: derive(material, 'payload'),
    sealing: derive(material, 'sealing'),
    fingerprint: derive(material, 'fingerprint'),
  };
}

function derive(material: Uint8Array, purpose: KeyPurpose): KeyObject {
  const derived = hkdfSync('sha256', material, 'processor-link', `v1/${purpose}`, KEY_BYTES);
  return createSecretKey(Buffer.from(derived));
}
