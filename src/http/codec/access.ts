import type { FastifyRequest } from 'fastify';
import type { JSONWebKeySet, JWTPayload, JWTVerifyGetKey } from 'jose';
import { bearerToken, findSecret } from '../server/bearer';
import { HttpProblem } from '../server/problems';

export interface JwtRules {
  /** Where the issuer publishes its keys, or the keys themselves. */
  keys: URL | JSONWebKeySet;
  issuer: string;
  audience: string;
  /** Name of the claim that has to hold `<namespace>:read`, in a list or a text of words. */
  claim: string;
  /** Whether a login may encode as well. */
  mayEncode: boolean;
}

/**
 * Who may have payloads decoded: holders of one of the tokens, holders of a JWT of the issuer, or, with `none`, for
 * a server on loopback alone, whoever runs programs on this machine.
 */
export type CodecAuth =
  | { kind: 'none' }
  | { kind: 'required'; tokens?: () => readonly string[]; jwt?: JwtRules };

type JwtVerdict = { payload: JWTPayload } | 'invalid' | 'keys_unavailable';

// Signatures by a public key alone: with HMAC a published key could pass for the secret.
const ALGORITHMS = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
];
const KEYS_TIMEOUT_MS = 4000;
const CLOCK_TOLERANCE_SECONDS = 5;
// What jose says when it could not read the issuer's keys, which is no judgement on the token.
const KEYS_UNAVAILABLE = new Set(['ERR_JWKS_TIMEOUT', 'ERR_JWKS_INVALID', 'ERR_JOSE_GENERIC']);
const LOOPBACK_HOST = /^(localhost|127\.\d{1,3}\.\d{1,3}\.\d{1,3}|\[::1\])(:\d{1,5})?$/i;

export type CodecAction = 'encode' | 'decode';

/** Lets those who may use the codec server pass, and notes who it was. */
export function requireCodecAccess(
  auth: CodecAuth,
  namespace: string,
): (request: FastifyRequest, action: CodecAction) => Promise<void> {
  if (auth.kind === 'none') return requireLoopbackHost;
  const { tokens = () => [], jwt } = auth;
  const verify = jwt && createJwtVerifier(jwt);

  return async (request, action) => {
    const presented = bearerToken(request.headers.authorization);
    if (presented === undefined) throw new HttpProblem('unauthorized');
    const known = tokens();
    const token = findSecret(presented, known, (one) => one);
    if (token !== undefined) {
      request.caller = `token-${known.indexOf(token) + 1}`;
      return;
    }
    const verdict = verify ? await verify(presented) : 'invalid';
    if (verdict === 'keys_unavailable') throw new HttpProblem('provider_unavailable');
    if (verdict === 'invalid') throw new HttpProblem('unauthorized');
    const { payload } = verdict;
    request.caller = payload.sub ?? 'login without a subject';
    if (jwt && !wordsOf(payload[jwt.claim]).includes(`${namespace}:read`)) {
      throw new HttpProblem('unauthorized', {
        status: 403,
        detail: 'This login may not read this namespace.',
      });
    }
    if (action === 'encode' && !jwt?.mayEncode) {
      throw new HttpProblem('unauthorized', { status: 403, detail: 'Logins may not encode here.' });
    }
  };
}

/** A list of words, or words with spaces between them. */
function wordsOf(claim: unknown): unknown[] {
  if (typeof claim === 'string') return claim.split(' ');
  return Array.isArray(claim) ? claim : [];
}

/** A web page can point a name of its own at this machine, but cannot hide that name from us. */
async function requireLoopbackHost(request: FastifyRequest): Promise<void> {
  if (LOOPBACK_HOST.test(request.headers.host ?? '')) return;
  throw new HttpProblem('unauthorized', {
    status: 403,
    detail: 'Without a token this server is for this machine only.',
  });
}

function createJwtVerifier({
  keys,
  issuer,
  audience,
}: Pick<JwtRules, 'keys' | 'issuer' | 'audience'>): (jwt: string) => Promise<JwtVerdict> {
  let getKey: JWTVerifyGetKey | undefined;
  return async (jwt) => {
    const { createLocalJWKSet, createRemoteJWKSet, jwtVerify } = await import('jose');
    // Made once, since it caches the keys.
    getKey ??=
      keys instanceof URL
        ? createRemoteJWKSet(keys, { timeoutDuration: KEYS_TIMEOUT_MS })
        : createLocalJWKSet(keys);
    try {
      const { payload } = await jwtVerify(jwt, getKey, {
        issuer,
        audience,
        algorithms: ALGORITHMS,
        requiredClaims: ['exp'],
        clockTolerance: CLOCK_TOLERANCE_SECONDS,
      });
      return { payload };
    } catch (error) {
      return isAboutToken(error) ? 'invalid' : 'keys_unavailable';
    }
  };
}

function isAboutToken(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return typeof code === 'string' && code.startsWith('ERR_J') && !KEYS_UNAVAILABLE.has(code);
}
