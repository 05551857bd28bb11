import { randomUUID } from 'node:crypto';
import { ProviderError } from '../../src/providers/provider-error';
import { expectProblem } from './support/problem';
import { linkClientError } from './support/scripted-links';
import { API_KEY, ATOMIC_SECRET, authorized, closeApps, signAtomic, testApp } from './support/test-app';

afterEach(closeApps);

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

test.each(['a', 'req-1.2:3_4', 'x'.repeat(64), randomUUID()])(
  'the request id %s goes through',
  async (id) => {
    const { app, links, logLines } = testApp();
    const response = await app.inject(authorized({ url: '/v1/links/u', headers: { 'x-request-id': id } }));
    expect(response.headers['x-request-id']).toBe(id);
    expect(links.callsOf('get')[0]?.[1]).toEqual({ requestId: id });
    expect(logLines.map(({ requestId }) => requestId)).toEqual([id]);
  },
);

test.each(['', ' ', 'a b', '-a', 'x'.repeat(65), 'a\tb', '"a"', '<script>', 'a,b', 'é'])(
  'the request id %j is replaced',
  async (id) => {
    const { app, logLines } = testApp();
    const response = await app.inject(authorized({ url: '/v1/links/u', headers: { 'x-request-id': id } }));
    expect(response.headers['x-request-id']).toMatch(UUID);
    expect(logLines[0]?.requestId).toBe(response.headers['x-request-id']);
  },
);

test.each([
  'access-sandbox-8ab976e6-64bc-4b38-98f7-731e7a349970',
  'public-production-8ab976e6-64bc-4b38-98f7-731e7a349970',
  'req.processor-sandbox-0asd1-a92nc',
  'eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl',
  'sealed:v1:k1:abcdef',
  'whsec_MfKQ9r8GKYqrTwjU',
  'sk_live_4eC39HqLyjWDarjtT1zdp7dc',
])('the token %s in place of a request id is not taken over, logged or answered', async (token) => {
  const { app, links, logText } = testApp();
  const response = await app.inject(authorized({ url: '/v1/links/u', headers: { 'x-request-id': token } }));
  expect(response.headers['x-request-id']).toMatch(UUID);
  expect(JSON.stringify(links.calls)).not.toContain(token);
  expect(logText()).not.toContain(token);
});

test.each(['/nowhere', '/v1/links/%', '/v1/links'])('%s has a request id on its refusal too', async (url) => {
  const { app } = testApp();
  const response = await app.inject({ url, headers: { 'x-request-id': 'mine' } });
  expect(response.headers['x-request-id']).toBe('mine');
});

test('a request leaves one line of known fields, with the route in place of the path', async () => {
  const { app, logLines } = testApp();
  await app.inject(authorized({ url: '/v1/links/user-0001' }));
  expect(logLines).toEqual([
    {
      level: 30,
      time: expect.any(Number),
      pid: expect.any(Number),
      hostname: expect.any(String),
      requestId: expect.stringMatching(UUID),
      method: 'GET',
      route: '/v1/links/:userId',
      caller: 'backend',
      status: 200,
      durationMs: expect.any(Number),
      msg: 'request',
    },
  ]);
});

test('probes are logged at debug alone', async () => {
  const { app, logLines } = testApp();
  for (const url of ['/livez', '/readyz', '/metrics']) await app.inject({ url });
  expect(logLines.map(({ level, route }) => [level, route])).toEqual([
    [20, '/livez'],
    [20, '/readyz'],
    [20, '/metrics'],
  ]);
});

test('nothing that was sent or answered is in the log', async () => {
  const { app, links, logText } = testApp();
  const headers = {
    authorization: `Bearer ${API_KEY}`,
    cookie: 'c=SECRET-cookie',
    'x-other': 'SECRET-header',
  };
  const body = { userId: 'u', publicToken: 'public-sandbox-SECRET', jobs: ['recurrence-detection'] };
  links.script({
    waitForJob: async (_user, job) => ({ job, state: 'completed', result: ['SECRET-result'] }),
  });
  const post = { method: 'POST', headers } as const;
  await app.inject({ ...post, url: '/v1/links?q=SECRET-query', payload: body });
  await app.inject({ ...post, url: '/v1/links', payload: body });
  await app.inject({ ...post, url: '/v1/links', payload: { ...body, 'SECRET-field': 'SECRET-value' } });
  await app.inject({
    ...post,
    url: '/v1/links',
    headers: { ...headers, 'content-type': 'application/json' },
    payload: '{"a": SECRET-broken',
  });
  await app.inject({ ...post, url: '/v1/link-tokens', payload: { userId: 'u' } });
  await app.inject({ url: '/SECRET-path', headers });
  await app.inject({ url: '/v1/links/%SECRET', headers });
  await app.inject({ url: '/v1/links/u', headers: { authorization: 'Bearer SECRET-key' } });
  await app.inject({ url: '/v1/links/u/jobs/recurrence-detection', headers });
  const webhook = JSON.stringify({ eventType: 'x', note: 'SECRET-webhook' });
  await app.inject({
    method: 'POST',
    url: '/webhooks/atomic',
    headers: { 'content-type': 'application/json', 'x-hmac-signature-sha-256': signAtomic(webhook) },
    payload: webhook,
  });
  expect(logText()).toContain('"route":"/v1/links"');
  for (const secret of ['SECRET', API_KEY, ATOMIC_SECRET, 'link-sandbox']) {
    expect(logText()).not.toContain(secret);
  }
});

test('a failure is logged by name, code and causes, without the words and fields of an error that is not ours', async () => {
  const { app, links, logLines, logText } = testApp();
  const cause = Object.assign(new Error('Request failed with status code 400'), {
    code: 'ERR_BAD_REQUEST',
    config: { headers: { 'PLAID-SECRET': 'SECRET' } },
    response: { data: 'SECRET' },
  });
  links.failWith(() => new Error('could not start', { cause }));
  expectProblem(await app.inject(authorized({ url: '/v1/links/u' })), 500, 'internal_error');
  expect(logLines[0]).toMatchObject({
    level: 50,
    msg: 'request failed',
    route: '/v1/links/:userId',
    problem: 'internal_error',
    error: {
      name: 'Error',
      stack: expect.any(String),
      cause: {
        name: 'Error',
        code: 'ERR_BAD_REQUEST',
        stack: expect.any(String),
      },
    },
  });
  expect(logText()).not.toContain('SECRET');
});

test("a provider's failure keeps the provider's request id in the log", async () => {
  const { app, logText } = testApp({
    createLinkToken: async () => {
      throw new ProviderError({
        provider: 'plaid',
        operation: 'POST /link/token/create',
        failureClass: 'transient',
        code: 'INTERNAL_SERVER_ERROR',
        requestId: 'aBcDeFgHiJkLmNo',
        ambiguous: false,
      });
    },
  });
  const post = { method: 'POST', url: '/v1/link-tokens', payload: { userId: 'u' } } as const;
  expectProblem(await app.inject(authorized(post)), 503, 'provider_unavailable');
  expect(logText()).toContain('aBcDeFgHiJkLmNo');
});

test("the caller's own mistakes are no warnings", async () => {
  const { app, links, logLines } = testApp();
  links.failWith(() => linkClientError('link_not_found'));
  await app.inject(authorized({ url: '/v1/links/u' }));
  expect(logLines.map(({ level }) => level)).toEqual([30]);
});
