import { expectProblem } from './support/problem';
import { linkClientError } from './support/scripted-links';
import { authorized, closeApps, testApp } from './support/test-app';

afterEach(closeApps);

const post = (payload: object) => authorized({ method: 'POST', url: '/v1/link-tokens', payload });

test('answers a Link token whose webhooks come back to this service', async () => {
  const requests: unknown[] = [];
  const { app } = testApp({
    publicUrl: 'https://links.example.com/base/',
    createLinkToken: async (...args) => {
      requests.push(args);
      return { linkToken: 'link-sandbox-new', expiration: '2030-01-01T04:00:00Z' };
    },
  });
  const response = await app.inject(post({ userId: 'a:b' }));
  expect(response.statusCode).toBe(200);
  expect(response.json()).toEqual({ linkToken: 'link-sandbox-new', expiration: '2030-01-01T04:00:00Z' });
  expect(requests).toEqual([
    [
      { userId: 'a:b', webhookUrl: 'https://links.example.com/base/webhooks/plaid/a:b' },
      { requestId: response.headers['x-request-id'] },
    ],
  ]);
});

test('with mode update it asks the link for a token of update mode', async () => {
  const { app, links } = testApp({
    createLinkToken: () => Promise.reject(new Error('not for update mode')),
  });
  const response = await app.inject(post({ userId: 'user-0001', mode: 'update' }));
  expect(response.statusCode).toBe(200);
  expect(response.json()).toMatchObject({ linkToken: 'link-sandbox-update' });
  expect(links.callsOf('createRepairLinkToken')[0]?.[0]).toBe('user-0001');
});

test('hands on where the user comes back to and in which language', async () => {
  const requests: unknown[] = [];
  const { app, links } = testApp({
    createLinkToken: async (request) => {
      requests.push(request);
      return { linkToken: 'link-sandbox-new', expiration: '2030-01-01T04:00:00Z' };
    },
  });
  const appearance = { redirectUri: 'https://app.example.com/oauth', language: 'es' };
  await app.inject(post({ userId: 'user-0001', ...appearance }));
  expect(requests).toMatchObject([{ userId: 'user-0001', ...appearance }]);
  await app.inject(post({ userId: 'user-0001', mode: 'update', ...appearance }));
  expect(links.callsOf('createRepairLinkToken')).toMatchObject([['user-0001', appearance]]);
});

test.each<[string, object]>([
  ['redirectUri', { redirectUri: 'app://oauth' }],
  ['redirectUri', { redirectUri: 'not a url' }],
  ['language', { language: 'EN' }],
  ['language', { language: 'aa' }],
  ['language', { language: 'english' }],
])('answers 400 to a wrong %s', async (path, fields) => {
  const { app } = testApp();
  const response = await app.inject(post({ userId: 'user-0001', ...fields }));
  expect(expectProblem(response, 400, 'invalid_request').errors).toMatchObject([{ path }]);
});

test('answers 409 already_linked while a link is open, without asking Plaid', async () => {
  const { app, links } = testApp({
    createLinkToken: () => Promise.reject(new Error('not while a link is open')),
  });
  links.script({ hasOpenLink: async () => true });
  expectProblem(await app.inject(post({ userId: 'user-0001' })), 409, 'already_linked');
  expect((await app.inject(post({ userId: 'user-0001', mode: 'update' }))).statusCode).toBe(200);
});

test.each(['not_needed', 'not_linked'])('answers 409 %s in update mode', async (code) => {
  const { app, links } = testApp();
  links.failWith(() => linkClientError(code));
  expectProblem(await app.inject(post({ userId: 'user-0001', mode: 'update' })), 409, code);
});
