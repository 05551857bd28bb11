import type { InjectOptions } from 'fastify';
import { call, closeCodecApps, codecApp, encrypted, plain, TOKEN, UI } from './support/codec-test-app';
import { expectProblem } from './support/problem';

afterEach(closeCodecApps);

describe('tokens', () => {
  test.each([undefined, '', 'Bearer', `Bearer ${TOKEN}x`, `Basic ${TOKEN}`, TOKEN, 'Bearer null'])(
    'the authorization %p is refused',
    async (authorization) => {
      const { app, codec } = codecApp();
      const options = call('/decode', { payloads: await encrypted() });
      const { authorization: _left, ...rest } = options.headers ?? {};
      const headers = authorization === undefined ? rest : { ...rest, authorization };
      const response = await app.inject({ ...options, headers });
      expectProblem(response, 401, 'unauthorized');
      expect(response.headers['www-authenticate']).toMatch(/^Bearer /);
      expect(codec.worked).toBe(0);
    },
  );

  test('tokens can be rotated while the server runs', async () => {
    let tokens = [TOKEN];
    const { app } = codecApp({ auth: { kind: 'required', tokens: () => tokens } });
    const status = async () =>
      (await app.inject(call('/decode', { payloads: await encrypted() }))).statusCode;
    expect(await status()).toBe(200);
    tokens = ['other'];
    expect(await status()).toBe(401);
  });

  test('where neither token nor JWT is set up, nobody gets in', async () => {
    const { app, codec } = codecApp({ auth: { kind: 'required' } });
    const response = await app.inject(call('/decode', { payloads: await encrypted() }));
    expectProblem(response, 401, 'unauthorized');
    expect(codec.worked).toBe(0);
  });
});

describe('origins', () => {
  const preflight = (origin: string): InjectOptions => ({
    method: 'OPTIONS',
    url: '/decode',
    headers: {
      origin,
      'access-control-request-method': 'POST',
      'access-control-request-headers': 'authorization,content-type,x-namespace',
    },
  });

  test("the UI's preflight is answered without a token", async () => {
    const { app } = codecApp();
    const response = await app.inject(preflight(UI));
    expect(response.statusCode).toBe(204);
    expect(response.headers).toMatchObject({
      'access-control-allow-origin': UI,
      'access-control-allow-credentials': 'true',
      'access-control-allow-methods': 'POST',
    });
    expect(String(response.headers['access-control-allow-headers']).split(', ')).toEqual(
      expect.arrayContaining(['authorization', 'content-type', 'x-namespace']),
    );
    expect(response.headers.vary).toContain('Origin');
  });

  test('the UI may read answers and refusals', async () => {
    const { app } = codecApp();
    const payloads = await encrypted();
    const answer = await app.inject(call('/decode', { payloads }, { origin: UI }));
    expect([answer.statusCode, answer.headers['access-control-allow-origin']]).toEqual([200, UI]);
    const refusal = await app.inject(call('/decode', { payloads }, { origin: UI, authorization: 'x' }));
    expect([refusal.statusCode, refusal.headers['access-control-allow-origin']]).toEqual([401, UI]);
  });

  test.each([
    'http://evil.example.com',
    'http://localhost:8234',
    'https://localhost:8233',
    'http://localhost:8233.evil.example.com',
    'http://LOCALHOST:8233',
    'null',
    '*',
    '',
  ])('the origin %j is refused, with a token too', async (origin) => {
    const { app, codec } = codecApp();
    const first = await app.inject(preflight(origin));
    expect(first.statusCode).toBe(403);
    expect(first.headers['access-control-allow-origin']).toBeUndefined();
    const response = await app.inject(call('/decode', { payloads: await encrypted() }, { origin }));
    expectProblem(response, 403, 'unauthorized');
    expect(response.headers['access-control-allow-origin']).toBeUndefined();
    expect(codec.worked).toBe(0);
  });
});

describe('without a token, on loopback', () => {
  const auth = { kind: 'none' } as const;

  test.each(['127.0.0.1:3002', 'localhost:3002', 'LOCALHOST', '[::1]:3002'])(
    'a request to %s is taken',
    async (host) => {
      const { app } = codecApp({ auth });
      const response = await app.inject(call('/decode', { payloads: await encrypted() }, { host }));
      expect(response.json()).toEqual({ payloads: [plain()] });
    },
  );

  test.each([
    'evil.example.com',
    'localhost.evil.example.com:3002',
    '127.0.0.1.evil.example.com',
    '10.0.0.5:3002',
    'localhost:3002@evil',
    '0.0.0.0:3002',
  ])('a request to %j, as a page could make it by a name of its own, is refused', async (host) => {
    const { app, codec } = codecApp({ auth });
    const response = await app.inject(call('/decode', { payloads: await encrypted() }, { host }));
    expectProblem(response, 403, 'unauthorized');
    expect(codec.worked).toBe(0);
  });

  test('a page of another origin is refused here too', async () => {
    const { app, codec } = codecApp({ auth });
    const headers = { host: 'localhost:3002', origin: 'http://evil.example.com' };
    expectProblem(
      await app.inject(call('/decode', { payloads: await encrypted() }, headers)),
      403,
      'unauthorized',
    );
    expect(codec.worked).toBe(0);
  });
});
