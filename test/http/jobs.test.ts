import { once } from 'node:events';
import http from 'node:http';
import { expectProblem } from './support/problem';
import { linkClientError, linkView } from './support/scripted-links';
import { API_KEY, authorized, closeApps, testApp } from './support/test-app';

afterEach(closeApps);

const JOB_URL = '/v1/links/user-0001/jobs/employer-classification';

describe('POST /v1/links/:userId/jobs', () => {
  test('answers 202 with the link', async () => {
    const { app, links } = testApp();
    const response = await app.inject(
      authorized({
        method: 'POST',
        url: '/v1/links/user-0001/jobs',
        payload: { job: 'recurrence-detection' },
      }),
    );
    expect(response.statusCode).toBe(202);
    expect(response.json()).toEqual(linkView());
    expect(links.callsOf('runJob')[0]?.slice(0, 2)).toEqual(['user-0001', 'recurrence-detection']);
  });

  test('answers 409 when no link is open', async () => {
    const { app, links } = testApp();
    links.failWith(() => linkClientError('not_linked'));
    const response = await app.inject(
      authorized({ method: 'POST', url: '/v1/links/u/jobs', payload: { job: 'recurrence-detection' } }),
    );
    expectProblem(response, 409, 'not_linked');
  });
});

describe('GET /v1/links/:userId/jobs/:job', () => {
  test.each<[string, unknown]>([
    ['a list', [{ company: { name: 'Employer Ltd' }, confidence: 0.1, nested: [[null, true]] }]],
    ['an empty list', []],
    ['an object with names of Object.prototype', { toString: 'x', constructor: { name: 'y' } }],
    ['null', null],
    ['zero', 0],
  ])('gives %s as Atomic sent it', async (_name, result) => {
    const { app, links } = testApp();
    links.script({
      waitForJob: async () => ({
        job: 'employer-classification',
        state: 'completed',
        result,
        resultText: JSON.stringify(result),
      }),
    });
    const response = await app.inject(authorized({ url: JOB_URL }));
    expect(response.statusCode).toBe(200);
    expect(response.json()).toEqual({ job: 'employer-classification', state: 'completed', result });
  });

  test('keeps every digit and every space of a result', async () => {
    const { app, links } = testApp();
    const resultText = '[ 9007199254740993, 12345678901234567890,\n1e400, 1.10 ]';
    links.script({
      waitForJob: async () => ({
        job: 'employer-classification',
        state: 'completed',
        result: JSON.parse(resultText),
        resultText,
      }),
    });
    const response = await app.inject(authorized({ url: JOB_URL }));
    expect(response.headers['content-type']).toBe('application/json; charset=utf-8');
    expect(response.body).toBe(
      `{"job":"employer-classification","state":"completed","result":${resultText}}`,
    );
  });

  test('has no result before there is one, and gives the error of a failed job', async () => {
    const { app, links } = testApp();
    const error = { code: 'result_too_large', message: 'too large', action: 'contact_support' } as const;
    links.script({ waitForJob: async (_user, job) => ({ job, state: 'failed', error }) });
    const response = await app.inject(authorized({ url: JOB_URL }));
    expect(response.json()).toEqual({ job: 'employer-classification', state: 'failed', error });
  });

  test('waits as long as it was asked to', async () => {
    const { app, links } = testApp();
    await app.inject(authorized({ url: JOB_URL }));
    await app.inject(authorized({ url: `${JOB_URL}?waitSeconds=0` }));
    await app.inject(authorized({ url: `${JOB_URL}?waitSeconds=60` }));
    expect(links.callsOf('waitForJob').map(([, , options]) => options)).toMatchObject([
      { waitMs: 0 },
      { waitMs: 0 },
      { waitMs: 60_000 },
    ]);
  });

  test('answers 404 for a job that the link does not have', async () => {
    const { app, links } = testApp();
    links.failWith(() => linkClientError('job_not_found'));
    expectProblem(await app.inject(authorized({ url: JOB_URL })), 404, 'job_not_found');
  });

  test('answers 400 for a job that nobody has', async () => {
    const { app } = testApp();
    const response = await app.inject(authorized({ url: '/v1/links/user-0001/jobs/other' }));
    expect(expectProblem(response, 400, 'invalid_request').errors).toMatchObject([{ path: 'job' }]);
  });

  test('ends the wait when the caller goes away', async () => {
    const { app, links, logLines, metrics } = testApp();
    const waiting = deferred<AbortSignal>();
    links.script({ waitForJob: (_user, _job, { signal }) => untilAborted(signal, waiting.resolve) });
    const request = await listenAndGet(app, `${JOB_URL}?waitSeconds=60`);
    request.on('error', () => undefined);
    const signal = await waiting.promise;
    expect(signal.aborted).toBe(false);

    const aborted = once(signal, 'abort');
    request.destroy();
    await aborted;

    await app.close();
    expect(logLines).toContainEqual(expect.objectContaining({ msg: 'caller went away' }));
    expect(logLines).not.toContainEqual(expect.objectContaining({ msg: 'request failed' }));
    expect(await metrics.metrics()).toMatch(/long_poll_duration_seconds_count\{.*status="499"\} 1/);
  });

  test('answers a wait under way at once when the server stops', async () => {
    const { app, links } = testApp();
    const waiting = deferred<AbortSignal>();
    links.script({
      waitForJob: async (_user, job, { waitMs, signal }) =>
        waitMs === 0 ? { job, state: 'fetching' } : untilAborted(signal, waiting.resolve),
    });
    const request = await listenAndGet(app, `${JOB_URL}?waitSeconds=60`);
    const answer = responseTo(request);
    await waiting.promise;
    const closed = app.close();
    const response = await answer;
    expect(response.statusCode).toBe(200);
    const body = Buffer.concat(await response.toArray()).toString();
    expect(JSON.parse(body)).toEqual({ job: 'employer-classification', state: 'fetching' });
    await closed;
  });

  test('answers an unlink under way at once when the server stops', async () => {
    const { app, links } = testApp();
    const waiting = deferred<AbortSignal>();
    links.script({
      unlink: async (_user, { signal }) => {
        await untilAborted(signal, waiting.resolve).catch(() => undefined);
        return linkView({ state: 'unlinking' });
      },
    });
    const request = await listenAndGet(app, '/v1/links/user-0001?waitSeconds=60', 'DELETE');
    const answer = responseTo(request);
    await waiting.promise;
    const closed = app.close();
    const response = await answer;
    expect(response.statusCode).toBe(202);
    response.resume();
    await closed;
  });
});

function deferred<T>() {
  let resolve: (value: T) => void = () => undefined;
  const promise = new Promise<T>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}

function untilAborted(
  signal: AbortSignal | undefined,
  started: (signal: AbortSignal) => void,
): Promise<never> {
  return new Promise((_resolve, reject) => {
    if (!signal) throw new Error('a wait was started without a signal');
    signal.addEventListener('abort', () => reject(signal.reason));
    started(signal);
  });
}

async function listenAndGet(
  app: ReturnType<typeof testApp>['app'],
  path: string,
  method = 'GET',
): Promise<http.ClientRequest> {
  const origin = await app.listen({ host: '127.0.0.1', port: 0 });
  const headers = { authorization: `Bearer ${API_KEY}` };
  return http.request(new URL(path, origin), { method, headers }).end();
}

function responseTo(request: http.ClientRequest): Promise<http.IncomingMessage> {
  return new Promise((resolve, reject) => {
    request.once('response', resolve).once('error', reject);
  });
}
