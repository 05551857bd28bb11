import { createPublicKey, type KeyObject, type webcrypto } from 'node:crypto';
import { SafeError } from '../contract/safe-error';
import { type KeyRing, KeyRingFormatError, type KeyText, parseKeyTexts } from './key-ring';
import { suite } from './sealing-suite';

const SEED_BYTES = 32;
/** An uncompressed point of P-256: 4, x, y. */
const PUBLIC_KEY_BYTES = 65;
/** Before the id of a key of `ENCRYPTION_KEYS`, where that of a sealing key would stand. */
const DERIVED = 'derived.';

/** A token was sealed to a key that the worker does not have: an operator has to add it again. */
export class UnknownSealingKeyError extends SafeError {
  constructor(keyId: string) {
    const derivedFrom = encryptionKeyIdBehind(keyId);
    const setting = derivedFrom === undefined ? 'SEALING_KEYS' : 'ENCRYPTION_KEYS';
    super(
      `${setting} has no key with the id "${derivedFrom ?? keyId}". Add it: a token is still sealed to it.`,
    );
    this.name = 'UnknownSealingKeyError';
  }
}

/** The key of `ENCRYPTION_KEYS` that a sealing key is derived from; undefined for one of `SEALING_KEYS`. */
export function encryptionKeyIdBehind(sealingKeyId: string): string | undefined {
  return sealingKeyId.startsWith(DERIVED) ? sealingKeyId.slice(DERIVED.length) : undefined;
}

/** The key that tokens are sealed to. Whoever has it alone opens none. */
export class SealingPublicKey {
  readonly id: string;
  readonly #load: () => Promise<webcrypto.CryptoKey>;
  #key: Promise<webcrypto.CryptoKey> | undefined;

  constructor(id: string, load: () => Promise<webcrypto.CryptoKey>) {
    this.id = id;
    this.#load = load;
  }

  key(): Promise<webcrypto.CryptoKey> {
    this.#key ??= this.#load();
    return this.#key;
  }
}

/** The key pairs of the workers: tokens are sealed to the first, and all open. None of them prints. */
export class SealingKeys {
  readonly primaryId: string;
  readonly #seeds: ReadonlyMap<string, Uint8Array | KeyObject>;
  readonly #pairs = new Map<string, Promise<webcrypto.CryptoKeyPair>>();

  /** Seeds of 32 random bytes by id, of which HPKE derives the pairs (RFC 9180, 7.1.3). */
  constructor(seeds: ReadonlyMap<string, Uint8Array | KeyObject>) {
    const [first] = seeds.keys();
    if (first === undefined) throw new KeyRingFormatError('at least one key is required');
    this.primaryId = first;
    this.#seeds = seeds;
  }

  /** Pairs derived from `ENCRYPTION_KEYS`, for a deployment without keys for sealing alone. */
  static derivedFrom(keyRing: KeyRing): SealingKeys {
    return new SealingKeys(new Map(keyRing.ids.map((id) => [`${DERIVED}${id}`, keyRing.key(id, 'sealing')])));
  }

  get ids(): string[] {
    return [...this.#seeds.keys()];
  }

  /** These, and the others behind them for what was sealed before. */
  with(others: SealingKeys): SealingKeys {
    return new SealingKeys(new Map([...this.#seeds, ...others.#seeds]));
  }

  /** Throws {@link UnknownSealingKeyError}. */
  pair(id: string): Promise<webcrypto.CryptoKeyPair> {
    const seed = this.#seeds.get(id);
    if (seed === undefined) throw new UnknownSealingKeyError(id);
    const pair =
      this.#pairs.get(id) ?? suite.kem.deriveKeyPair(seed instanceof Uint8Array ? seed : seed.export());
    this.#pairs.set(id, pair);
    return pair;
  }

  get publicKey(): SealingPublicKey {
    return new SealingPublicKey(this.primaryId, async () => (await this.pair(this.primaryId)).publicKey);
  }

  /** The public keys, as `SEALING_PUBLIC_KEYS` takes them. */
  async publicText(): Promise<string> {
    const entries = this.ids.map(async (id) => {
      const point = await suite.kem.serializePublicKey((await this.pair(id)).publicKey);
      return `${id}:${Buffer.from(point).toString('base64')}`;
    });
    return (await Promise.all(entries)).join(',');
  }

  toJSON(): { sealingKeyIds: string[] } {
    return { sealingKeyIds: this.ids };
  }
}

/**
 * Reads `SEALING_KEYS`: `id:base64 of 32 random bytes`, comma-separated. Throws `KeyRingFormatError`, whose message holds
 * nothing of the text.
 */
export function parseSealingKeys(text: string): SealingKeys {
  return new SealingKeys(new Map(parseKeyTexts(text, SEED_BYTES).map(({ id, material }) => [id, material])));
}

/**
 * Reads `SEALING_PUBLIC_KEYS`: `id:base64 of 65 bytes`, comma-separated, as `npm run keys` prints them. Tokens are sealed to
 * the first; the others may stand there while keys are rotated. Throws `KeyRingFormatError`.
 */
export function parseSealingPublicKeys(text: string): SealingPublicKey {
  const entries = parseKeyTexts(text, PUBLIC_KEY_BYTES);
  entries.forEach(requirePoint);
  const [first] = entries;
  if (first === undefined) throw new KeyRingFormatError('at least one key is required');
  return new SealingPublicKey(first.id, () => suite.kem.deserializePublicKey(first.material));
}

/** Node refuses points that are not on the curve. */
function requirePoint({ material }: KeyText, index: number): void {
  const coordinate = (start: number) => material.subarray(start, start + SEED_BYTES).toString('base64url');
  const jwk = { kty: 'EC', crv: 'P-256', x: coordinate(1), y: coordinate(1 + SEED_BYTES) };
  try {
    createPublicKey({ key: jwk, format: 'jwk' });
    if (material[0] === 4) return;
  } catch {
    // Said below.
  }
  throw new KeyRingFormatError(`entry ${index + 1} is no public key`);
}
