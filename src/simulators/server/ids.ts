import { createHash, randomBytes } from 'node:crypto';

/** Makes ids in the formats that Plaid and Atomic use. */
export interface IdGenerator {
  /** 37 characters of base 58, as Plaid's `item_id` and `account_id`. */
  plaidId(): string;
  /** 15 letters and digits, as Plaid's `request_id`. */
  plaidRequestId(): string;
  uuid(): string;
  /** 24 hex characters, as Atomic's `_id`. */
  objectId(): string;
}

const BASE58 = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz';
const ALPHANUMERIC = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';

/** Ids are random, or with a `seed` the same ones in the same order each time. */
export function createIds(seed?: string): IdGenerator {
  const bytes = seed === undefined ? randomBytes : seededBytes(seed);
  const pick = (alphabet: string, length: number) =>
    Array.from(bytes(length), (byte) => alphabet.charAt(byte % alphabet.length)).join('');
  return {
    plaidId: () => pick(BASE58, 37),
    plaidRequestId: () => pick(ALPHANUMERIC, 15),
    uuid: () => {
      const raw = bytes(16);
      raw[6] = ((raw[6] ?? 0) & 0x0f) | 0x40;
      raw[8] = ((raw[8] ?? 0) & 0x3f) | 0x80;
      return raw.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
    },
    objectId: () => bytes(12).toString('hex'),
  };
}

function seededBytes(seed: string): (length: number) => Buffer {
  let drawn = 0;
  return (length) => {
    drawn += 1;
    const digest = createHash('sha512').update(`${seed}/${drawn}`).digest();
    return Buffer.from(digest.subarray(0, length));
  };
}

/** Twelve hex characters that stand for a token where the token itself must not be shown. */
export function fingerprint(token: string): string {
  return createHash('sha256').update(token).digest('hex').slice(0, 12);
}
