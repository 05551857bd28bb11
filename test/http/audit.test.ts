import type { InjectOptions } from 'fastify';
import { type AuditEvent, createAuditLog } from '../../src/logging/audit-log';
import { linkClientError } from './support/scripted-links';
import { authorized, closeApps, testApp } from './support/test-app';

afterEach(closeApps);

function audited(overrides: Parameters<typeof testApp>[0] = {}) {
  const events: AuditEvent[] = [];
  return { ...testApp({ audit: (event) => void events.push(event), ...overrides }), events };
}
const start = {
  userId: 'user-1',
  publicToken: 'public-sandbox-secret-of-the-bank',
  jobs: ['employer-classification'],
};

test.each<[string, string | undefined, InjectOptions]>([
  ['startLink', 'user-1', { method: 'POST', url: '/v1/links', payload: start }],
  ['getLink', 'user-1', { url: '/v1/links/user-1' }],
  ['listLinks', undefined, { url: '/v1/links' }],
  [
    'runJob',
    'user-1',
    { method: 'POST', url: '/v1/links/user-1/jobs', payload: { job: 'employer-classification' } },
  ],
  ['getJob', 'user-1', { url: '/v1/links/user-1/jobs/employer-classification' }],
  ['unlink', 'user-1', { method: 'DELETE', url: '/v1/links/user-1' }],
  ['eraseUser', 'user-1', { method: 'DELETE', url: '/v1/users/user-1' }],
  ['confirmRepair', 'user-1', { method: 'POST', url: '/v1/links/user-1/repaired' }],
  ['createLinkToken', 'user-1', { method: 'POST', url: '/v1/link-tokens', payload: { userId: 'user-1' } }],
])('%s leaves one event that names caller, user, address and outcome', async (action, user, request) => {
  const { app, events } = audited();
  const response = await app.inject(authorized({ ...request, remoteAddress: '10.0.0.7' }));
  expect(events).toEqual([
    {
      action,
      caller: 'backend',
      user,
      address: '10.0.0.7',
      outcome: 'done',
      status: response.statusCode,
      requestId: response.headers['x-request-id'],
    },
  ]);
});

test.each<InjectOptions>([
  { url: '/v1/nothing' },
  { method: 'PUT', url: '/v1/links' },
  { method: 'POST', url: '/v1?x=1' },
])('a request under /v1 that no route takes leaves its address too: %p', async (request) => {
  const { app, events } = audited();
  await app.inject({ ...request, remoteAddress: '10.0.0.7' });
  expect(events).toMatchObject([{ action: 'unknown', address: '10.0.0.7' }]);
  expect(['not_found', 'method_not_allowed']).toContain(events[0]?.outcome);
});

test('a refused key leaves its address, and nothing of the key', async () => {
  const { app, events, logText } = audited();
  await app.inject({
    method: 'DELETE',
    url: '/v1/links/user-1',
    headers: { authorization: 'Bearer guessed-key-0123456789' },
    remoteAddress: '10.6.6.6',
  });
  expect(events).toMatchObject([
    {
      action: 'unlink',
      caller: undefined,
      user: 'user-1',
      address: '10.6.6.6',
      outcome: 'unauthorized',
      status: 401,
    },
  ]);
  expect(JSON.stringify(events) + logText()).not.toContain('guessed-key');
});

test('a request that fails leaves the code of its problem', async () => {
  const { app, links, events } = audited();
  links.failWith(() => linkClientError('link_not_found'));
  await app.inject(authorized({ url: '/v1/links/user-1' }));
  await app.inject(authorized({ method: 'POST', url: '/v1/links', payload: { ...start, jobs: [] } }));
  expect(events.map(({ action, outcome }) => [action, outcome])).toEqual([
    ['getLink', 'link_not_found'],
    ['startLink', 'invalid_request'],
  ]);
});

test('no token gets into it, not even in the place of a user id', async () => {
  const { app, events } = audited();
  const token = 'access-sandbox-8ab976e6-64bc-4b38-98f7-731e7a349970';
  await app.inject(authorized({ method: 'POST', url: '/v1/links', payload: start }));
  await app.inject(authorized({ url: `/v1/links/${token}` }));
  await app.inject(authorized({ url: '/v1/links/u', headers: { 'x-request-id': token } }));
  expect(events).toHaveLength(3);
  for (const secret of [token, start.publicToken]) expect(JSON.stringify(events)).not.toContain(secret);
});

test('probes, documents and webhooks leave none', async () => {
  const { app, events } = audited();
  for (const url of ['/livez', '/readyz', '/metrics', '/openapi.json', '/docs']) await app.inject({ url });
  await app.inject({ method: 'POST', url: '/webhooks/atomic', payload: {} });
  expect(events).toEqual([]);
});

test('an event is one JSON line, marked and with its time, whatever the level of the log', () => {
  let text = '';
  const audit = createAuditLog('api', { write: (line) => (text += line) });
  audit({
    action: 'unlink',
    caller: 'backend',
    user: 'user-1',
    address: '10.0.0.7',
    outcome: 'done',
    status: 202,
    requestId: 'r1',
  });
  expect(text.endsWith('\n')).toBe(true);
  expect(JSON.parse(text)).toEqual({
    level: 'info',
    audit: true,
    name: 'api',
    time: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/),
    action: 'unlink',
    caller: 'backend',
    user: 'user-1',
    address: '10.0.0.7',
    outcome: 'done',
    status: 202,
    requestId: 'r1',
  });
});
