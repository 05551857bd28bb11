import type { InjectOptions } from 'fastify';
import type { LinkState } from '../../src/contract/states';
import type { LinkGateway } from '../../src/http/api/deps';
import type { LinkClient } from '../../src/link-client/link-client';
import { expectProblem } from './support/problem';
import { linkClientError, linkSummary, linkView } from './support/scripted-links';
import { authorized, closeApps, testApp } from './support/test-app';

afterEach(closeApps);

const START = {
  userId: 'user-0001',
  publicToken: 'public-sandbox-12345678',
  jobs: ['employer-classification', 'recurrence-detection'],
};

function request(method: NonNullable<InjectOptions['method']>, url: string, payload?: object): InjectOptions {
  return authorized({ method, url, ...(payload && { payload }) });
}

test('the typed client fits the gateway that the API asks for', () => {
  const gatewayOf = (client: LinkClient): LinkGateway => client;
  expect(gatewayOf).toBeInstanceOf(Function);
});

describe('POST /v1/links', () => {
  test('answers 202 with the link and its address when it started one', async () => {
    const { app, links } = testApp();
    const response = await app.inject(request('POST', '/v1/links', START));
    expect(response.statusCode).toBe(202);
    expect(response.headers.location).toBe('/v1/links/user-0001');
    expect(response.json()).toEqual(linkView());
    expect(links.callsOf('start')).toEqual([[START, { requestId: response.headers['x-request-id'] }]]);
  });

  test('answers 200 without an address when the same request started the link before', async () => {
    const { app, links } = testApp();
    links.script({ start: async () => ({ link: linkView({ state: 'linked' }), created: false }) });
    const response = await app.inject(request('POST', '/v1/links', START));
    expect(response.statusCode).toBe(200);
    expect(response.headers.location).toBeUndefined();
    expect(response.json()).toMatchObject({ state: 'linked' });
  });

  test('takes an access token and an account', async () => {
    const { app, links } = testApp({ plaidEnvironment: 'production' });
    const body = {
      userId: 'u',
      accessToken: 'access-production-abc',
      accountId: 'BxBXxLj1m4HMXBm9WZZm',
      jobs: ['recurrence-detection'],
    };
    expect((await app.inject(request('POST', '/v1/links', body))).statusCode).toBe(202);
    expect(links.callsOf('start')[0]?.[0]).toEqual(body);
  });

  test.each([
    ['publicToken', 'public-production-abc'],
    ['accessToken', 'access-production-abc'],
  ])("refuses a token of Plaid's other environment: %s", async (path, token) => {
    const { app, links } = testApp();
    const body = { userId: 'u', [path]: token, jobs: ['recurrence-detection'] };
    const response = await app.inject(request('POST', '/v1/links', body));
    const { errors } = expectProblem(response, 400, 'invalid_request');
    expect(errors).toEqual([{ path, message: "is not of Plaid's sandbox, which this service uses" }]);
    expect(response.payload).not.toContain(token);
    expect(links.calls).toEqual([]);
  });

  test('answers 409 when another request started the open link', async () => {
    const { app, links } = testApp();
    links.failWith(() => linkClientError('already_linked', 'This user is linked already.'));
    const problem = expectProblem(
      await app.inject(request('POST', '/v1/links', START)),
      409,
      'already_linked',
    );
    expect(problem.detail).toBe('This user is linked already.');
  });
});

describe('GET /v1/links/:userId', () => {
  test('answers the link, with the fields of the contract and no other', async () => {
    const { app, links } = testApp();
    const view = linkView({
      jobs: {
        'employer-classification': {
          state: 'completed',
          via: 'poll',
          completedAt: '2026-01-02T03:05:00.000Z',
        },
        'recurrence-detection': {
          state: 'failed',
          error: { code: 'result_timeout', message: 'too late', action: 'retry_later' },
        },
      },
      error: { code: 'sign_in_required', message: 'sign in', action: 'repair' },
      warning: { code: 'pending_disconnect', until: '2026-02-01T00:00:00.000Z' },
    });
    const leaky = {
      ...view,
      sealedAccessToken: 'SECRET-1',
      error: { code: 'sign_in_required', message: 'sign in', action: 'repair', stack: 'SECRET-2' } as const,
      jobs: { ...view.jobs, 'other-job': { state: 'completed', result: 'SECRET-3' } as const },
    };
    links.script({ get: async () => leaky });
    const response = await app.inject(request('GET', '/v1/links/user-0001'));
    expect(response.statusCode).toBe(200);
    expect(response.json()).toEqual(view);
    expect(response.body).not.toContain('SECRET');
  });

  test('answers 404 for a user who was never linked', async () => {
    const { app, links } = testApp();
    links.failWith(() => linkClientError('link_not_found'));
    expectProblem(await app.inject(request('GET', '/v1/links/nobody')), 404, 'link_not_found');
  });

  test('takes the longest user id, with every character that one may have', async () => {
    const { app, links } = testApp();
    const userId = `Az09_.:-${'x'.repeat(120)}`;
    expect((await app.inject(request('GET', `/v1/links/${userId}`))).statusCode).toBe(200);
    expect((await app.inject(request('GET', `/v1/links/${encodeURIComponent(userId)}`))).statusCode).toBe(
      200,
    );
    expect(links.callsOf('get').map(([id]) => id)).toEqual([userId, userId]);
  });
});

