import { createHash, hash } from 'node:crypto';

const SHA256_HEX = /^[0-9a-fA-F]{64}$/;

/** SHA-256 of the raw body, as bytes. */
export function bodyDigest(rawBody: Uint8Array): Buffer {
  return createHash('sha256').update(rawBody).digest();
}

/** SHA-256 of the raw body as lower-case hex: the identity of a webhook, since no sender signs an event id. */
export function bodySha256(rawBody: Uint8Array): string {
  return hash('sha256', rawBody, 'hex');
}

/**
 * The 32 bytes of a SHA-256 written as 64 hex digits of any case; undefined for any other text. Digests are
 * compared as bytes after this, because `timingSafeEqual` throws on unequal lengths.
 */
export function decodeSha256Hex(text: string): Buffer | undefined {
  return SHA256_HEX.test(text) ? Buffer.from(text, 'hex') : undefined;
}
