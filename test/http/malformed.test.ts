import type { InjectOptions } from 'fastify';
import { expectProblem } from './support/problem';
import { authorized, closeApps, testApp } from './support/test-app';

afterEach(closeApps);

const USER_IDS = [
  'a'.repeat(129),
  'a'.repeat(101 * 100),
  '-leading',
  '%20',
  'a%20b',
  'a%2Fb',
  '..%2F..%2Fetc',
  '%00',
  'a%0A',
  'é',
  '%F0%9F%98%80',
  'a;b',
  'a,b',
  "a'--",
  'a%22b',
  '__proto__',
  '%25',
  '*',
  '~',
];
const USER_ROUTES: [InjectOptions['method'], string, object | undefined][] = [
  ['GET', '/v1/links/{id}', undefined],
  ['DELETE', '/v1/links/{id}', undefined],
  ['POST', '/v1/links/{id}/repaired', undefined],
  ['POST', '/v1/links/{id}/jobs', { job: 'recurrence-detection' }],
  ['GET', '/v1/links/{id}/jobs/recurrence-detection', undefined],
];

test.each(USER_ROUTES)('%s %s refuses every malformed user id as 400', async (method, url, payload) => {
  const { app, links } = testApp();
  for (const id of USER_IDS) {
    const response = await app.inject(
      authorized({ ...(method && { method }), url: url.replace('{id}', id), ...(payload && { payload }) }),
    );
    expect(expectProblem(response, 400, 'invalid_request').errors).toMatchObject([{ path: 'userId' }]);
  }
  expect(links.calls).toEqual([]);
});

test.each(['%', '%E0%A4%A', '%zz', '%C3'])('a path that is not well encoded (%s) is 400', async (id) => {
  const { app } = testApp();
  const response = await app.inject(authorized({ url: `/v1/links/${id}` }));
  expectProblem(response, 400, 'invalid_request');
  expect(response.headers['x-request-id']).toMatch(/./);
});

const QUERIES = [
  'waitSeconds=61',
  'waitSeconds=-1',
  'waitSeconds=1.5',
  'waitSeconds=1e1',
  'waitSeconds=0x10',
  'waitSeconds=%2010',
  'waitSeconds=+5',
  'waitSeconds=010',
  'waitSeconds=',
  'waitSeconds',
  'waitSeconds=NaN',
  'waitSeconds=Infinity',
  'waitSeconds=99999999999999999999',
  'waitSeconds=1&waitSeconds=2',
  'waitSeconds[]=1',
  'waitseconds=1',
  '__proto__=1',
  'constructor=1',
  'toString=1',
  'other=1',
];

test.each(QUERIES)('the query %s is refused as 400', async (query) => {
  const { app, links } = testApp();
  for (const options of [
    { url: `/v1/links/u/jobs/recurrence-detection?${query}` },
    { method: 'DELETE', url: `/v1/links/u?${query}` },
  ] as const) {
    const response = await app.inject(authorized(options));
    const { errors } = expectProblem(response, 400, 'invalid_request');
    expect(errors?.[0]?.path).toMatch(/./);
  }
  expect(links.calls).toEqual([]);
});

const LISTINGS = [
  'pageSize=0',
  'pageSize=201',
  'pageSize=-5',
  'pageSize=ten',
  'pageSize=5&pageSize=6',
  'state=open',
  "state=linked'%20OR%201=1",
  'state=',
  'state=linked&state=failed',
  'job=other',
  'job=',
  'pageToken=',
  `pageToken=${'x'.repeat(8193)}`,
  'userId=u',
  'limit=5',
];

test.each(LISTINGS)('the listing %s is refused as 400', async (query) => {
  const { app, links } = testApp();
  expectProblem(await app.inject(authorized({ url: `/v1/links?${query}` })), 400, 'invalid_request');
  expect(links.calls).toEqual([]);
});

