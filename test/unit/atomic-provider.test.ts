import { getEventListeners, once } from 'node:events';
import { createServer } from 'node:net';
import { gzipSync } from 'node:zlib';
import { JOBS } from '../../src/contract/jobs';
import { createAtomic } from '../../src/providers/atomic/client';
import {
  type AtomicContractOverride,
  atomicContract,
  DEFAULT_ATOMIC_CONTRACT,
} from '../../src/providers/atomic/contract';
import { ProviderError, type ProviderFailure } from '../../src/providers/provider-error';
import type { Atomic } from '../../src/providers/types';
import matchesEmpty from '../fixtures/atomic/employer-matches.empty.json';
import matches from '../fixtures/atomic/employer-matches.json';
import errorFixtures from '../fixtures/atomic/errors.json';
import registerEmployer from '../fixtures/atomic/processor-link-create.employer-classification.json';
import registerRecurrence from '../fixtures/atomic/processor-link-create.recurrence-detection.json';
import processorLinkDelete from '../fixtures/atomic/processor-link-delete.json';
import recurringEmpty from '../fixtures/atomic/recurring-financial-transactions.empty.json';
import recurring from '../fixtures/atomic/recurring-financial-transactions.json';
import ids from '../fixtures/ids.json';
import { rejectionOf, textOfError } from '../support/error-text';
import {
  endless,
  json,
  type Reply,
  raw,
  reset,
  resetInBody,
  type ScriptedServer,
  silence,
  startScriptedServer,
  trickle,
} from '../support/scripted-server';

const userId = ids.userIdentifier;
const { processorToken } = ids;
const job = 'employer-classification';

let server: ScriptedServer;
let atomic: Atomic;

interface Differences {
  timeoutMs?: number;
  connectTimeoutMs?: number;
  baseUrl?: string;
  contract?: AtomicContractOverride;
  resultMaxBytes?: number;
}

function connect(differences: Differences = {}): Atomic {
  return createAtomic({
    apiKey: ids.atomicApiKey,
    apiSecret: ids.atomicApiSecret,
    baseUrl: server.url,
    timeoutMs: 5_000,
    ...differences,
  });
}

beforeAll(async () => {
  server = await startScriptedServer();
  atomic = connect();
});

afterAll(() => server.close());

async function failureOf(promise: Promise<unknown>): Promise<ProviderFailure> {
  const error = await rejectionOf(promise);
  if (!(error instanceof ProviderError)) throw error;
  return error.failure;
}

function requestsMade(): string[] {
  return server.received.map(({ method, path }) => `${method} ${path}`);
}

function sentBody(index = 0): unknown {
  return JSON.parse(server.received[index]?.body ?? '');
}

const CALLS = [
  {
    operation: 'POST /plaid/processor-link',
    call: (client: Atomic, signal?: AbortSignal) =>
      client.registerProcessorLink({ userId, processorToken, job }, signal && { signal }),
  },
  {
    operation: 'DELETE /plaid/processor-link',
    call: (client: Atomic, signal?: AbortSignal) =>
      client.removeProcessorLink({ userId }, signal && { signal }),
  },
  {
    operation: 'GET /employer-matches/{identifier}',
    call: (client: Atomic, signal?: AbortSignal) =>
      client.fetchJobResult({ userId, job }, signal && { signal }),
  },
];

