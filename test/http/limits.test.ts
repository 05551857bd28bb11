import { setTimeout } from 'node:timers/promises';
import type { InjectOptions } from 'fastify';
import { expectProblem } from './support/problem';
import { authorized, closeApps, signAtomic, testApp } from './support/test-app';

afterEach(closeApps);

const KEYS = [
  { name: 'one', key: 'key-1' },
  { name: 'two', key: 'key-2' },
];
const as = (key: string, remoteAddress = '10.0.0.1'): InjectOptions => ({
  url: '/v1/links/u',
  headers: { authorization: `Bearer ${key}` },
  remoteAddress,
});

test('a key that has used up its limit is refused, from any address, and others are not', async () => {
  const { app, links } = testApp({ apiKeys: () => KEYS, limits: { requestsPerMinutePerKey: 3 } });
  for (let index = 0; index < 3; index += 1) {
    expect((await app.inject(as('key-1', `10.0.0.${index}`))).statusCode).toBe(200);
  }
  const refused = await app.inject(as('key-1', '10.0.0.9'));
  expectProblem(refused, 429, 'too_many_requests');
  expect(Number(refused.headers['retry-after'])).toBeLessThanOrEqual(60);
  expect((await app.inject(as('key-2'))).statusCode).toBe(200);
  expect(links.calls).toHaveLength(4);
});

test('a key is limited over all routes together', async () => {
  const { app } = testApp({ limits: { requestsPerMinutePerKey: 2 } });
  expect((await app.inject(authorized({ url: '/v1/links' }))).statusCode).toBe(200);
  expect((await app.inject(authorized({ method: 'DELETE', url: '/v1/links/u' }))).statusCode).toBe(202);
  expectProblem(await app.inject(authorized({ url: '/v1/links/u' })), 429, 'too_many_requests');
});

test('an address that guesses keys is told to wait, and a valid key passes from there all the same', async () => {
  const { app } = testApp({ apiKeys: () => KEYS, limits: { refusalsPerMinutePerAddress: 3 } });
  for (let index = 0; index < 3; index += 1) {
    expectProblem(await app.inject(as(`guess-${index}`)), 401, 'unauthorized');
  }
  const refused = await app.inject(as('guess-3'));
  expectProblem(refused, 429, 'too_many_requests');
  expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0);
  expect((await app.inject(as('key-1'))).statusCode).toBe(200);
  expectProblem(await app.inject(as('guess-4', '10.0.0.2')), 401, 'unauthorized');
});

test('an address that forges webhooks is told to wait, and a signed one passes from there all the same', async () => {
  const { app } = testApp({ limits: { refusalsPerMinutePerAddress: 2 } });
  const payload = JSON.stringify({
    eventType: 'some-other-event',
    eventTime: new Date(),
    user: { identifier: 'u' },
  });
  const webhook = (signature: string) =>
    app.inject({
      method: 'POST',
      url: '/webhooks/atomic',
      payload,
      headers: { 'content-type': 'application/json', 'x-hmac-signature-sha-256': signature },
    });
  expectProblem(await webhook('00'), 401, 'invalid_signature');
  expectProblem(await webhook('00'), 401, 'invalid_signature');
  expectProblem(await webhook('00'), 429, 'too_many_requests');
  expect((await webhook(signAtomic(payload))).statusCode).toBe(200);
});

test('probes are not limited, and 0 turns a limit off', async () => {
  const { app } = testApp({
    limits: { refusalsPerMinutePerAddress: 0, requestsPerMinutePerKey: 0 },
  });
  for (let index = 0; index < 5; index += 1) {
    expect((await app.inject({ url: '/livez' })).statusCode).toBe(200);
    const from = { remoteAddress: `10.0.1.${index}` };
    expect((await app.inject(authorized({ url: '/v1/links/u', ...from }))).statusCode).toBe(200);
    expectProblem(await app.inject({ url: '/v1/links/u' }), 401, 'unauthorized');
  }
});

test("a proxy's word for the address counts only where the proxy is trusted", async () => {
  const limits = { refusalsPerMinutePerAddress: 1 };
  const behind = (address: string): InjectOptions => ({
    url: '/v1/links/u',
    remoteAddress: '10.0.0.1',
    headers: { 'x-forwarded-for': address },
  });
  const trusting = testApp({ limits, trustProxy: '10.0.0.1' }).app;
  expect((await trusting.inject(behind('1.1.1.1'))).statusCode).toBe(401);
  expect((await trusting.inject(behind('2.2.2.2'))).statusCode).toBe(401);
  expectProblem(await trusting.inject(behind('1.1.1.1')), 429, 'too_many_requests');
  const wary = testApp({ limits }).app;
  expect((await wary.inject(behind('1.1.1.1'))).statusCode).toBe(401);
  expectProblem(await wary.inject(behind('2.2.2.2')), 429, 'too_many_requests');
});

test('under pressure everything but probes is answered 503 at once', async () => {
  const { app, links } = testApp({ limits: { maxHeapUsedBytes: 1 } });
  await app.ready();
  // Memory is sampled once a second.
  while (!app.isUnderPressure()) await setTimeout(20);
  const answers: InjectOptions[] = [
    authorized({ url: '/v1/links/u' }),
    { method: 'POST', url: '/webhooks/atomic', payload: {} },
    { url: '/openapi.json' },
  ];
  for (const options of answers) expectProblem(await app.inject(options), 503, 'overloaded');
  for (const url of ['/livez', '/readyz', '/metrics']) {
    expect((await app.inject({ url })).statusCode).toBe(200);
  }
  expect(links.calls.map(({ method }) => method)).toEqual(['checkReachable']);
});

test('every answer has the headers that browsers heed', async () => {
  const { app } = testApp({ limits: { requestsPerMinutePerKey: 1 } });
  const answers = [
    await app.inject(authorized({ url: '/v1/links/u' })),
    await app.inject(authorized({ url: '/v1/links/u' })),
    await app.inject({ url: '/v1/links/u' }),
    await app.inject({ url: '/nowhere' }),
  ];
  expect(answers.map(({ statusCode }) => statusCode)).toEqual([200, 429, 401, 404]);
  for (const { headers } of answers) {
    expect(headers).toMatchObject({
      'content-security-policy': "default-src 'none';frame-ancestors 'none'",
      'cross-origin-opener-policy': 'same-origin',
      'cross-origin-resource-policy': 'same-origin',
      'referrer-policy': 'no-referrer',
      'x-content-type-options': 'nosniff',
      'x-frame-options': 'SAMEORIGIN',
      'strict-transport-security': expect.stringContaining('max-age='),
      'cache-control': 'no-store',
    });
    expect(headers['x-powered-by']).toBeUndefined();
  }
});

test('an answer to a webhook, which no browser shows, goes without them', async () => {
  const { app } = testApp();
  const { headers, statusCode } = await app.inject({
    method: 'POST',
    url: '/webhooks/atomic',
    payload: '{}',
  });
  expect(statusCode).toBe(401);
  expect(headers).toMatchObject({ 'cache-control': 'no-store' });
  expect(headers).not.toHaveProperty('x-frame-options');
});
