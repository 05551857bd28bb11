import type { InjectOptions } from 'fastify';
import { z } from 'zod';
import { API_SCOPES, type ApiScope } from '../../src/contract/scopes';
import { expectProblem } from './support/problem';
import { closeApps, testApp } from './support/test-app';

afterEach(closeApps);

const documentSchema = z.object({
  paths: z.record(
    z.string(),
    z.record(z.string(), z.looseObject({ security: z.array(z.record(z.string(), z.array(z.string()))) })),
  ),
});

/** Every route under /v1, with the scope that the OpenAPI document names. */
async function routes(): Promise<{ options: InjectOptions; scope: string }[]> {
  const { app } = testApp();
  const { paths } = documentSchema.parse((await app.inject('/openapi.json')).json());
  return Object.entries(paths)
    .filter(([path]) => path.startsWith('/v1/'))
    .flatMap(([path, operations]) =>
      Object.entries(operations).map(([method, { security }]) => ({
        options: {
          method: method.toUpperCase() as 'GET',
          url: path.replace('{userId}', 'user-0001').replace('{job}', 'recurrence-detection'),
        },
        scope: security[0]?.apiKey?.[0] ?? '',
      })),
    );
}

const keyOf = (scope: ApiScope) => `key-of-${scope}`;

function appWithKeys() {
  return testApp({
    apiKeys: () => API_SCOPES.map((scope) => ({ name: scope, key: keyOf(scope), scopes: [scope] })),
  });
}

test('a key is good for the routes of its scope, and 403 for every other', async () => {
  const all = await routes();
  expect(all.length).toBeGreaterThan(8);
  const { app, links } = appWithKeys();
  for (const { options, scope } of all) {
    for (const other of API_SCOPES) {
      links.calls.length = 0;
      const response = await app.inject({ ...options, headers: { authorization: `Bearer ${keyOf(other)}` } });
      if (other === scope) {
        expect([options.url, response.statusCode]).not.toEqual([options.url, 403]);
      } else {
        expectProblem(response, 403, 'forbidden');
        expect(links.calls).toEqual([]);
      }
    }
  }
});

test.each<[ApiScope, string, string]>([
  ['read', 'GET', '/v1/links/user-0001'],
  ['read', 'GET', '/v1/links'],
  ['results', 'GET', '/v1/links/user-0001/jobs/recurrence-detection'],
  ['link', 'POST', '/v1/links'],
  ['link', 'POST', '/v1/link-tokens'],
  ['link', 'POST', '/v1/links/user-0001/jobs'],
  ['link', 'POST', '/v1/links/user-0001/account'],
  ['link', 'POST', '/v1/links/user-0001/repaired'],
  ['link', 'DELETE', '/v1/links/user-0001'],
  ['erase', 'DELETE', '/v1/users/user-0001'],
])('%s is for %s %s', async (scope, method, url) => {
  const found = (await routes()).find(({ options }) => options.method === method && options.url === url);
  expect(found?.scope).toBe(scope);
});

test('a key without scopes is good for everything, and the log names who was refused', async () => {
  const { app, logLines } = testApp({
    apiKeys: () => [
      { name: 'all', key: 'key-of-all' },
      { name: 'none', key: 'key-of-none', scopes: [] },
    ],
  });
  const statusOf = async (key: string) =>
    (await app.inject({ url: '/v1/links/u', headers: { authorization: `Bearer ${key}` } })).statusCode;
  expect([await statusOf('key-of-all'), await statusOf('key-of-none')]).toEqual([200, 403]);
  expect(logLines.map(({ caller }) => caller)).toEqual(['all', 'none']);
});
