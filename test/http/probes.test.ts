import pino from 'pino';
import { Registry } from 'prom-client';
import { drain } from '../../src/http/server/drain';
import { createProbeApp } from '../../src/http/server/probes';
import { expectProblem } from './support/problem';
import { linkClientError } from './support/scripted-links';
import { authorized, closeApps, testApp } from './support/test-app';

afterEach(closeApps);

test('/livez is alive whatever Temporal does', async () => {
  const { app, links } = testApp();
  links.failWith(() => linkClientError('temporal_unavailable'));
  const response = await app.inject({ url: '/livez' });
  expect([response.statusCode, response.json()]).toEqual([200, { status: 'alive' }]);
});

test('/readyz is ready while Temporal is reachable, and 503 otherwise, whatever the failure', async () => {
  const ready = await testApp().app.inject({ url: '/readyz' });
  expect([ready.statusCode, ready.json()]).toEqual([200, { status: 'ready' }]);
  for (const error of [linkClientError('temporal_unavailable'), new Error('connect ECONNREFUSED')]) {
    const { app, links } = testApp();
    links.script({ checkReachable: () => Promise.reject(error) });
    const response = await app.inject({ url: '/readyz' });
    expectProblem(response, 503, 'temporal_unavailable');
    expect(response.body).not.toContain('ECONNREFUSED');
  }
});

test('/readyz asks Temporal once a second, however many ask', async () => {
  const { app, links } = testApp();
  const answers = await Promise.all(Array.from({ length: 50 }, () => app.inject({ url: '/readyz' })));
  expect(new Set(answers.map(({ statusCode }) => statusCode))).toEqual(new Set([200]));
  expect(links.callsOf('checkReachable')).toHaveLength(1);
  const now = jest.spyOn(performance, 'now').mockReturnValue(performance.now() + 1_001);
  try {
    await app.inject({ url: '/readyz' });
  } finally {
    now.mockRestore();
  }
  expect(links.callsOf('checkReachable')).toHaveLength(2);
});

test('a server that drains is unready, serves on, and ends each connection with its answer', async () => {
  const { app } = testApp();
  const before = await app.inject(authorized({ url: '/v1/links/u' }));
  expect(before.headers.connection).toBe('keep-alive');
  const draining = drain(app, 20);
  const ready = await app.inject({ url: '/readyz' });
  expectProblem(ready, 503, 'temporal_unavailable');
  const served = await app.inject(authorized({ url: '/v1/links/u' }));
  expect([served.statusCode, served.headers.connection]).toEqual([200, 'close']);
  expect((await app.inject({ url: '/livez' })).statusCode).toBe(200);
  await draining;
});

test('/readyz answers within 5 s when Temporal does not answer at all', async () => {
  jest.useFakeTimers({ doNotFake: ['nextTick', 'setImmediate', 'queueMicrotask'] });
  try {
    const { app, links } = testApp();
    await app.ready();
    links.script({ checkReachable: () => new Promise(() => undefined) });
    const answer = app.inject({ url: '/readyz' });
    const asked = () => links.callsOf('checkReachable').length > 0;
    while (!asked()) await new Promise((resolve) => setImmediate(resolve));
    jest.advanceTimersByTime(5000);
    expectProblem(await answer, 503, 'temporal_unavailable');
  } finally {
    jest.useRealTimers();
  }
});

describe('/metrics', () => {
  test('counts requests by route pattern and names nobody', async () => {
    const { app } = testApp();
    await app.inject(authorized({ url: '/v1/links/someone-SECRET' }));
    await app.inject(authorized({ url: '/v1/links/a%20SECRET' }));
    await app.inject({ url: '/SECRET/path' });
    await app.inject({ url: '/v1/links/u', headers: { authorization: 'Bearer SECRET' } });
    const response = await app.inject({ url: '/metrics' });
    expect(response.headers['content-type']).toMatch(/^text\/plain; version=0\.0\.4/);
    const count = (route: string, status: number) =>
      `processor_link_http_request_duration_seconds_count{method="GET",route="${route}",status="${status}"} 1\n`;
    expect(response.body).toContain(count('/v1/links/:userId', 200));
    expect(response.body).toContain(count('/v1/links/:userId', 400));
    expect(response.body).toContain(count('/v1/links/:userId', 401));
    expect(response.body).toContain(count('unmatched', 404));
    expect(response.body).not.toContain('SECRET');
  });

  test('measures requests that wait apart from the others', async () => {
    const { app, metrics } = testApp();
    const job = '/v1/links/user-0001/jobs/employer-classification';
    for (const query of ['', '?waitSeconds=0', '?waitSeconds=5', '?waitSeconds=x'])
      await app.inject(authorized({ url: `${job}${query}` }));
    await app.inject(authorized({ url: '/v1/links?waitSeconds=5' }));
    const counted = async (name: string) => {
      const { values = [] } = (await metrics.getSingleMetric(`processor_link_${name}`)?.get()) ?? {};
      const counts = values.filter(
        (value) => 'metricName' in value && `${value.metricName}`.endsWith('count'),
      );
      return counts.map(({ labels, value }) => [labels.route, labels.status, value]);
    };
    const route = '/v1/links/:userId/jobs/:job';
    expect(await counted('long_poll_duration_seconds')).toEqual([[route, '200', 1]]);
    expect(await counted('http_request_duration_seconds')).toEqual([
      [route, '200', 2],
      [route, '400', 1],
      ['/v1/links', '400', 1],
    ]);
  });

  test('has no series of its own for every path that is asked for', async () => {
    const { app, metrics } = testApp();
    for (let index = 0; index < 50; index += 1) await app.inject({ url: `/nowhere/${index}` });
    const text = await metrics.metrics();
    expect(text.match(/duration_seconds_count\{/g)).toHaveLength(1);
  });
});

describe('the probes of a process without an API', () => {
  const probesOf = (checkReady: () => Promise<void>) =>
    createProbeApp({ checkReady, metrics: new Registry(), logger: pino({ level: 'silent' }) });

  test('are the same three, and nothing else', async () => {
    const app = probesOf(async () => undefined);
    for (const url of ['/livez', '/readyz', '/metrics']) {
      expect((await app.inject({ url })).statusCode).toBe(200);
    }
    expectProblem(await app.inject({ url: '/v1/links' }), 404, 'not_found');
    await app.close();
  });

  test('are not ready while the process cannot do its work', async () => {
    const app = probesOf(() => Promise.reject(new Error('not polling')));
    expectProblem(await app.inject({ url: '/readyz' }), 503, 'temporal_unavailable');
    await app.close();
  });
});