describe('GET /v1/links', () => {
  test('asks for 50 rows where the caller names no number', async () => {
    const { app, links } = testApp();
    const response = await app.inject(request('GET', '/v1/links'));
    expect(response.statusCode).toBe(200);
    expect(response.json()).toEqual({ links: [linkSummary()] });
    expect(links.callsOf('list')[0]?.[0]).toEqual({ pageSize: 50 });
  });

  test('hands filters and paging on', async () => {
    const { app, links } = testApp();
    links.script({ list: async () => ({ links: [], nextPageToken: 'next+/=' }) });
    const query = new URLSearchParams({
      state: 'needs_attention',
      job: 'recurrence-detection',
      errorCode: 'sign_in_required',
      pageSize: '200',
      pageToken: 'a+b/c=',
    });
    const response = await app.inject(request('GET', `/v1/links?${query}`));
    expect(response.json()).toEqual({ links: [], nextPageToken: 'next+/=' });
    expect(links.callsOf('list')[0]?.[0]).toEqual({
      state: 'needs_attention',
      job: 'recurrence-detection',
      errorCode: 'sign_in_required',
      pageSize: 200,
      pageToken: 'a+b/c=',
    });
  });

  test.each(['exchanging', 'creating_processor_token', 'registering', 'gone'])(
    'answers 400 for the state %s, by which no link can be found',
    async (state) => {
      const { app, links } = testApp();
      const response = await app.inject(request('GET', `/v1/links?state=${state}`));
      expect(expectProblem(response, 400, 'invalid_request').errors).toMatchObject([{ path: 'state' }]);
      expect(links.callsOf('list')).toEqual([]);
    },
  );

  test('answers 400 for an errorCode that is none', async () => {
    const { app } = testApp();
    for (const code of ['overloaded', 'x', '']) {
      const response = await app.inject(request('GET', `/v1/links?errorCode=${code}`));
      expect(expectProblem(response, 400, 'invalid_request').errors).toMatchObject([{ path: 'errorCode' }]);
    }
  });

  test('answers 400 for a page token that the index does not know', async () => {
    const { app, links } = testApp();
    links.failWith(() => linkClientError('invalid_request', 'pageToken is not one of ours'));
    const response = await app.inject(request('GET', '/v1/links?pageToken=x'));
    expect(expectProblem(response, 400, 'invalid_request').detail).toBe('pageToken is not one of ours');
  });
});

describe('DELETE /v1/links/:userId', () => {
  test.each<[LinkState, number]>([
    ['unlinking', 202],
    ['unlinked', 200],
    ['failed', 200],
  ])('answers a link that is %s with %d', async (state, status) => {
    const { app, links } = testApp();
    links.script({ unlink: async () => linkView({ state }) });
    const response = await app.inject(request('DELETE', '/v1/links/user-0001?waitSeconds=60'));
    expect(response.statusCode).toBe(status);
    expect(response.json()).toMatchObject({ state });
    expect(links.callsOf('unlink')[0]).toEqual([
      'user-0001',
      {
        waitMs: 60_000,
        signal: expect.any(AbortSignal),
        requestId: response.headers['x-request-id'],
      },
    ]);
  });

  test('hands on which run is meant, and answers 409 where that is no longer the newest', async () => {
    const { app, links } = testApp();
    const { runId } = linkView();
    links.failWith(() => linkClientError('not_linked'));
    const url = `/v1/links/user-0001?runId=${runId}`;
    expectProblem(await app.inject(request('DELETE', url)), 409, 'not_linked');
    expect(links.callsOf('unlink')[0]).toMatchObject(['user-0001', { runId }]);
    const problem = expectProblem(await app.inject(request('DELETE', `${url}x`)), 400, 'invalid_request');
    expect(problem.errors).toMatchObject([{ path: 'runId' }]);
  });

  test('does not wait unless asked to, and takes an empty body', async () => {
    const { app, links } = testApp();
    await app.inject(request('DELETE', '/v1/links/user-0001'));
    await app.inject(request('DELETE', '/v1/links/user-0001', {}));
    await app.inject(
      authorized({
        method: 'DELETE',
        url: '/v1/links/user-0001',
        headers: { 'content-type': 'application/json' },
      }),
    );
    expect(links.callsOf('unlink').map(([, options]) => options)).toMatchObject([
      { waitMs: 0 },
      { waitMs: 0 },
      { waitMs: 0 },
    ]);
  });

  test('answers 404 for a user who was never linked', async () => {
    const { app, links } = testApp();
    links.failWith(() => linkClientError('link_not_found'));
    expectProblem(await app.inject(request('DELETE', '/v1/links/nobody')), 404, 'link_not_found');
  });
});