describe('registerProcessorLink', () => {
  it.each([
    ['employer-classification', registerEmployer],
    ['recurrence-detection', registerRecurrence],
  ] as const)('sends the assumed request for %s', async (wanted, { request, response }) => {
    server.script(json(response.status, response.body));
    await atomic.registerProcessorLink({ userId, processorToken, job: wanted }, { requestId: 'req-42' });
    expect(requestsMade()).toEqual([`${request.method} ${request.path}`]);
    expect(server.received[0]?.headers).toMatchObject({ ...request.headers, 'x-request-id': 'req-42' });
    expect(sentBody()).toEqual(request.body);
  });

  it.each<[string, Reply]>([
    ['201', json(201, { data: {} })],
    ['202 without a body', raw(202, '')],
    ['204', (response) => response.writeHead(204).end()],
    ['200 with any JSON', json(200, 'OK')],
  ])('takes a %s for done', async (_what, reply) => {
    server.script(reply);
    await expect(atomic.registerProcessorLink({ userId, processorToken, job })).resolves.toBeUndefined();
  });

  it('makes an unknown user known, then tries once more', async () => {
    server.script(json(404, { code: 40401 }), json(200, { data: { publicToken: 't' } }), json(200, {}));
    await atomic.registerProcessorLink({ userId, processorToken, job });
    expect(requestsMade()).toEqual([
      'POST /plaid/processor-link',
      'POST /access-token',
      'POST /plaid/processor-link',
    ]);
    expect(sentBody(1)).toEqual({ identifier: userId });
    expect(sentBody(2)).toEqual(registerEmployer.request.body);
  });

  it('tries once more only, when the user stays unknown', async () => {
    server.script(json(404, {}), json(200, {}), json(404, {}));
    await expect(
      failureOf(atomic.registerProcessorLink({ userId, processorToken, job })),
    ).resolves.toMatchObject({
      operation: 'POST /plaid/processor-link',
      failureClass: 'not_found',
      ambiguous: false,
    });
    expect(server.received).toHaveLength(3);
  });

  it('says so when it is making the user known that fails', async () => {
    server.script(json(404, {}), json(401, {}));
    await expect(
      failureOf(atomic.registerProcessorLink({ userId, processorToken, job })),
    ).resolves.toMatchObject({ operation: 'POST /access-token', failureClass: 'configuration' });
    expect(server.received).toHaveLength(2);
  });

  it('holds its three requests to one deadline', async () => {
    const late =
      (reply: Reply): Reply =>
      (response, request) =>
        setTimeout(() => reply(response, request), 1_200);
    server.script(late(json(404, {})), late(json(200, {})), late(json(200, {})));
    const call = connect({ timeoutMs: 2_000 }).registerProcessorLink({ userId, processorToken, job });
    await expect(failureOf(call)).resolves.toMatchObject({
      code: 'TIMEOUT',
      operation: 'POST /access-token',
    });
  });
});

describe('removeProcessorLink', () => {
  it('sends the assumed request', async () => {
    const { request, response } = processorLinkDelete;
    server.script(json(response.status, response.body));
    await atomic.removeProcessorLink({ userId });
    expect(requestsMade()).toEqual([`${request.method} ${request.path}`]);
    expect(server.received[0]?.headers).toMatchObject(request.headers);
    expect(sentBody()).toEqual(request.body);
  });

  it('takes a 404 for done', async () => {
    server.script(json(404, {}));
    await expect(atomic.removeProcessorLink({ userId })).resolves.toBeUndefined();
    expect(server.received).toHaveLength(1);
  });
});

