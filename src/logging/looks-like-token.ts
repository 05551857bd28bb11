/** Plaid's tokens, sealed ones, webhook secrets and keys by their usual prefixes, and JWTs. */
const TOKEN =
  /(^|[^a-z])(public|access|processor|link|asset)-(sandbox|development|production)-|^sealed:|^(sk|pk|rk|key|whsec)[_.-]|^ey[JI]/i;

/** Whether a text that should be an id is somebody's credential in the wrong place. */
export function looksLikeToken(text: string): boolean {
  return TOKEN.test(text);
}