const START = { userId: 'u', publicToken: 'public-sandbox-1', jobs: ['recurrence-detection'] };
const BODIES: [string, unknown, string?][] = [
  ['a list', []],
  ['a string', 'text'],
  ['null', null],
  ['a number', 5],
  ['an empty object', {}],
  ['no token', { ...START, publicToken: undefined }, 'publicToken'],
  ['both tokens', { ...START, accessToken: 'access-sandbox-1' }, 'publicToken'],
  ['a token of another kind', { ...START, publicToken: 'access-sandbox-1' }, 'publicToken'],
  ['a token of an unknown environment', { ...START, publicToken: 'public-development-1' }, 'publicToken'],
  ['a token with a blank', { ...START, publicToken: 'public-sandbox-1 ' }, 'publicToken'],
  ['a token too long', { ...START, publicToken: `public-sandbox-${'1'.repeat(201)}` }, 'publicToken'],
  ['a token that is a list', { ...START, publicToken: ['public-sandbox-1'] }, 'publicToken'],
  ['a null token', { ...START, publicToken: null }, 'publicToken'],
  ['no jobs', { ...START, jobs: undefined }, 'jobs'],
  ['an empty list of jobs', { ...START, jobs: [] }, 'jobs'],
  ['a job twice', { ...START, jobs: ['recurrence-detection', 'recurrence-detection'] }, 'jobs'],
  ['three jobs', { ...START, jobs: ['recurrence-detection', 'employer-classification', 'x'] }, 'jobs'],
  ['an unknown job', { ...START, jobs: ['other'] }, 'jobs.0'],
  ['jobs as a string', { ...START, jobs: 'recurrence-detection' }, 'jobs'],
  ['a malformed user id', { ...START, userId: 'a b' }, 'userId'],
  ['a user id that is a number', { ...START, userId: 7 }, 'userId'],
  ['a malformed account id', { ...START, accountId: '../x' }, 'accountId'],
  ['an unknown field', { ...START, note: 'x' }, 'note'],
  ['a field of another case', { ...START, accountid: 'x' }, 'accountid'],
];

test.each(BODIES)('a link request that is %s is refused as 400', async (_name, body, path = 'body') => {
  const { app, links } = testApp();
  const response = await app.inject(
    authorized({
      method: 'POST',
      url: '/v1/links',
      headers: { 'content-type': 'application/json' },
      payload: JSON.stringify(body),
    }),
  );
  const { errors } = expectProblem(response, 400, 'invalid_request');
  expect(errors?.map((error) => error.path)).toContain(
    path === 'body' && body !== null && typeof body === 'object' && !Array.isArray(body) ? 'userId' : path,
  );
  expect(links.calls).toEqual([]);
});

test('a token is not repeated in the refusal', async () => {
  const { app, logText } = testApp();
  const payload = { ...START, publicToken: 'public-sandbox-SECRET_1', accountId: 'SECRET 2' };
  const response = await app.inject(authorized({ method: 'POST', url: '/v1/links', payload }));
  expectProblem(response, 400, 'invalid_request');
  expect(response.body + logText()).not.toContain('SECRET');
});

test('a body with a thousand unknown fields is answered with a short list', async () => {
  const { app } = testApp();
  const fields = Object.fromEntries(Array.from({ length: 1000 }, (_, index) => [`f${index}`, 1]));
  const response = await app.inject(
    authorized({ method: 'POST', url: '/v1/links', payload: { ...START, ...fields } }),
  );
  expect(expectProblem(response, 400, 'invalid_request').errors).toHaveLength(20);
});

const JSON_TEXTS = [
  '',
  ' ',
  '{',
  '{"userId":"u"',
  "{'userId':'u'}",
  '{"userId":"u",}',
  'undefined',
  'NaN',
  '{"a":1}{"b":2}',
  '\u0000',
  '{"__proto__":{"admin":true}}',
  '{"userId":"u","jobs":["recurrence-detection"],"publicToken":"public-sandbox-1","__proto__":{"x":1}}',
  '{"constructor":{"prototype":{"admin":true}}}',
  '{"\\u005f_proto__":{"admin":true}}',
  '{"jobs":[{"__proto__":{"admin":true}}]}',
  `${'['.repeat(8000)}`,
  `${'['.repeat(4000)}${']'.repeat(4000)}`,
  '\u{feff}\u{feff}{}',
];

