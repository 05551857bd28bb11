import { expectProblem } from './support/problem';
import { linkClientError } from './support/scripted-links';
import { authorized, closeApps, testApp } from './support/test-app';

afterEach(closeApps);

const USER_URL = '/v1/users/user-0001';

describe('DELETE /v1/users/:userId', () => {
  test.each([
    [202, false],
    [200, true],
  ])('answers %i where erased is %s', async (status, erased) => {
    const { app, links } = testApp();
    links.script({ eraseUser: async (userId) => ({ userId, erased }) });
    const response = await app.inject(authorized({ method: 'DELETE', url: USER_URL }));
    expect(response.statusCode).toBe(status);
    expect(response.json()).toEqual({ userId: 'user-0001', erased });
  });

  test.each([
    ['', 0],
    ['?waitSeconds=0', 0],
    ['?waitSeconds=60', 60_000],
  ])('with "%s" waits %i ms at most', async (query, waitMs) => {
    const { app, links } = testApp();
    const response = await app.inject(authorized({ method: 'DELETE', url: `${USER_URL}${query}` }));
    expect(links.callsOf('eraseUser')).toEqual([
      ['user-0001', { waitMs, signal: expect.any(AbortSignal), requestId: response.headers['x-request-id'] }],
    ]);
  });

  test.each([
    ['a user id with a quote', `/v1/users/${encodeURIComponent("a' OR ''='")}`, 'userId'],
    ['a user id with a slash', '/v1/users/a%2Fb', 'userId'],
    ['a wait that is too long', `${USER_URL}?waitSeconds=61`, 'waitSeconds'],
    ['a wait that is no number', `${USER_URL}?waitSeconds=soon`, 'waitSeconds'],
    ['a parameter that is none', `${USER_URL}?runId=1`, 'runId'],
  ])('answers 400 to %s, and erases nothing', async (_name, url, path) => {
    const { app, links } = testApp();
    const problem = expectProblem(
      await app.inject(authorized({ method: 'DELETE', url })),
      400,
      'invalid_request',
    );
    expect(problem.errors?.map((error) => error.path)).toEqual([path]);
    expect(links.calls).toEqual([]);
  });

  test('answers 401 without a key, and erases nothing', async () => {
    const { app, links } = testApp();
    expectProblem(await app.inject({ method: 'DELETE', url: USER_URL }), 401, 'unauthorized');
    expect(links.calls).toEqual([]);
  });

  test('answers 503 while Temporal is away', async () => {
    const { app, links } = testApp();
    links.failWith(() => linkClientError('temporal_unavailable'));
    const response = await app.inject(authorized({ method: 'DELETE', url: USER_URL }));
    expectProblem(response, 503, 'temporal_unavailable');
  });
});
