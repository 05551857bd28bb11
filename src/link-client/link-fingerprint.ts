import { createHmac, timingSafeEqual } from 'node:crypto';
import { JOBS, type Job } from '../contract/jobs';
import type { StartLink } from '../contract/schemas';
import type { KeyRing } from '../encryption/key-ring';

/** The jobs in the order of {@link JOBS}: a set of jobs has one way to be written. */
export function inOrder(jobs: readonly Job[]): Job[] {
  return JOBS.filter((job) => jobs.includes(job));
}

/**
 * `<key id>:<HMAC-SHA256, base64url>` of what makes two start requests the same: user, token, account and set of jobs.
 * Keyed, because the hash of a token could be tried against guesses.
 */
export function fingerprintOf(keyRing: KeyRing, request: StartLink, keyId = keyRing.primaryId): string {
  const { userId, publicToken, accessToken, accountId, jobs } = request;
  const parts = [userId, publicToken ?? null, accessToken ?? null, accountId ?? null, inOrder(jobs)];
  const hmac = createHmac('sha256', keyRing.key(keyId, 'fingerprint')).update(JSON.stringify(parts));
  return `${keyId}:${hmac.digest('base64url')}`;
}

/**
 * Whether a request is the one that a fingerprint was made of, whichever key made it. Throws `UnknownKeyError` when that
 * key is gone.
 */
export function matchesFingerprint(keyRing: KeyRing, request: StartLink, fingerprint: string): boolean {
  const keyId = fingerprint.slice(0, fingerprint.indexOf(':'));
  return equalTexts(fingerprintOf(keyRing, request, keyId), fingerprint);
}

/** In constant time for texts of one length. */
export function equalTexts(one: string, other: string): boolean {
  const [a, b] = [Buffer.from(one), Buffer.from(other)];
  return a.length === b.length && timingSafeEqual(a, b);
}
