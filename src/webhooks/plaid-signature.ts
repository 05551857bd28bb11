import { timingSafeEqual } from 'node:crypto';
import type { JWTPayload } from 'jose';
import { bodyDigest, decodeSha256Hex } from './body-digest';
import { loadJose } from './load-jose';
import {
  createPlaidKeyCache,
  type PlaidKeyCacheOptions,
  type PlaidKeyMiss,
  type PlaidKeyUnavailable,
  type PlaidWebhookSender,
} from './plaid-key-cache';

export type { PlaidKeyLookup, PlaidWebhookSender } from './plaid-key-cache';

export type PlaidRefusal =
  | 'missing_signature'
  | 'malformed_signature'
  | 'wrong_algorithm'
  | 'implausible_key_id'
  | 'too_old'
  | 'issued_in_future'
  | 'wrong_body'
  | 'wrong_signature'
  | Exclude<PlaidKeyMiss, PlaidKeyUnavailable>;

/** `unavailable` is no judgement: the key could not be had, so the sender should come again (503, not 401). */
export type PlaidVerdict =
  | { ok: true }
  | { ok: false; reason: PlaidRefusal; unavailable?: never }
  | { ok: false; reason: PlaidKeyUnavailable; unavailable: true };

export type PlaidVerifier = (
  rawBody: Uint8Array,
  jwtHeader: string | string[] | undefined,
  sender: PlaidWebhookSender,
) => Promise<PlaidVerdict>;

const MAX_AGE_SECONDS = 300;
const MAX_SKEW_SECONDS = 60;
// Plaid's are about 300 characters.
const MAX_JWT_LENGTH = 4096;
const KEY_ID = /^[A-Za-z0-9_-]{1,64}$/;
// 64 bytes are 86 characters of base64url, the last of which has 4 unused bits. They must be zero, or one
// signature could be written in 16 ways.
const COMPACT_ES256_JWT = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]{85}[AQgw]$/;

/**
 * A verifier of the header `Plaid-Verification` (Plaid's reference, Webhook verification): an ES256 JWT, signed with the
 * key of its `kid`, at most 5 minutes old (exactly 5 pass; up to 60 s ahead of our clock too), whose
 * `request_body_sha256` is that of the raw body. What needs no key is checked before one is looked up, so that a
 * replayed or garbled webhook causes no call to Plaid. The verifier never rejects.
 */
export function createPlaidVerifier(options: PlaidKeyCacheOptions): PlaidVerifier {
  const { nowMs = Date.now } = options;
  const keyOf = createPlaidKeyCache(options);

  return async (rawBody, jwtHeader, sender) => {
    if (jwtHeader === undefined || jwtHeader === '') return refused('missing_signature');
    if (typeof jwtHeader !== 'string' || jwtHeader.length > MAX_JWT_LENGTH) {
      return refused('malformed_signature');
    }
    const nowSeconds = nowMs() / 1000;
    const unverified = await decode(jwtHeader);
    if (!unverified) return refused('malformed_signature');
    if (unverified.alg !== 'ES256') return refused('wrong_algorithm');
    if (!COMPACT_ES256_JWT.test(jwtHeader)) return refused('malformed_signature');
    if (typeof unverified.kid !== 'string' || !KEY_ID.test(unverified.kid)) {
      return refused('implausible_key_id');
    }
    const digest = bodyDigest(rawBody);
    const problem = claimsProblem(unverified.claims, digest, nowSeconds);
    if (problem) return refused(problem);

    const found = await keyOf(unverified.kid, sender);
    if (!found.ok) {
      const { reason } = found;
      return isUnavailable(reason) ? { ok: false, reason, unavailable: true } : refused(reason);
    }
    const { jwtVerify } = await loadJose();
    try {
      const currentDate = new Date(nowSeconds * 1000);
      const { payload } = await jwtVerify(jwtHeader, found.key, { algorithms: ['ES256'], currentDate });
      const signedProblem = claimsProblem(payload, digest, nowSeconds);
      return signedProblem ? refused(signedProblem) : { ok: true };
    } catch {
      return refused('wrong_signature');
    }
  };
}

function isUnavailable(reason: PlaidKeyMiss): reason is PlaidKeyUnavailable {
  return reason === 'key_unavailable' || reason === 'too_many_lookups' || reason === 'no_open_link';
}

function refused(reason: PlaidRefusal): PlaidVerdict {
  return { ok: false, reason };
}

/** Header and claims as anybody may have written them. */
async function decode(jwt: string): Promise<{ alg: unknown; kid: unknown; claims: JWTPayload } | undefined> {
  const { decodeProtectedHeader, decodeJwt } = await loadJose();
  try {
    const { alg, kid } = decodeProtectedHeader(jwt);
    return { alg, kid, claims: decodeJwt(jwt) };
  } catch {
    return undefined;
  }
}

function claimsProblem(claims: JWTPayload, digest: Buffer, nowSeconds: number): PlaidRefusal | undefined {
  const { iat, request_body_sha256: hash } = claims;
  const claimed = typeof hash === 'string' ? decodeSha256Hex(hash) : undefined;
  if (typeof iat !== 'number' || !claimed) return 'malformed_signature';
  if (nowSeconds - iat > MAX_AGE_SECONDS) return 'too_old';
  if (iat - nowSeconds > MAX_SKEW_SECONDS) return 'issued_in_future';
  return timingSafeEqual(claimed, digest) ? undefined : 'wrong_body';
}