describe('fetchJobResult', () => {
  it.each([
    ['employer-classification', matches],
    ['recurrence-detection', recurring],
    ['employer-classification', matchesEmpty],
    ['recurrence-detection', recurringEmpty],
  ] as const)('reads the assumed answer of %s', async (wanted, { request, status, body }) => {
    server.script(json(status, body));
    await expect(atomic.fetchJobResult({ userId, job: wanted })).resolves.toEqual({
      kind: 'found',
      resultText: JSON.stringify(body.data),
      empty: body.data.length === 0,
      sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
    });
    expect(requestsMade()).toEqual([`${request.method} ${request.path}`]);
    expect(server.received[0]?.headers).toMatchObject(request.headers);
    expect(server.received[0]?.headers).not.toHaveProperty('content-type');
    expect(server.received[0]?.body).toBe('');
  });

  it('takes a 404 for no result', async () => {
    server.script(json(404, {}));
    await expect(atomic.fetchJobResult({ userId, job })).resolves.toEqual({ kind: 'none' });
  });

  it.each([
    ['an object in data', '{"data":{"a":1},"meta":2}', '{"a":1}', true],
    ['null in data', '{"data":null}', 'null', true],
    ['a list without data', '[ {"a":1.50} ]', '[ {"a":1.50} ]', false],
    ['an empty list without data', '[]', '[]', true],
    ['an object without data', '{"employers":[]}', '{"employers":[]}', true],
    [
      'an object with a filled list',
      '{"data":{"employers":[{}],"rest":[]}}',
      '{"employers":[{}],"rest":[]}',
      false,
    ],
    ['null', 'null', 'null', true],
    ['text of other scripts', '{"data":["Bäckerei 日本 🥨"]}', '["Bäckerei 日本 🥨"]', false],
    ['the space in data', '{ "data" : [ 1 ,\n2 ] , "b":0}', '[ 1 ,\n2 ]', false],
    ['the last of two', '{"data":[1],"d\\u0061ta":[2]}', '[2]', false],
    ['braces and quotes in texts', '{"a":"}\\"{","data":["]\\\\"]}', '["]\\\\"]', false],
    [
      'digits beyond 2^53',
      '{"data":[9007199254740993,12345678901234567890,1e400,1.10]}',
      '[9007199254740993,12345678901234567890,1e400,1.10]',
      false,
    ],
  ])('keeps %s unchanged', async (_what, body, resultText, empty) => {
    server.script(raw(200, body, { 'content-type': 'application/json' }));
    await expect(atomic.fetchJobResult({ userId, job })).resolves.toMatchObject({
      kind: 'found',
      resultText,
      empty,
    });
  });

  it.each([
    ['a 202 with a status', json(202, { data: { status: 'accepted' } })],
    ['a 204', raw(204, '')],
    ['data that is processing', json(200, { data: { status: 'processing', matches: [{ _id: 'a' }] } })],
    ['data that is pending', json(200, { data: { status: 'PENDING' } })],
    ['a body that is in progress', json(200, { status: 'in-progress', data: [] })],
  ])('takes %s for no result yet', async (_what, reply) => {
    server.script(reply);
    await expect(atomic.fetchJobResult({ userId, job })).resolves.toEqual({ kind: 'none' });
  });

  it.each([{ data: { status: 'failed' } }, { status: 'FAILURE', data: [] }, { status: 'error' }])(
    'takes %j for a job that failed',
    async (body) => {
      server.script(json(200, body));
      await expect(atomic.fetchJobResult({ userId, job })).resolves.toEqual({ kind: 'failed' });
    },
  );

  it.each([
    { data: [{ status: 'failed' }] },
    { data: { status: 'active', list: [1] } },
    { data: { status: 3, list: [1] } },
  ])('reads no failure in %j', async (body) => {
    server.script(json(200, body));
    await expect(atomic.fetchJobResult({ userId, job })).resolves.toMatchObject({ kind: 'found' });
  });

  async function hashOf(body: string): Promise<string> {
    server.script(raw(200, body));
    const found = await atomic.fetchJobResult({ userId, job });
    if (found.kind !== 'found') throw new Error('no result');
    return found.sha256;
  }

  it.each([
    ['the order of fields', '{"data":[{"a":1,"b":{"c":2,"d":3}}]}', '{"data":[{"b":{"d":3,"c":2},"a":1}]}'],
    ['space', '{"data":[{"a":1}]}', '{ "data": [ { "a": 1.0 } ] }'],
    ['what stands beside data', '{"data":[1],"requestId":"a"}', '{"data":[1],"requestId":"b"}'],
    ['a time beside the list', '{"data":{"list":[1],"at":"1"}}', '{"data":{"at":"2","list":[1],"other":[]}}'],
  ])('knows the result of an earlier run whatever %s', async (_what, one, other) => {
    expect(await hashOf(one)).toBe(await hashOf(other));
  });

  it.each([
    ['another entry', '{"data":[1]}', '{"data":[2]}'],
    ['another order of entries', '{"data":[1,2]}', '{"data":[2,1]}'],
    ['a list of another name', '{"data":{"a":[1]}}', '{"data":{"b":[1]}}'],
    ['nothing', '{"data":[1]}', '{"data":null}'],
  ])('knows %s for a new result', async (_what, one, other) => {
    expect(await hashOf(one)).not.toBe(await hashOf(other));
  });

  it('takes a result of exactly the cap, and refuses one byte more', async () => {
    const body = (length: number) => JSON.stringify({ data: ['x'.repeat(length - '{"data":[""]}'.length)] });
    server.script(raw(200, body(1_024_000)));
    await expect(atomic.fetchJobResult({ userId, job })).resolves.toMatchObject({ kind: 'found' });
    const announced = raw(200, body(1_024_001));
    const chunked: Reply = (response) => {
      response.writeHead(200);
      response.write(body(1_024_001));
      response.end();
    };
    const compressed = raw(200, gzipSync(body(1_024_001)), { 'content-encoding': 'gzip' });
    for (const reply of [announced, chunked, compressed]) {
      server.script(reply);
      await expect(failureOf(atomic.fetchJobResult({ userId, job }))).resolves.toMatchObject({
        operation: 'GET /employer-matches/{identifier}',
        failureClass: 'too_large',
        code: 'TOO_LARGE',
        status: 200,
      });
    }
  });

  it('does not wait for a body that says itself that it is over the cap', async () => {
    server.script((response) => {
      response.writeHead(200, { 'content-length': '1024001' });
      response.write('[');
    });
    await expect(failureOf(atomic.fetchJobResult({ userId, job }))).resolves.toMatchObject({
      failureClass: 'too_large',
    });
  });

  it('gives up on an endless body at once, and closes its connection', async () => {
    const givenUp = new Promise<number>((resolve) => server.script(endless(resolve)));
    await expect(failureOf(atomic.fetchJobResult({ userId, job }))).resolves.toMatchObject({
      failureClass: 'too_large',
    });
    await expect(givenUp).resolves.toBeLessThan(30_000_000);
  });

  it.each<[string, Reply]>([
    ['half of a JSON body', raw(200, '{"data":[', { 'content-type': 'application/json' })],
    ['bytes that are no UTF-8', raw(200, Buffer.from([0x22, 0xff, 0x22]))],
    ['plain text', raw(200, 'OK')],
  ])('does not take %s for a result', async (_what, reply) => {
    server.script(reply);
    await expect(failureOf(atomic.fetchJobResult({ userId, job }))).resolves.toMatchObject({
      failureClass: 'transient',
      code: 'NOT_JSON',
      ambiguous: true,
    });
  });

  it.each<[string, Reply]>([
    ['a body that is not JSON', raw(200, `${ids.atomicApiSecret} ${userId}`)],
    ['a huge body', endless(() => undefined)],
  ])('holds nothing secret in the error of %s', async (_what, reply) => {
    server.script(reply);
    const text = textOfError(await rejectionOf(atomic.fetchJobResult({ userId, job })));
    expect(text).toContain('atomic GET');
    for (const secret of [ids.atomicApiSecret, ids.atomicApiKey, userId]) expect(text).not.toContain(secret);
  });

  it.each([
    ['would be longer when it is written again', `[${Array(180_000).fill('1e20').join(',')}]`],
    ['is nested too deeply to be written again', `${'['.repeat(400_000)}${']'.repeat(400_000)}`],
  ])('keeps a result that %s', async (_what, body) => {
    expect(body.length).toBeLessThan(1_024_000);
    server.script(raw(200, body));
    await expect(atomic.fetchJobResult({ userId, job })).resolves.toMatchObject({ resultText: body });
  });
});

