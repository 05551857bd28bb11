import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { createPlaidVerifier, type PlaidVerdict } from '../../src/webhooks/plaid-signature';
import { expectProblem } from './support/problem';
import { linkClientError } from './support/scripted-links';
import { closeApps, type TestApp, testApp } from './support/test-app';

afterEach(closeApps);

const BODY = JSON.stringify({
  webhook_type: 'ITEM',
  webhook_code: 'ERROR',
  item_id: 'item-1',
  error: { error_type: 'ITEM_ERROR', error_code: 'ITEM_LOGIN_REQUIRED' },
  environment: 'sandbox',
});

interface Sent {
  userId?: string;
  body?: string;
  jwt?: string;
  headers?: Record<string, string>;
}

function send({ app }: TestApp, { userId = 'user-0001', body = BODY, jwt = 'jwt', headers }: Sent = {}) {
  return app.inject({
    method: 'POST',
    url: `/webhooks/plaid/${userId}`,
    headers: { 'content-type': 'application/json', 'plaid-verification': jwt, ...headers },
    payload: body,
  });
}

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');

test('a verified webhook becomes a signal to the link of the path', async () => {
  const made = testApp();
  const response = await send(made);
  expect([response.statusCode, response.json()]).toEqual([200, { received: true }]);
  expect(made.links.calls).toEqual([
    {
      method: 'signalPlaidWebhook',
      args: [
        'user-0001',
        { kind: 'sign_in_required', itemId: 'item-1', bodySha256: sha256(BODY) },
        { requestId: response.headers['x-request-id'] },
      ],
    },
  ]);
});

test("a webhook of Plaid's other environment is a 400, whatever it says", async () => {
  for (const type of ['ITEM', 'LINK']) {
    const made = testApp();
    const body = JSON.stringify({ ...JSON.parse(BODY), webhook_type: type, environment: 'production' });
    const { errors } = expectProblem(await send(made, { body }), 400, 'invalid_request');
    expect(errors).toEqual([{ path: 'environment', message: 'is not sandbox' }]);
    expect(made.links.calls).toEqual([]);
  }
});

test('a webhook that names no environment is taken', async () => {
  const made = testApp();
  const { environment: _, ...body } = JSON.parse(BODY);
  expect((await send(made, { body: JSON.stringify(body) })).statusCode).toBe(200);
});

test('the verifier is given the bytes and the header as they came', async () => {
  const seen: unknown[] = [];
  const made = testApp({
    verifyPlaidWebhook: async (rawBody, jwt) => {
      seen.push(Buffer.from(rawBody).toString(), jwt);
      return { ok: true };
    },
  });
  const body = `${JSON.stringify(JSON.parse(BODY), null, 2)}\n`;
  await send(made, { body, jwt: 'a.b.c' });
  expect(seen).toEqual([body, 'a.b.c']);
});

test('signed with a key of Plaid’s it passes, and altered it does not', async () => {
  const { publicKey, privateKey } = await generateKeyPair('ES256', { extractable: true });
  const { x = '', y = '' } = await exportJWK(publicKey);
  const kid = 'b244370c-6a48-4ac9-a5dc-343563a870b1';
  const jwk = {
    kid,
    x,
    y,
    alg: 'ES256',
    crv: 'P-256',
    kty: 'EC',
    use: 'sig',
    created_at: 1,
    expired_at: null,
  };
  const verifyPlaidWebhook = createPlaidVerifier({
    fetchKey: async (id) => (id === kid ? { kind: 'found', key: jwk } : { kind: 'unknown' }),
  });
  const made = testApp({ verifyPlaidWebhook });
  made.links.script({ hasOpenLink: async () => true });
  const jwt = await new SignJWT({ request_body_sha256: sha256(BODY) })
    .setProtectedHeader({ alg: 'ES256', kid })
    .setIssuedAt()
    .sign(privateKey);
  expect((await send(made, { jwt })).statusCode).toBe(200);
  expectProblem(await send(made, { jwt, body: `${BODY} ` }), 401, 'invalid_signature');
  expectProblem(await send(made, { jwt: `${jwt.slice(0, -4)}AAAA` }), 401, 'invalid_signature');
  expectProblem(await send(made, { jwt: '' }), 401, 'invalid_signature');
  expect(made.links.callsOf('signalPlaidWebhook')).toHaveLength(1);
  expect(made.links.callsOf('hasOpenLink')).toHaveLength(1);
});

