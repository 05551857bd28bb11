import type { ApiKey } from '../../src/http/api/deps';
import { expectProblem } from './support/problem';
import { API_KEY, closeApps, testApp } from './support/test-app';

afterEach(closeApps);

const ROUTES = [
  ['POST', '/v1/link-tokens'],
  ['POST', '/v1/links'],
  ['GET', '/v1/links'],
  ['GET', '/v1/links/u'],
  ['DELETE', '/v1/links/u'],
  ['POST', '/v1/links/u/jobs'],
  ['GET', '/v1/links/u/jobs/recurrence-detection'],
  ['POST', '/v1/links/u/repaired'],
] as const;

test.each(ROUTES)('%s %s needs a key, and says so before it looks at the request', async (method, url) => {
  const { app, links } = testApp();
  const response = await app.inject({
    method,
    url: `${url}?unknown=1`,
    headers: { 'content-type': 'text/plain' },
    ...(method === 'POST' && { payload: 'x'.repeat(100_000) }),
  });
  expectProblem(response, 401, 'unauthorized');
  expect(response.headers['www-authenticate']).toBe('Bearer realm="processor-link"');
  expect(links.calls).toEqual([]);
});

test.each([
  undefined,
  '',
  'Bearer',
  'Bearer ',
  `Basic ${Buffer.from(`user:${API_KEY}`).toString('base64')}`,
  API_KEY,
  `Bearer ${API_KEY}x`,
  `Bearer x${API_KEY}`,
  `Bearer ${API_KEY.slice(0, -1)}`,
  `Bearer ${API_KEY.toUpperCase()}`,
  `Bearer ${API_KEY} ${API_KEY}`,
  `Bearer ${API_KEY}, Bearer ${API_KEY}`,
  `Bearer\t${API_KEY}`,
  `Bearer: ${API_KEY}`,
  `Token ${API_KEY}`,
  `Bearer ${'x'.repeat(9000)}`,
  'Bearer é',
])('the authorization %p is refused', async (authorization) => {
  const { app, links } = testApp();
  const headers = authorization === undefined ? {} : { authorization };
  expectProblem(await app.inject({ url: '/v1/links/u', headers }), 401, 'unauthorized');
  expect(links.calls).toEqual([]);
});

test('the scheme is taken in any case, as RFC 9110 has it', async () => {
  const { app } = testApp();
  const response = await app.inject({
    url: '/v1/links/u',
    headers: { authorization: `bearer ${API_KEY}` },
  });
  expect(response.statusCode).toBe(200);
});

test('no key is not in a query or in another header', async () => {
  const { app } = testApp();
  expectProblem(await app.inject({ url: `/v1/links/u?api_key=${API_KEY}` }), 401, 'unauthorized');
  const headers = { 'x-api-key': API_KEY };
  expectProblem(await app.inject({ url: '/v1/links/u', headers }), 401, 'unauthorized');
});

test('an empty list of keys lets nobody in, and an empty key is no key', async () => {
  let apiKeys: ApiKey[] = [];
  const { app } = testApp({ apiKeys: () => apiKeys });
  const authorization = `Bearer ${API_KEY}`;
  expectProblem(await app.inject({ url: '/v1/links/u', headers: { authorization } }), 401, 'unauthorized');
  apiKeys = [{ name: 'empty', key: '' }];
  for (const header of ['Bearer ', 'Bearer', '']) {
    const response = await app.inject({ url: '/v1/links/u', headers: { authorization: header } });
    expectProblem(response, 401, 'unauthorized');
  }
});

test('keys can be rotated while the server runs', async () => {
  let apiKeys: ApiKey[] = [{ name: 'old', key: 'key-1' }];
  const { app, logLines } = testApp({ apiKeys: () => apiKeys });
  const statusWith = async (key: string) =>
    (await app.inject({ url: '/v1/links/u', headers: { authorization: `Bearer ${key}` } })).statusCode;

  expect([await statusWith('key-1'), await statusWith('key-2')]).toEqual([200, 401]);
  apiKeys = [...apiKeys, { name: 'new', key: 'key-2' }];
  expect([await statusWith('key-1'), await statusWith('key-2')]).toEqual([200, 200]);
  apiKeys = [{ name: 'new', key: 'key-2' }];
  expect([await statusWith('key-1'), await statusWith('key-2')]).toEqual([401, 200]);
  expect(logLines.map(({ caller }) => caller)).toEqual(['old', undefined, 'old', 'new', undefined, 'new']);
});

test.each(['/livez', '/readyz', '/metrics', '/openapi.json', '/docs', '/docs/swagger-ui.css'])(
  '%s needs no key',
  async (url) => {
    const { app } = testApp();
    expect((await app.inject({ url })).statusCode).toBe(200);
  },
);