const CLASS_OF_FIXTURE: Record<string, string> = {
  'bad credentials': 'configuration',
  validation: 'rejected',
  'unacceptable request': 'rejected',
  'server fault': 'transient',
  throttled: 'rate_limited',
  'gateway page': 'transient',
};

function replyOf(response: (typeof errorFixtures)[number]['response']): Reply {
  const { 'content-type': contentType, ...headers } = response.headers;
  return raw(response.status, response.rawBody ?? JSON.stringify(response.body), {
    'content-type': contentType,
    ...('retry-after' in headers ? { 'retry-after': headers['retry-after'] } : {}),
  });
}

describe.each(CALLS.filter(({ operation }) => !operation.startsWith('GET')))(
  'the acknowledgement of $operation',
  ({ call }) => {
    it.each<[string, Reply]>([
      ['nothing', raw(204, '')],
      ['plain text', raw(202, 'Accepted')],
      ['half of a JSON body', raw(200, '{"data":[', { 'content-type': 'application/json' })],
    ])('may be %s', async (_what, reply) => {
      server.script(reply);
      await expect(call(atomic)).resolves.toBeUndefined();
    });

    it('may go on for ever: its connection is closed', async () => {
      const givenUp = new Promise<number>((resolve) => server.script(endless(resolve)));
      await expect(call(atomic)).resolves.toBeUndefined();
      await expect(givenUp).resolves.toBeLessThan(30_000_000);
    });
  },
);

