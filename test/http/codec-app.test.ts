import { toJson } from '../../src/http/codec/json-payloads';
import {
  call,
  closeCodecApps,
  codecApp,
  codecOf,
  encrypted,
  NAMESPACE,
  named,
  namedPlain,
  payloadOf,
  plain,
  SECRET_VALUE,
  TOKEN,
} from './support/codec-test-app';
import { expectProblem } from './support/problem';

afterEach(closeCodecApps);

describe('translation', () => {
  test('decodes what the codec encoded, in order', async () => {
    const { app } = codecApp();
    const values = [SECRET_VALUE, [], 'text', 5];
    const payloads = (await codecOf(NAMESPACE).encode(values.map((value) => named(payloadOf(value))))).map(
      toJson,
    );
    const response = await app.inject(call('/decode', { payloads }));
    expect(response.statusCode).toBe(200);
    expect(response.json()).toEqual({ payloads: values.map((value) => toJson(payloadOf(value))) });
  });

  test('encodes so that its own decoding gives the same back', async () => {
    const { app } = codecApp();
    const { payloads } = (await app.inject(call('/encode', { payloads: [namedPlain()] }))).json<{
      payloads: object[];
    }>();
    expect(JSON.stringify(payloads)).not.toContain(plain().data);
    const response = await app.inject(call('/decode', { payloads }));
    expect(response.json()).toEqual({ payloads: [plain()] });
  });

  test('hands a payload that is not encrypted back as it came, beside one that is', async () => {
    const { app } = codecApp();
    const foreign = { metadata: { encoding: 'anNvbi9wbGFpbg==' }, data: 'eyJhIjoxfQ==', extra: [1] };
    const response = await app.inject(call('/decode', { payloads: [foreign, ...(await encrypted()), {}] }));
    expect(response.json()).toEqual({ payloads: [foreign, plain(), {}] });
  });

  test('takes URL-safe and unpadded base64, as proto3 JSON allows', async () => {
    const { app } = codecApp();
    const [payload] = await encrypted();
    const data = payload?.data?.replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '');
    const response = await app.inject(call('/decode', { payloads: [{ ...payload, data }] }));
    expect(response.json()).toEqual({ payloads: [plain()] });
  });

  test('decodes the payload of a step that answers nothing', async () => {
    const { app } = codecApp();
    const nothing = { metadata: { encoding: Buffer.from('binary/null') } };
    const payloads = (await codecOf(NAMESPACE).encode([named(nothing)])).map(toJson);
    const response = await app.inject(call('/decode', { payloads }));
    expect(response.json()).toEqual({ payloads: [{ metadata: { encoding: 'YmluYXJ5L251bGw=' }, data: '' }] });
  });

  test('takes none, null and missing fields', async () => {
    const { app } = codecApp();
    expect((await app.inject(call('/decode', { payloads: [] }))).json()).toEqual({ payloads: [] });
    for (const body of [{}, null, { payloads: null }]) {
      const response = await app.inject(call('/decode', body));
      expect([response.statusCode, response.json()]).toEqual([200, { payloads: [] }]);
    }
    const nothing = await app.inject({ ...call('/decode', {}), payload: '' });
    expect([nothing.statusCode, nothing.json()]).toEqual([200, { payloads: [] }]);
    const empty = [{ metadata: null, data: null }];
    expect((await app.inject(call('/decode', { payloads: empty }))).statusCode).toBe(200);
  });

  test.each<[string, object]>([
    ['no metadata', { data: 'AAAA' }],
    ['metadata without a workflow', plain()],
    ['an empty workflow id', { ...plain(), metadata: { 'workflow-id': '' } }],
  ])('refuses to encode a payload with %s, and names the field', async (_name, payload) => {
    const { app, codec } = codecApp();
    const response = await app.inject(call('/encode', { payloads: [namedPlain(), payload] }));
    expectProblem(response, 400, 'invalid_request');
    expect(response.json()).toMatchObject({ errors: [{ path: 'payloads.1.metadata.workflow-id' }] });
    expect(codec.worked).toBe(0);
  });

  test.each<[string, (payload: { metadata?: object; data?: string }) => object]>([
    [
      'of another workflow than it says',
      (payload) => ({
        ...payload,
        metadata: {
          ...payload.metadata,
          'workflow-id': Buffer.from('processor-link/u2').toString('base64'),
        },
      }),
    ],
    ['altered', ({ data = '', ...rest }) => ({ ...rest, data: `${data.slice(0, -8)}AAAAAAA=` })],
    ['cut short', ({ data = '', ...rest }) => ({ ...rest, data: data.slice(0, 16) })],
    [
      'of a key that is not there',
      (payload) => ({
        ...payload,
        metadata: { ...payload.metadata, 'encryption-key-id': Buffer.from('k9').toString('base64') },
      }),
    ],
  ])('hands a payload that is %s back as it came, and reads the rest', async (_name, change) => {
    const { app, logText } = codecApp();
    const [payload = {}] = await encrypted();
    const broken = change({ metadata: payload.metadata ?? {}, data: payload.data ?? '' });
    const response = await app.inject(call('/decode', { payloads: [broken, payload] }));
    expect([response.statusCode, response.json()]).toEqual([200, { payloads: [broken, plain()] }]);
    expect(logText()).not.toContain('SECRET');
  });

  test.each<[string, unknown]>([
    ['a list', []],
    ['payloads that are no list', { payloads: {} }],
    ['a payload that is a string', { payloads: ['x'] }],
    ['a payload that is null', { payloads: [null] }],
    ['data that is a number', { payloads: [{ data: 5 }] }],
    ['data that is no base64', { payloads: [{ data: '!!' }] }],
    ['metadata that is a list', { payloads: [{ metadata: ['x'] }] }],
    ['metadata that is no base64', { payloads: [{ metadata: { encoding: 'binary/encrypted!' } }] }],
    ['too many payloads', { payloads: Array.from({ length: 10_001 }, () => ({})) }],
  ])('refuses %s as 400', async (_name, body) => {
    const { app, codec } = codecApp();
    for (const path of ['/decode', '/encode']) {
      expectProblem(await app.inject(call(path, body)), 400, 'invalid_request');
    }
    expect(codec.worked).toBe(0);
  });

  test.each(['{', '{"payloads":[{"__proto__":{"x":1}}]}', '{"payloads":[],"__proto__":{}}'])(
    'refuses the body %j as 400',
    async (payload) => {
      const { app } = codecApp();
      expectProblem(await app.inject({ ...call('/decode', {}), payload }), 400, 'invalid_request');
    },
  );

  test('refuses other types as 415, larger bodies as 413, other methods as 405, other paths as 404', async () => {
    const { app, codec } = codecApp({ bodyLimitBytes: 500 });
    const body = { payloads: await encrypted() };
    const text = call('/decode', body, { 'content-type': 'text/plain' });
    expectProblem(await app.inject(text), 415, 'unsupported_media_type');
    const large = call('/decode', { payloads: [{ data: 'A'.repeat(600) }] });
    expectProblem(await app.inject(large), 413, 'payload_too_large');
    expectProblem(await app.inject({ ...call('/decode', body), method: 'GET' }), 405, 'method_not_allowed');
    expectProblem(await app.inject(call('/other', body)), 404, 'not_found');
    expect(codec.worked).toBe(0);
  });

  test('no payload is in the log, whatever happens to it', async () => {
    const { app, logText } = codecApp();
    const [payload = {}] = await encrypted();
    await app.inject(call('/decode', { payloads: [payload] }));
    await app.inject(call('/encode', { payloads: [namedPlain()] }));
    await app.inject(call('/decode', { payloads: [payload], SECRET: 1 }));
    await app.inject(call(`/decode?SECRET=${TOKEN}`, { payloads: [{ data: 'SECRET!' }] }));
    expect(logText()).toContain('"route":"/decode"');
    for (const secret of ['SECRET', TOKEN, payload.data ?? '-', plain().data ?? '-']) {
      expect(logText()).not.toContain(secret);
    }
  });

  test('says who decoded the payloads of which workflows, from where', async () => {
    const { app, audited, logText } = codecApp();
    const payloads = await encrypted();
    await app.inject({
      ...call('/decode', { payloads: [...payloads, ...payloads] }),
      remoteAddress: '10.0.0.7',
    });
    await app.inject(call('/decode', { payloads }, { authorization: 'Bearer wrong-token-0123' }));
    expect(audited).toMatchObject([
      {
        action: 'decode',
        caller: 'token-1',
        address: '10.0.0.7',
        outcome: 'done',
        namespace: NAMESPACE,
        workflowIds: ['processor-link/u1'],
      },
      { action: 'decode', caller: undefined, outcome: 'unauthorized', status: 401 },
    ]);
    expect(JSON.stringify(audited) + logText()).not.toContain('wrong-token');
  });

  test.each(['/decode', `/${NAMESPACE}/decode`])(
    'answers under %s, with and without a namespace named',
    async (path) => {
      const { app } = codecApp();
      for (const namespace of [NAMESPACE, '']) {
        const response = await app.inject(
          call(path, { payloads: await encrypted() }, { 'x-namespace': namespace }),
        );
        expect(response.json()).toEqual({ payloads: [plain()] });
      }
      const { 'x-namespace': _, ...headers } = { 'x-namespace': '', ...call(path, {}).headers };
      const response = await app.inject({ ...call(path, { payloads: await encrypted() }), headers });
      expect(response.json()).toEqual({ payloads: [plain()] });
    },
  );

  test('counts wrong tokens by address, and lets a right one pass from there', async () => {
    const { app } = codecApp({ limits: { refusalsPerMinutePerAddress: 2 } });
    const guess = () => app.inject(call('/decode', {}, { authorization: 'Bearer wrong-token-0123' }));
    expectProblem(await guess(), 401, 'unauthorized');
    expectProblem(await guess(), 401, 'unauthorized');
    expectProblem(await guess(), 429, 'too_many_requests');
    expect((await app.inject(call('/decode', {}))).statusCode).toBe(200);
  });

  test('limits the calls of one caller', async () => {
    const { app } = codecApp({ limits: { callsPerMinutePerCaller: 1 } });
    expect((await app.inject(call('/decode', {}))).statusCode).toBe(200);
    expectProblem(await app.inject(call('/decode', {})), 429, 'too_many_requests');
  });

  test('has the three probes', async () => {
    const { app } = codecApp();
    expect((await app.inject({ url: '/readyz' })).json()).toEqual({ status: 'ready' });
    await app.inject(call('/decode', {}));
    const { body } = await app.inject({ url: '/metrics' });
    expect(body).toContain(
      'processor_link_http_request_duration_seconds_count{method="POST",route="/decode",status="200"} 1',
    );
  });

  test('/livez needs nothing', async () => {
    expect((await codecApp().app.inject({ url: '/livez' })).json()).toEqual({ status: 'alive' });
  });
});

describe('namespaces', () => {
  test.each<[string, number]>([
    ['other', 403],
    [NAMESPACE.toUpperCase(), 403],
    [`${NAMESPACE}, ${NAMESPACE}`, 403],
  ])('the namespace %j is refused', async (namespace, status) => {
    const { app, codec } = codecApp();
    const options = call('/decode', { payloads: await encrypted() }, { 'x-namespace': namespace });
    expectProblem(await app.inject(options), status, 'unauthorized');
    expect(codec.worked).toBe(0);
  });

  test('a path of another namespace is refused, whatever the header says', async () => {
    const { app, codec } = codecApp();
    expectProblem(
      await app.inject(call('/other/decode', { payloads: await encrypted() })),
      403,
      'unauthorized',
    );
    expect(codec.worked).toBe(0);
  });

  test('a payload of another namespace does not decode under this one', async () => {
    const { app } = codecApp();
    const payloads = await encrypted('other');
    expect((await app.inject(call('/decode', { payloads }))).json()).toEqual({ payloads });
  });
});
