import { once } from 'node:events';
import { connect } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { problemSchema } from '../../src/http/server/problems';
import { createServer, DEFAULT_TIMEOUTS, type ServerTimeouts } from '../../src/http/server/server';
import { API_KEY, closeApps, testApp } from './support/test-app';

afterEach(closeApps);

const AUTHORIZATION = `Authorization: Bearer ${API_KEY}\r\n`;

async function listening(timeouts: Partial<ServerTimeouts> = {}) {
  const made = testApp({ timeouts });
  const origin = await made.app.listen({ host: '127.0.0.1', port: 0 });
  return { ...made, origin, port: Number(new URL(origin).port) };
}

/** Sends bytes and gives all that comes back until the server closes the connection. */
async function exchange(port: number, sent: string): Promise<{ status: number; problem: unknown }> {
  const socket = connect(port, '127.0.0.1');
  await once(socket, 'connect');
  socket.write(sent);
  const text = Buffer.concat(await socket.toArray()).toString();
  const [head = '', body = ''] = text.split('\r\n\r\n');
  expect(head.toLowerCase()).toContain('content-type: application/problem+json');
  return { status: Number(head.split(' ')[1]), problem: problemSchema.parse(JSON.parse(body)) };
}

test('headers over 16 KiB are refused as 431', async () => {
  const { port } = await listening();
  const sent = `GET /v1/links/u HTTP/1.1\r\nHost: x\r\nX-Long: ${'x'.repeat(17_000)}\r\n\r\n`;
  expect(await exchange(port, sent)).toMatchObject({ status: 431, problem: { status: 431 } });
});

test('a path over 16 KiB is refused as 431, and one just below as 400', async () => {
  const { port } = await listening();
  const get = (length: number) =>
    `GET /v1/links/${'a'.repeat(length)} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${AUTHORIZATION}\r\n`;
  expect(await exchange(port, get(17_000))).toMatchObject({ status: 431 });
  expect(await exchange(port, get(15_000))).toMatchObject({
    status: 400,
    problem: { code: 'invalid_request', errors: [{ path: 'userId' }] },
  });
});

test.each([
  'not http at all\r\n\r\n',
  'GET /livez HTTP/9.9\r\n\r\n',
  'GET /livez HTTP/1.1\r\nConnection: close\r\n\r\n',
  'GET /livez HTTP/1.1\r\nHost: x\r\nBroken header\r\n\r\n',
  'POST /v1/links HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n',
  'POST /v1/links HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n{}',
])('what is not HTTP (%j) is refused as 400', async (sent) => {
  const { port } = await listening();
  expect(await exchange(port, sent)).toMatchObject({ status: 400, problem: { code: 'invalid_request' } });
});

test('stalled bodies take no more than their budget, and a body that comes at once is still served', async () => {
  const app = createServer({ logger: false, bodyLimitBytes: 100_000, bodyBudgetBytes: 300_000 });
  app.post('/', async (request) => ({ bytes: JSON.stringify(request.body).length }));
  const origin = await app.listen({ host: '127.0.0.1', port: 0 });
  const { port } = new URL(origin);
  const stalled = await Promise.all(
    Array.from({ length: 12 }, async () => {
      const socket = connect(Number(port), '127.0.0.1');
      await once(socket, 'connect');
      socket.on('error', () => undefined);
      const head =
        'POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 90000\r\n\r\n';
      socket.write(`${head}"${'x'.repeat(80_000)}`);
      return socket;
    }),
  );
  try {
    // Three of them fit: the others make way, oldest first.
    const ended = stalled.map(
      (socket) => new Promise<void>((resolve) => socket.once('close', () => resolve())),
    );
    let endedCount = 0;
    await new Promise<void>((resolve) => {
      for (const end of ended) {
        void end.then(() => {
          endedCount += 1;
          if (endedCount === 9) resolve();
        });
      }
    });
    const response = await fetch(origin, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify('y'.repeat(90_000)),
    });
    expect([response.status, await response.json()]).toEqual([200, { bytes: 90_002 }]);
  } finally {
    for (const socket of stalled) socket.destroy();
    await app.close();
  }
});

test('headers that trickle in are cut off', async () => {
  const { port } = await listening({ headersTimeoutMs: 50, requestTimeoutMs: 80, checkIntervalMs: 20 });
  const answer = await exchange(port, 'GET /livez HTTP/1.1\r\nHost: x\r\n');
  expect(answer).toMatchObject({ status: 408, problem: { status: 408, code: 'invalid_request' } });
});

test('a body that never comes is cut off', async () => {
  const { port } = await listening({ headersTimeoutMs: 50, requestTimeoutMs: 80, checkIntervalMs: 20 });
  const sent =
    `POST /v1/links HTTP/1.1\r\nHost: x\r\n${AUTHORIZATION}` +
    'Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{';
  expect(await exchange(port, sent)).toMatchObject({ status: 408 });
});

test('a body without a stated length is cut off at the limit', async () => {
  const { port } = await listening();
  const chunk = `${(17_000).toString(16)}\r\n${'x'.repeat(17_000)}\r\n`;
  const sent =
    `POST /v1/links HTTP/1.1\r\nHost: x\r\n${AUTHORIZATION}` +
    `Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n${chunk}`;
  expect(await exchange(port, sent)).toMatchObject({ status: 413 });
});

test('the time for a request to arrive does not limit how long its answer is waited for', async () => {
  const { origin, links } = await listening({
    headersTimeoutMs: 400,
    requestTimeoutMs: 500,
    checkIntervalMs: 10,
  });
  links.script({
    waitForJob: (_user, job) =>
      new Promise((resolve) => {
        setTimeout(resolve, 1_200, { job, state: 'completed' });
      }),
  });
  // The first fetch of a process loads what it needs, which may take longer than that time.
  await fetch(`${origin}/livez`);
  const response = await fetch(`${origin}/v1/links/u/jobs/recurrence-detection?waitSeconds=5`, {
    headers: { authorization: `Bearer ${API_KEY}` },
  });
  expect(response.status).toBe(200);
});

test('connections outlive the longest poll, by default', async () => {
  const { app } = await listening();
  expect(app.server).toMatchObject({
    timeout: DEFAULT_TIMEOUTS.idleTimeoutMs,
    keepAliveTimeout: DEFAULT_TIMEOUTS.keepAliveTimeoutMs,
    requestTimeout: DEFAULT_TIMEOUTS.requestTimeoutMs,
    headersTimeout: DEFAULT_TIMEOUTS.headersTimeoutMs,
  });
  expect(DEFAULT_TIMEOUTS.idleTimeoutMs).toBeGreaterThan(60_000);
  expect(DEFAULT_TIMEOUTS.keepAliveTimeoutMs).toBeGreaterThan(60_000);
});

test('a connection whose answer comes while the server closes does not keep it open', async () => {
  const { app, origin, links } = await listening();
  let answer = () => {};
  const asked = new Promise<void>((resolve) => {
    links.script({
      checkReachable: () =>
        new Promise<void>((reached) => {
          answer = reached;
          resolve();
        }),
    });
  });
  const answered = fetch(`${origin}/readyz`);
  await asked;
  const closed = app.close();
  while (app.server.listening) await nextTurn();

  answer();

  expect((await answered).headers.get('connection')).toBe('close');
  await closed;
});
