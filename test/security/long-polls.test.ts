import { expectProblem } from '../http/support/problem';
import { linkView } from '../http/support/scripted-links';
import { closeApps, testApp } from '../http/support/test-app';

afterEach(closeApps);

const KEYS = [
  { name: 'greedy', key: 'key-1' },
  { name: 'other', key: 'key-2' },
];
const POLL = '/v1/links/u/jobs/employer-classification?waitSeconds=60';

/** An app that takes three long polls of a key, whose jobs settle when they are told to. */
function waitingApp() {
  let settle = () => {};
  const settled = new Promise<void>((resolve) => {
    settle = resolve;
  });
  const { app, links } = testApp({ apiKeys: () => KEYS, limits: { longPollsPerKey: 3 } });
  links.script({
    waitForJob: async (_user, job, { waitMs }) => {
      if (waitMs > 0) await settled;
      return { job, state: 'fetching' };
    },
    unlink: async (_user, { waitMs }) => {
      if (waitMs > 0) await settled;
      return linkView({ state: 'unlinking' });
    },
  });
  // Async, because a request of `inject` is sent once somebody waits for its answer.
  const call = async (key: string, url: string, method: 'GET' | 'DELETE' = 'GET') =>
    app.inject({ method, url, headers: { authorization: `Bearer ${key}` } });
  return { call, settle };
}

test('a key that waits for everything at once is refused more, over all routes, and other keys can wait', async () => {
  const { call, settle } = waitingApp();
  const polls = [
    call('key-1', POLL),
    call('key-1', POLL),
    call('key-1', '/v1/links/u?waitSeconds=60', 'DELETE'),
  ];
  const refused = await call('key-1', POLL);
  expectProblem(refused, 429, 'too_many_requests');
  expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0);
  expectProblem(await call('key-1', '/v1/users/u?waitSeconds=1', 'DELETE'), 429, 'too_many_requests');
  expect((await call('key-1', POLL.replace('60', '0'))).statusCode).toBe(200);
  expect((await call('key-1', '/v1/links/u')).statusCode).toBe(200);

  const other = call('key-2', POLL);
  settle();
  expect((await other).statusCode).toBe(200);
  expect((await Promise.all(polls)).map(({ statusCode }) => statusCode)).toEqual([200, 200, 202]);
});

test('a long poll that was answered makes room for another', async () => {
  const { call, settle } = waitingApp();
  const polls = [call('key-1', POLL), call('key-1', POLL), call('key-1', POLL)];
  expectProblem(await call('key-1', POLL), 429, 'too_many_requests');
  settle();
  await Promise.all(polls);
  for (let more = 0; more < 4; more += 1) expect((await call('key-1', POLL)).statusCode).toBe(200);
});

test('a wrong key takes no place of a right one', async () => {
  const { call } = waitingApp();
  for (let guess = 0; guess < 5; guess += 1) {
    expectProblem(await call(`guess-${guess}`, POLL), 401, 'unauthorized');
  }
});
