import { createHash, timingSafeEqual } from 'node:crypto';

const BEARER = /^Bearer +([\x21-\x7e]{1,8192})$/i;

/** The token of an `Authorization: Bearer` header (RFC 6750); undefined when there is none. */
export function bearerToken(header: string | undefined): string | undefined {
  return header === undefined ? undefined : BEARER.exec(header)?.[1];
}

/**
 * The first of the known secrets that was presented. All are compared, as SHA-256 digests and in constant time, so
 * the time taken tells neither which nor how much of one was right. An empty secret matches nothing.
 */
export function findSecret<T>(
  presented: string,
  known: readonly T[],
  secretOf: (item: T) => string,
): T | undefined {
  const digest = digestOf(presented);
  let found: T | undefined;
  for (const item of known) {
    const secret = secretOf(item);
    const matches = timingSafeEqual(digest, digestOf(secret)) && secret !== '';
    if (matches && found === undefined) found = item;
  }
  return found;
}

function digestOf(secret: string): Buffer {
  return createHash('sha256').update(secret).digest();
}