describe.each(CALLS)('failures of $operation', ({ operation, call }) => {
  it.each(errorFixtures.filter(({ class: fixtureClass }) => fixtureClass !== 'not_found'))(
    'are classified: $name',
    async ({ name, response }) => {
      server.script(replyOf(response));
      await expect(failureOf(call(atomic))).resolves.toEqual({
        provider: 'atomic',
        operation,
        failureClass: CLASS_OF_FIXTURE[name],
        code: `HTTP_${response.status}`,
        status: response.status,
        ...(response.status === 429 && { retryAfterMs: 7_000 }),
        ambiguous: response.status >= 500,
      });
      expect(server.received).toHaveLength(1);
    },
  );

  it.each([
    [403, 'configuration'],
    [405, 'rejected'],
    [408, 'transient'],
    [409, 'conflict'],
    [425, 'transient'],
    [503, 'transient'],
    [504, 'transient'],
  ])('are classified by status: %i', async (status, failureClass) => {
    server.script(json(status, { code: status * 100 }));
    const failure = await failureOf(call(atomic));
    expect(failure).toMatchObject({
      failureClass,
      code: `HTTP_${status}`,
      ambiguous: failureClass === 'transient',
    });
    expect(failure.foreign).toBeUndefined();
  });

  it.each([400, 401, 403, 404, 409, 418])(
    "know the page of a gateway with a %i from Atomic's word",
    async (status) => {
      for (const page of [raw(status, '<html></html>'), raw(status, ''), raw(status, '"no"')]) {
        server.script(page);
        await expect(failureOf(call(atomic))).resolves.toMatchObject({ foreign: true, ambiguous: true });
        expect(server.received).toHaveLength(1);
      }
    },
  );

  it.each([429, 503])('honour Retry-After of a %i, as a date too', async (status) => {
    const inAnHour = new Date(Date.now() + 3_600_000).toUTCString();
    server.script(raw(status, '', { 'retry-after': inAnHour }));
    const { retryAfterMs } = await failureOf(call(atomic));
    expect(retryAfterMs).toBeGreaterThan(3_590_000);
    expect(retryAfterMs).toBeLessThanOrEqual(3_600_000);
  });

  it('ignore Retry-After of any other status', async () => {
    server.script(raw(400, '', { 'retry-after': '7' }));
    await expect(failureOf(call(atomic))).resolves.not.toHaveProperty('retryAfterMs');
  });

  it('keep a request id of Atomic, and nothing that is none', async () => {
    server.script(raw(500, '', { 'x-request-id': 'a1b2-c3' }));
    await expect(failureOf(call(atomic))).resolves.toMatchObject({ requestId: 'a1b2-c3' });
    server.script(raw(500, '', { 'x-request-id': 'not an id' }));
    await expect(failureOf(call(atomic))).resolves.not.toHaveProperty('requestId');
  });

  it.each([301, 302, 303, 307, 308])('include a %i, which is not followed', async (status) => {
    server.script(raw(status, '', { location: `${server.url}/elsewhere` }), json(200, {}));
    await expect(failureOf(call(atomic))).resolves.toMatchObject({
      failureClass: 'rejected',
      code: `HTTP_${status}`,
      foreign: true,
    });
    expect(server.received).toHaveLength(1);
  });

  it.each<[string, Reply]>([['HTML', raw(200, '<html></html>', { 'content-type': 'text/html' })]])(
    'include a 200 with %s',
    async (_what, reply) => {
      server.script(reply);
      await expect(failureOf(call(atomic))).resolves.toEqual({
        provider: 'atomic',
        operation,
        failureClass: 'transient',
        code: 'NOT_JSON',
        status: 200,
        ambiguous: true,
      });
    },
  );

  it.each<[string, Reply]>([
    ['before the answer', reset],
    ['within the answer', resetInBody],
  ])('include a connection reset %s', async (_when, reply) => {
    server.script(reply);
    await expect(failureOf(call(atomic))).resolves.toEqual({
      provider: 'atomic',
      operation,
      failureClass: 'transient',
      code: 'CONNECTION',
      ambiguous: true,
    });
    expect(server.received).toHaveLength(1);
  });

  it('include a refused connection, which had no effect', async () => {
    const closed = await startScriptedServer();
    await closed.close();
    await expect(failureOf(call(connect({ baseUrl: closed.url })))).resolves.toMatchObject({
      failureClass: 'transient',
      code: 'CONNECTION',
      ambiguous: false,
    });
  });

  it.each<[string, Reply]>([
    ['never answers', silence],
    ['never ends its answer', trickle],
  ])('include a deadline on a server that %s', async (_what, reply) => {
    server.script(reply);
    await expect(failureOf(call(connect({ timeoutMs: 1_000 })))).resolves.toEqual({
      provider: 'atomic',
      operation,
      failureClass: 'transient',
      code: 'TIMEOUT',
      ambiguous: true,
    });
  });

  it('include a server that takes no TLS, which had no effect', async () => {
    const silent = createServer().listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const address = silent.address();
    if (address === null || typeof address === 'string') throw new Error('no port');
    const baseUrl = `https://127.0.0.1:${address.port}`;
    const failure = await failureOf(call(connect({ baseUrl, connectTimeoutMs: 100 })));
    expect(failure).toMatchObject({ failureClass: 'transient', code: 'CONNECTION', ambiguous: false });
    silent.close();
  });

  it('close the connection of a refusal whose body goes on', async () => {
    const givenUp = new Promise<number>((resolve) => server.script(endless(resolve, 500)));
    await expect(failureOf(call(atomic))).resolves.toMatchObject({ code: 'HTTP_500' });
    await expect(givenUp).resolves.toBeLessThan(30_000_000);
  });

  it('leave nothing on the signal of the caller', async () => {
    const { signal } = new AbortController();
    server.script(json(500, {}));
    await failureOf(call(atomic, signal));
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
  });

  it('go by the status when the body of a refusal never ends', async () => {
    server.script((response) => {
      response.writeHead(422);
      response.write('{');
    });
    await expect(failureOf(call(connect({ timeoutMs: 1_500 })))).resolves.toMatchObject({
      failureClass: 'rejected',
      code: 'HTTP_422',
      foreign: true,
    });
  });

  it('are the reason of the caller when it was the caller who gave up', async () => {
    const reason = new Error('unlink');
    server.script(silence);
    await expect(call(atomic, AbortSignal.abort(reason))).rejects.toBe(reason);
    expect(server.received).toHaveLength(0);
    for (const reply of [silence, trickle]) {
      server.script(reply);
      const cancel = new AbortController();
      const arrived = server.nextRequest();
      const rejection = rejectionOf(call(atomic, cancel.signal));
      await arrived;
      cancel.abort(reason);
      await expect(rejection).resolves.toBe(reason);
    }
  });

  const secrets = [ids.atomicApiKey, ids.atomicApiSecret, processorToken, userId, 'quoted words'];
  const quote = secrets.join(' ');
  it.each<[string, Reply]>([
    ['a refusal', json(422, { code: 42201, message: quote })],
    ['a fault', json(500, { message: quote })],
    ['a page', raw(502, `<html>${quote}</html>`)],
    ['a redirect', raw(302, '', { location: `http://127.0.0.1:1/?${processorToken}` })],
    ['a rate limit', raw(429, quote, { 'retry-after': quote, 'x-request-id': quote })],
    ['a page with a 200', raw(200, quote, { 'content-type': 'text/html' })],
    ['a reset', reset],
    ['a reset within the answer', resetInBody],
    ['a deadline', silence],
  ])('hold nothing secret: %s', async (_what, reply) => {
    server.script(reply);
    const error = await rejectionOf(call(connect({ timeoutMs: 300 })));
    expect(error).toBeInstanceOf(ProviderError);
    const text = textOfError(error);
    expect(text).toContain(`atomic ${operation}`);
    for (const secret of secrets) expect(text).not.toContain(secret);
  });
});

