import { createHmac, timingSafeEqual } from 'node:crypto';
import { decodeSha256Hex } from './body-digest';
import type { Verdict } from './verdict';

export type AtomicRefusal = 'no_secret' | 'missing_signature' | 'malformed_signature' | 'wrong_signature';

/**
 * Checks the header `X-HMAC-Signature-Sha-256` of a webhook: the hex digest of HMAC-SHA256 over the raw body, keyed
 * with one of our API secrets (Atomic's guide to securing webhook endpoints). Hex of any case is taken. Several
 * secrets are allowed, for rotation; every one is tried whichever matches, so the time taken tells nothing about
 * them. An empty secret is no secret: anybody could sign with it. Never throws.
 */
export function verifyAtomicSignature(
  secrets: readonly string[],
  rawBody: Uint8Array,
  signatureHeader: string | string[] | undefined,
): Verdict<AtomicRefusal> {
  const usable = secrets.filter((secret) => secret !== '');
  if (usable.length === 0) return { ok: false, reason: 'no_secret' };
  if (signatureHeader === undefined || signatureHeader === '') {
    return { ok: false, reason: 'missing_signature' };
  }
  const signature = typeof signatureHeader === 'string' ? decodeSha256Hex(signatureHeader) : undefined;
  if (!signature) return { ok: false, reason: 'malformed_signature' };

  let matched = false;
  for (const secret of usable) {
    const expected = createHmac('sha256', secret).update(rawBody).digest();
    matched = timingSafeEqual(expected, signature) || matched;
  }
  return matched ? { ok: true } : { ok: false, reason: 'wrong_signature' };
}