test.each(JSON_TEXTS)('the body %j is refused as 400', async (payload) => {
  const { app, links } = testApp();
  for (const url of ['/v1/links', '/v1/link-tokens', '/v1/links/u/jobs']) {
    const response = await app.inject(
      authorized({ method: 'POST', url, headers: { 'content-type': 'application/json' }, payload }),
    );
    expectProblem(response, 400, 'invalid_request');
  }
  expect(links.calls).toEqual([]);
  expect(Object.hasOwn(Object.prototype, 'admin')).toBe(false);
});

const CONTENT_TYPES = [
  'text/plain',
  'text/json',
  'application/x-www-form-urlencoded',
  'multipart/form-data; boundary=x',
  'application/xml',
  'application/jsonp',
  'application/problem+json',
  'application/octet-stream',
  'json',
  ';;',
  '*/*',
];

test.each(CONTENT_TYPES)('the content type %s is refused as 415', async (type) => {
  const { app, links } = testApp();
  for (const url of ['/v1/links', '/v1/link-tokens', '/v1/links/u/jobs', '/v1/links/u/repaired']) {
    const options = { method: 'POST', url, headers: { 'content-type': type } } as const;
    const response = await app.inject(authorized({ ...options, payload: JSON.stringify(START) }));
    expectProblem(response, 415, 'unsupported_media_type');
  }
  expect(links.calls).toEqual([]);
});

test('a body without a content type is refused as 415', async () => {
  const { app } = testApp();
  const payload = Buffer.from(JSON.stringify(START));
  expectProblem(
    await app.inject(authorized({ method: 'POST', url: '/v1/links', payload })),
    415,
    'unsupported_media_type',
  );
});

test.each(['application/json; charset=utf-8', 'APPLICATION/JSON', 'application/json;charset="utf-8"'])(
  'the content type %s is taken',
  async (type) => {
    const { app } = testApp();
    const response = await app.inject(
      authorized({
        method: 'POST',
        url: '/v1/links',
        headers: { 'content-type': type },
        payload: JSON.stringify(START),
      }),
    );
    expect(response.statusCode).toBe(202);
  },
);

test('a body over the limit is refused as 413, and one at the limit is read', async () => {
  const { app } = testApp({ limits: { apiBodyBytes: 200 } });
  const bodyOf = (bytes: number) => JSON.stringify(START).padEnd(bytes, ' ');
  const send = (payload: string) =>
    app.inject(
      authorized({
        method: 'POST',
        url: '/v1/links',
        headers: { 'content-type': 'application/json' },
        payload,
      }),
    );
  expect((await send(bodyOf(200))).statusCode).toBe(202);
  expectProblem(await send(bodyOf(201)), 413, 'payload_too_large');
});

describe('paths and methods that are not there', () => {
  test.each(['/', '/v1', '/v2/links', '/v1/links/u/other', '/v1//links', '/webhooks', '/openapi.yaml'])(
    '%s is 404',
    async (url) => {
      const { app } = testApp();
      expectProblem(await app.inject(authorized({ url })), 404, 'not_found');
    },
  );

  test.each([
    ['PUT', '/v1/links/u', 'DELETE, GET, HEAD, OPTIONS'],
    ['PATCH', '/v1/links', 'GET, HEAD, OPTIONS, POST'],
    ['GET', '/v1/link-tokens', 'OPTIONS, POST'],
    ['HEAD', '/v1/links/u/repaired', 'OPTIONS, POST'],
    ['GET', '/webhooks/atomic', 'OPTIONS, POST'],
    ['POST', '/livez', 'GET, HEAD, OPTIONS'],
  ] as const)('%s %s is 405 with Allow', async (method, url, allow) => {
    const { app } = testApp();
    const response = await app.inject({ method, url });
    expect(response.headers.allow).toBe(allow);
    if (method === 'HEAD') expect(response.statusCode).toBe(405);
    else expectProblem(response, 405, 'method_not_allowed');
  });

  test('OPTIONS tells the methods of a path', async () => {
    const { app } = testApp();
    const response = await app.inject({ method: 'OPTIONS', url: '/v1/links' });
    expect([response.statusCode, response.headers.allow]).toEqual([204, 'GET, HEAD, OPTIONS, POST']);
  });

  test('HEAD answers what GET would, without a body', async () => {
    const { app } = testApp();
    const response = await app.inject(authorized({ method: 'HEAD', url: '/v1/links/u' }));
    expect([response.statusCode, response.body]).toEqual([200, '']);
  });
});