describe('POST /v1/links/:userId/repaired', () => {
  test('answers 202 with the link', async () => {
    const { app, links } = testApp();
    const response = await app.inject(request('POST', '/v1/links/user-0001/repaired'));
    expect(response.statusCode).toBe(202);
    expect(response.json()).toEqual(linkView());
    expect(links.callsOf('confirmRepair')[0]?.[0]).toBe('user-0001');
  });

  test('answers 200 with the link that was repaired before', async () => {
    const { app, links } = testApp();
    links.script({ confirmRepair: async () => ({ link: linkView(), alreadyRepaired: true }) });
    const response = await app.inject(request('POST', '/v1/links/user-0001/repaired'));
    expect([response.statusCode, response.json()]).toEqual([200, linkView()]);
  });

  test.each(['still_needs_attention', 'not_linked'])('answers 409 %s', async (code) => {
    const { app, links } = testApp();
    links.failWith(() => linkClientError(code));
    expectProblem(await app.inject(request('POST', '/v1/links/user-0001/repaired')), 409, code);
  });
});

describe('POST /v1/links/:userId/account', () => {
  const url = '/v1/links/user-0001/account';

  test('answers 202 with the link, which goes on with the account', async () => {
    const { app, links } = testApp();
    const response = await app.inject(request('POST', url, { accountId: 'acc-1' }));
    expect([response.statusCode, response.json()]).toEqual([202, linkView({ accountId: 'acc-1' })]);
    expect(links.callsOf('chooseAccount')[0]?.slice(0, 2)).toEqual(['user-0001', 'acc-1']);
  });

  test.each(['account_not_found', 'not_needed', 'not_linked'])('answers 409 %s', async (code) => {
    const { app, links } = testApp();
    links.failWith(() => linkClientError(code));
    expectProblem(await app.inject(request('POST', url, { accountId: 'acc-1' })), 409, code);
  });

  test.each([{}, { accountId: '' }, { accountId: "a'b" }, { accountId: 'acc-1', more: 1 }])(
    'answers 400 to %j',
    async (body) => {
      const { app, links } = testApp();
      expectProblem(await app.inject(request('POST', url, body)), 400, 'invalid_request');
      expect(links.callsOf('chooseAccount')).toEqual([]);
    },
  );
});

describe('failures on the way to Temporal', () => {
  const calls: [string, InjectOptions][] = [
    ['start', request('POST', '/v1/links', START)],
    ['get', request('GET', '/v1/links/u')],
    ['list', request('GET', '/v1/links')],
    ['unlink', request('DELETE', '/v1/links/u')],
    ['run', request('POST', '/v1/links/u/jobs', { job: 'recurrence-detection' })],
    ['wait', request('GET', '/v1/links/u/jobs/recurrence-detection?waitSeconds=1')],
    ['repaired', request('POST', '/v1/links/u/repaired')],
    ['update token', request('POST', '/v1/link-tokens', { userId: 'u', mode: 'update' })],
  ];

  test.each(calls)('%s answers 503 with Retry-After while Temporal is away', async (_name, options) => {
    const { app, links } = testApp();
    links.failWith(() => linkClientError('temporal_unavailable', 'dns lookup of temporal.internal failed'));
    const response = await app.inject(options);
    expectProblem(response, 503, 'temporal_unavailable');
    expect(response.body).not.toContain('temporal.internal');
  });

  test.each(calls)('%s answers 503 with Retry-After when too much is under way', async (_name, options) => {
    const { app, links } = testApp();
    links.failWith(() => Object.assign(linkClientError('overloaded'), { retryAfterMs: 6500 }));
    const response = await app.inject(options);
    expectProblem(response, 503, 'overloaded');
    expect(response.headers['retry-after']).toBe('7');
  });

  test.each(calls)('%s hides what went wrong inside', async (_name, options) => {
    const { app, links } = testApp();
    links.failWith(() => Object.assign(new Error('SECRET in the message'), { config: 'SECRET in a field' }));
    const response = await app.inject(options);
    expectProblem(response, 500, 'internal_error');
    expect(response.body).not.toContain('SECRET');
  });

  test('a thrown value that is no error is an internal error', async () => {
    const { app, links } = testApp();
    links.script({
      get: async () => {
        throw 'SECRET text';
      },
    });
    const response = await app.inject(request('GET', '/v1/links/u'));
    expectProblem(response, 500, 'internal_error');
    expect(response.body).not.toContain('SECRET');
  });

  test('an answer that lacks a field of the contract is an internal error', async () => {
    const { app, links } = testApp();
    links.script({
      get: async () => {
        const view = linkView();
        Reflect.deleteProperty(view, 'runId');
        return view;
      },
    });
    expectProblem(await app.inject(request('GET', '/v1/links/u')), 500, 'internal_error');
  });
});