test.each<[PlaidVerdict, number, 'invalid_signature' | 'provider_unavailable']>([
  [{ ok: false, reason: 'wrong_signature' }, 401, 'invalid_signature'],
  [{ ok: false, reason: 'too_old' }, 401, 'invalid_signature'],
  [{ ok: false, reason: 'expired_key' }, 401, 'invalid_signature'],
  [{ ok: false, reason: 'too_many_lookups', unavailable: true }, 503, 'provider_unavailable'],
  [{ ok: false, reason: 'no_open_link', unavailable: true }, 503, 'provider_unavailable'],
  [{ ok: false, reason: 'key_unavailable', unavailable: true }, 503, 'provider_unavailable'],
])('the verdict %j is answered %d', async (verdict, status, code) => {
  const made = testApp({ verifyPlaidWebhook: async () => verdict });
  const response = await send(made);
  expectProblem(response, status, code);
  if (status === 503) expect(Number(response.headers['retry-after'])).toBeGreaterThan(0);
  expect(made.links.calls).toEqual([]);
  const reason = 'reason' in verdict ? verdict.reason : '';
  expect(await made.metrics.metrics()).toContain(
    `processor_link_webhooks_total{provider="plaid",outcome="${reason}"} 1`,
  );
});

test('every webhook of the fixtures is answered 200, whether it asks for something or not', async () => {
  const folder = path.join(__dirname, '..', 'fixtures', 'plaid', 'webhooks');
  const names = readdirSync(folder);
  expect(names.length).toBeGreaterThan(10);
  for (const name of names) {
    const made = testApp();
    const fixture = JSON.parse(readFileSync(path.join(folder, name), 'utf8')) as { body?: object };
    const response = await send(made, { body: JSON.stringify(fixture.body ?? fixture) });
    expect([name, response.statusCode]).toEqual([name, 200]);
  }
});

test('an event that asks nothing of a link does nothing', async () => {
  const made = testApp();
  const body = JSON.stringify({ webhook_type: 'AUTH', webhook_code: 'AUTOMATICALLY_VERIFIED', item_id: 'i' });
  expect((await send(made, { body })).statusCode).toBe(200);
  expect(made.links.calls).toEqual([]);
});

test('a user without an open link is answered 200', async () => {
  const made = testApp();
  made.links.script({ signalPlaidWebhook: async () => 'no_open_link' });
  expect((await send(made)).statusCode).toBe(200);
});

test('while Temporal cannot take it the answer is 503', async () => {
  const made = testApp();
  made.links.failWith(() => linkClientError('temporal_unavailable'));
  expectProblem(await send(made), 503, 'temporal_unavailable');
});

test.each<[string, Sent]>([
  ['no JSON', { body: 'x' }],
  ['an empty body', { body: '' }],
  ['a list', { body: '[]' }],
  ['no webhook_type', { body: JSON.stringify({ webhook_code: 'ERROR' }) }],
  ['an error without its code', { body: BODY.replace('error_code', 'code') }],
  ['an Item without its id', { body: BODY.replace('item_id', 'item') }],
  ['a poisoned body', { body: BODY.replace('"environment"', '"__proto__"') }],
  ['a malformed user id', { userId: 'a%20b' }],
  ['a user id too long', { userId: 'a'.repeat(5000) }],
  ['no user id', { userId: '' }],
])('a verified webhook with %s is refused as 400', async (_name, sent) => {
  const made = testApp();
  const { errors } = expectProblem(await send(made, sent), 400, 'invalid_request');
  expect(errors?.length).toBeGreaterThan(0);
  expect(made.links.calls).toEqual([]);
});

test('checks come in the order size, type, signature, content', async () => {
  const made = testApp({
    limits: { webhookBodyBytes: 1000 },
    verifyPlaidWebhook: async () => ({ ok: false, reason: 'wrong_signature' }),
  });
  const text = { 'content-type': 'text/plain' };
  const userId = 'a%20b';
  const large = { userId, headers: text, body: 'x'.repeat(1001) };
  expectProblem(await send(made, large), 413, 'payload_too_large');
  expectProblem(await send(made, { userId, headers: text, body: 'x' }), 415, 'unsupported_media_type');
  expectProblem(await send(made, { userId, body: 'x' }), 401, 'invalid_signature');
});
