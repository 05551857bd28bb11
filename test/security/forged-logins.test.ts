import { exportJWK, generateKeyPair, type JSONWebKeySet, type JWTPayload, SignJWT, UnsecuredJWT } from 'jose';
import type { JwtRules } from '../../src/http/codec/access';
import {
  call,
  closeCodecApps,
  codecApp,
  encrypted,
  NAMESPACE,
  namedPlain,
  plain,
  TOKEN,
} from '../http/support/codec-test-app';
import { expectProblem } from '../http/support/problem';
import { startScriptedServer } from '../support/scripted-server';

afterEach(closeCodecApps);

describe('JWTs', () => {
  const issuer = 'https://login.example.com/';
  const audience = 'temporal-ui';

  async function issue(
    options: {
      claims?: JWTPayload;
      expires?: boolean;
      alg?: string;
      kid?: string;
      issuer?: string;
      audience?: string;
    } = {},
  ) {
    const alg = options.alg ?? 'RS256';
    const { publicKey, privateKey } = await generateKeyPair(alg);
    const kid = 'key-1';
    const jwks: JSONWebKeySet = { keys: [{ ...(await exportJWK(publicKey)), kid, alg, use: 'sig' }] };
    const exp = Math.floor(Date.now() / 1000) + 300;
    const claims = {
      sub: 'alice@example.com',
      permissions: [`${NAMESPACE}:read`],
      ...(options.expires !== false && { exp }),
      ...options.claims,
    };
    const jwt = await new SignJWT(claims)
      .setProtectedHeader({ alg, kid: options.kid ?? kid })
      .setIssuer(options.issuer ?? issuer)
      .setAudience(options.audience ?? audience)
      .sign(privateKey);
    return { jwt, jwks };
  }

  async function decodeWith(jwt: string, jwtKeys: URL | JSONWebKeySet, rules: Partial<JwtRules> = {}) {
    const made = codecApp({
      auth: {
        kind: 'required',
        tokens: () => [TOKEN],
        jwt: { keys: jwtKeys, issuer, audience, claim: 'permissions', mayEncode: false, ...rules },
      },
    });
    const options = call('/decode', { payloads: await encrypted() }, { authorization: `Bearer ${jwt}` });
    return { response: await made.app.inject(options), ...made };
  }

  test.each(['RS256', 'PS256', 'ES256', 'EdDSA'])('a login signed with %s is let in', async (alg) => {
    const { jwt, jwks } = await issue({ alg });
    const { response } = await decodeWith(jwt, jwks);
    expect(response.statusCode).toBe(200);
    expect(response.json()).toEqual({ payloads: [plain()] });
  });

  test.each<[string, JWTPayload, Partial<JwtRules>]>([
    ['a list', { permissions: ['other:read', `${NAMESPACE}:read`] }, {}],
    ['a text of words', { permissions: `openid ${NAMESPACE}:read` }, {}],
    ['a claim of another name', { scope: `${NAMESPACE}:read` }, { claim: 'scope' }],
  ])('a login is let in by %s', async (_name, claims, rules) => {
    const { jwt, jwks } = await issue({ claims });
    expect((await decodeWith(jwt, jwks, rules)).response.statusCode).toBe(200);
  });

  test.each<[string, JWTPayload]>([
    ['no such claim', { permissions: undefined }],
    ['another namespace', { permissions: ['other:read'] }],
    ['another right', { permissions: [`${NAMESPACE}:write`] }],
    ['a longer word', { permissions: `${NAMESPACE}:reader x${NAMESPACE}:read` }],
    ['an object', { permissions: { [`${NAMESPACE}:read`]: true } }],
  ])('a true login with %s is refused, decodes nothing, and is audited', async (_name, claims) => {
    const { jwt, jwks } = await issue({ claims });
    const { response, codec, audited } = await decodeWith(jwt, jwks);
    expectProblem(response, 403, 'unauthorized');
    expect(codec.worked).toBe(0);
    expect(audited).toMatchObject([
      { action: 'decode', caller: 'alice@example.com', outcome: 'unauthorized', status: 403 },
    ]);
  });

  test('a login may not encode unless it is allowed to', async () => {
    const { jwt, jwks } = await issue();
    for (const [mayEncode, status] of [
      [false, 403],
      [true, 200],
    ] as const) {
      const { app } = await decodeWith(jwt, jwks, { mayEncode });
      const encode = call('/encode', { payloads: [namedPlain()] }, { authorization: `Bearer ${jwt}` });
      expect((await app.inject(encode)).statusCode).toBe(status);
    }
  });

  test('the static token works beside it', async () => {
    const { jwks } = await issue();
    expect((await decodeWith(TOKEN, jwks)).response.statusCode).toBe(200);
  });

  const past = Math.floor(Date.now() / 1000) - 60;
  test.each<[string, () => Promise<{ jwt: string; jwks: JSONWebKeySet }>]>([
    ['of another issuer', () => issue({ issuer: 'https://evil.example.com/' })],
    ['for another audience', () => issue({ audience: 'other' })],
    ['that has expired', () => issue({ claims: { exp: past } })],
    ['that never expires', () => issue({ expires: false })],
    ['that is not valid yet', () => issue({ claims: { nbf: Math.floor(Date.now() / 1000) + 600 } })],
    ['of an unknown key', () => issue({ kid: 'key-2' })],
    [
      'signed by another key of the same id',
      async () => ({ ...(await issue()), jwks: (await issue()).jwks }),
    ],
    [
      'altered',
      async () => {
        const { jwt, jwks } = await issue();
        const [head, , signature] = jwt.split('.');
        const claims = { iss: issuer, aud: audience, exp: 4_000_000_000, admin: true };
        const body = Buffer.from(JSON.stringify(claims)).toString('base64url');
        return { jwt: `${head}.${body}.${signature}`, jwks };
      },
    ],
    [
      'that is not signed (alg none)',
      async () => {
        const { jwks } = await issue();
        const unsigned = new UnsecuredJWT({}).setIssuer(issuer).setAudience(audience).setExpirationTime('5m');
        return { jwt: unsigned.encode(), jwks };
      },
    ],
    [
      "signed by HMAC with the issuer's public key",
      async () => {
        const { jwks } = await issue();
        const secret = new TextEncoder().encode(JSON.stringify(jwks.keys[0]));
        const jwt = await new SignJWT({ exp: 4_000_000_000 })
          .setProtectedHeader({ alg: 'HS256', kid: 'key-1' })
          .setIssuer(issuer)
          .setAudience(audience)
          .sign(secret);
        return { jwt, jwks };
      },
    ],
    ['that is no JWT', async () => ({ ...(await issue()), jwt: 'a.b.c' })],
  ])('a login %s is refused', async (_name, make) => {
    const { jwt, jwks } = await make();
    const { response, codec } = await decodeWith(jwt, jwks);
    expectProblem(response, 401, 'unauthorized');
    expect(codec.worked).toBe(0);
  });

  test('keys are fetched from the issuer, once for many requests', async () => {
    const { jwt, jwks } = await issue();
    const server = await startScriptedServer();
    server.script((response) => {
      response.setHeader('content-type', 'application/json').end(JSON.stringify(jwks));
    });
    try {
      const { response, app } = await decodeWith(jwt, new URL('/jwks', server.url));
      expect(response.statusCode).toBe(200);
      const again = call('/decode', { payloads: [] }, { authorization: `Bearer ${jwt}` });
      expect((await app.inject(again)).statusCode).toBe(200);
      expect(server.received).toHaveLength(1);
    } finally {
      await server.close();
    }
  });

  test.each<[string, number, string]>([
    ['an error', 500, 'no'],
    ['no key set', 200, '{"keys":5}'],
    ['no JSON', 200, '<html>'],
  ])('an issuer that answers %s makes 503 and no decode', async (_name, status, body) => {
    const { jwt } = await issue();
    const server = await startScriptedServer();
    server.script((response) => response.writeHead(status).end(body));
    try {
      const { response, codec } = await decodeWith(jwt, new URL('/jwks', server.url));
      expectProblem(response, 503, 'provider_unavailable');
      expect(codec.worked).toBe(0);
    } finally {
      await server.close();
    }
  });

  test('an issuer that is not there makes 503 and no decode', async () => {
    const { jwt } = await issue();
    const { response, codec } = await decodeWith(jwt, new URL('http://127.0.0.1:1/jwks'));
    expectProblem(response, 503, 'provider_unavailable');
    expect(codec.worked).toBe(0);
  });
});
