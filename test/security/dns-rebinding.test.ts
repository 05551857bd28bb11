import { expectProblem } from '../http/support/problem';
import { authorized, closeApps, testApp } from '../http/support/test-app';

afterEach(closeApps);

const hostNames = ['links.example.com'];

test.each([
  'evil.example.com',
  'evil.example.com:3000',
  'localhost.evil.example.com',
  '127.0.0.1.nip.io',
  'u@localhost',
])(
  'a page that points %s at this machine gets nothing from npm start, with the right key too',
  async (host) => {
    const { app, links } = testApp({ hostNames });
    for (const url of ['/v1/links/u', '/openapi.json', '/docs', '/metrics']) {
      expectProblem(await app.inject(authorized({ url, headers: { host } })), 403, 'unauthorized');
    }
    expect(links.calls).toEqual([]);
  },
);

test.each(['localhost:3000', 'LOCALHOST', '127.0.0.1:3000', '[::1]:3000', '10.1.2.3', 'links.example.com'])(
  'npm start answers under %s',
  async (host) => {
    const { app } = testApp({ hostNames });
    expect((await app.inject(authorized({ url: '/v1/links/u', headers: { host } }))).statusCode).toBe(200);
  },
);

test('a server in production, behind any name, answers', async () => {
  const { app } = testApp();
  const host = 'whatever.example.com';
  expect((await app.inject(authorized({ url: '/v1/links/u', headers: { host } }))).statusCode).toBe(200);
});