describe('the settable contract', () => {
  it('renames the fields of the token and of the user', async () => {
    const client = connect({ contract: { tokenField: 'processor_token', userField: 'userId' } });
    server.script(json(404, {}), json(200, {}), json(200, {}), json(200, {}));
    await client.registerProcessorLink({ userId, processorToken, job });
    await client.removeProcessorLink({ userId });
    expect(sentBody(2)).toEqual({ userId, processor_token: processorToken, job });
    expect(sentBody(1)).toEqual({ identifier: userId });
    expect(sentBody(3)).toEqual({ userId });
  });

  it.each([
    ['query', 'DELETE /plaid/processor-link?identifier=a%3Ab'],
    ['path', 'DELETE /plaid/processor-link/a%3Ab'],
  ] as const)('names the user of a DELETE in the %s, URL-encoded', async (deleteUserIn, request) => {
    server.script(json(200, {}));
    await connect({ contract: { deleteUserIn } }).removeProcessorLink({ userId: 'a:b' });
    expect(requestsMade()).toEqual([request]);
    expect(server.received[0]?.body).toBe('');
    expect(server.received[0]?.headers).not.toHaveProperty('content-type');
  });

  it('keeps the user out of the error of a DELETE that names it in the URL', async () => {
    for (const deleteUserIn of ['query', 'path'] as const) {
      server.script(raw(500, ''));
      const error = await rejectionOf(
        connect({ contract: { deleteUserIn } }).removeProcessorLink({ userId }),
      );
      expect(textOfError(error)).not.toContain(userId);
    }
  });

  it('moves one result without moving the other', async () => {
    const resultPaths = { 'employer-classification': '/user/{identifier}/employer-matches?limit=50' };
    const client = connect({ contract: { resultPaths }, baseUrl: `${server.url}/v2/` });
    server.script(json(200, []));
    await client.fetchJobResult({ userId: 'a:b$&', job: 'employer-classification' });
    await client.fetchJobResult({ userId: 'a:b$&', job: 'recurrence-detection' });
    expect(requestsMade()).toEqual([
      'GET /v2/user/a%3Ab%24%26/employer-matches?limit=50',
      'GET /v2/recurring-financial-transactions/a%3Ab%24%26',
    ]);
  });

  it('keeps the defaults where nothing is set', () => {
    expect(atomicContract()).toEqual(DEFAULT_ATOMIC_CONTRACT);
    expect(
      atomicContract({
        tokenField: undefined,
        deleteUserIn: undefined,
        resultPaths: { [JOBS[0]]: undefined },
      }),
    ).toEqual(DEFAULT_ATOMIC_CONTRACT);
  });

  it.each(['/employer-matches', 'employer-matches/{identifier}', '/a b/{identifier}', ''])(
    'refuses %j as the path of a result',
    (path) => {
      expect(() => atomicContract({ resultPaths: { 'employer-classification': path } })).toThrow(
        'The result path of employer-classification must begin with / and hold {identifier}',
      );
    },
  );

  it('does not quote a secret that cannot be sent', () => {
    const create = () => createAtomic({ apiKey: 'k', apiSecret: 'hush\n', baseUrl: server.url });
    expect(create).toThrow('Atomic API secret must be printable ASCII without spaces or line breaks');
  });
});
