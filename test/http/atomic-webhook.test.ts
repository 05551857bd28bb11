import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expectProblem } from './support/problem';
import { linkClientError } from './support/scripted-links';
import { ATOMIC_SECRET, closeApps, signAtomic, type TestApp, testApp } from './support/test-app';

afterEach(closeApps);

const BODY = JSON.stringify({
  eventType: 'employer-classification-completed',
  eventTime: '2026-11-18T15:07:36.412Z',
  user: { _id: '691c8c4a5d2f3b7a90e1c6d4', identifier: 'user-0001' },
  data: { count: 2 },
});

interface Sent {
  body?: string | Buffer;
  signature?: string | undefined;
  headers?: Record<string, string>;
}

function send({ app }: TestApp, { body = BODY, headers, ...rest }: Sent = {}) {
  const signature = 'signature' in rest ? rest.signature : signAtomic(body);
  return app.inject({
    method: 'POST',
    url: '/webhooks/atomic',
    headers: {
      'content-type': 'application/json',
      ...(signature !== undefined && { 'x-hmac-signature-sha-256': signature }),
      ...headers,
    },
    payload: body,
  });
}

async function counted({ metrics }: TestApp): Promise<Record<string, number>> {
  const { values = [] } = (await metrics.getSingleMetric('processor_link_webhooks_total')?.get()) ?? {};
  return Object.fromEntries(
    values.map(({ labels, value }) => [`${labels.provider} ${labels.outcome}`, value]),
  );
}

test('a signed webhook becomes a signal: the job, the time and the digest of the body, and nothing else', async () => {
  const made = testApp();
  const response = await send(made);
  expect([response.statusCode, response.json()]).toEqual([200, { received: true }]);
  expect(made.links.calls).toEqual([
    {
      method: 'signalAtomicWebhook',
      args: [
        'user-0001',
        {
          job: 'employer-classification',
          bodySha256: createHash('sha256').update(BODY).digest('hex'),
          eventTime: '2026-11-18T15:07:36.412Z',
        },
        { requestId: response.headers['x-request-id'] },
      ],
    },
  ]);
  expect(await counted(made)).toEqual({ 'atomic delivered': 1 });
});

test('what came is measured by how late it is; what was not sent by Atomic is not', async () => {
  const made = testApp();
  const eventTime = new Date(Date.now() - 60_000).toISOString();
  const late = BODY.replace('2026-11-18T15:07:36.412Z', eventTime);
  await send(made, { body: late });
  await send(made, { body: late, signature: 'f'.repeat(64) });
  const { values = [] } =
    (await made.metrics.getSingleMetric('processor_link_webhook_lag_seconds')?.get()) ?? {};
  const { labels, value } =
    values.find((one) => 'metricName' in one && `${one.metricName}`.endsWith('sum')) ?? {};
  expect([labels, values.at(-1)?.value]).toEqual([{ job: 'employer-classification' }, 1]);
  expect(value).toBeGreaterThanOrEqual(60);
});

test.each(['webhook.employer-classification-completed', 'webhook.recurring-transaction-detection-completed'])(
  'takes the fixture %s with its headers',
  async (name) => {
    const made = testApp();
    const file = path.join(__dirname, '..', 'fixtures', 'atomic', `${name}.json`);
    const { body } = JSON.parse(readFileSync(file, 'utf8')) as { body: { eventType: string } };
    const response = await send(made, {
      body: JSON.stringify(body),
      headers: { 'ce-type': `com.atomicfi.${body.eventType}`, 'ce-id': '1', 'ce-specversion': '1.0' },
    });
    expect(response.statusCode).toBe(200);
    expect(made.links.callsOf('signalAtomicWebhook')).toHaveLength(1);
  },
);

test('the raw bytes are what is signed: spaces, escapes and line ends too', async () => {
  const made = testApp();
  const body = `{ "eventType" : "employer-classification-completed",\r\n "eventTime":"2026-11-18T15:07:36Z",
    "user":{"identifier":"user-0001"}, "data":{"name":"caf\\u00e9 ✓","amount":1e2} }\n`;
  expect((await send(made, { body })).statusCode).toBe(200);
  const reserialised = signAtomic(JSON.stringify(JSON.parse(body)));
  expectProblem(await send(made, { body, signature: reserialised }), 401, 'invalid_signature');
});

test('any of the secrets will do, in hex of any case, and they can be rotated', async () => {
  let secrets = ['old', ATOMIC_SECRET];
  const made = testApp({ atomicWebhookSecrets: () => secrets });
  const statusOf = async (signature: string) => (await send(made, { signature })).statusCode;
  expect(await statusOf(signAtomic(BODY))).toBe(200);
  expect(await statusOf(signAtomic(BODY).toUpperCase())).toBe(200);
  expect(await statusOf(signAtomic(BODY, 'old'))).toBe(200);
  secrets = ['new'];
  expect(await statusOf(signAtomic(BODY, 'old'))).toBe(401);
  expect(await statusOf(signAtomic(BODY, 'new'))).toBe(200);
});

const good = signAtomic(BODY);

test.each<[string, string | undefined]>([
  ['none', undefined],
  ['empty', ''],
  ['of another secret', signAtomic(BODY, 'other')],
  ['of an empty secret', signAtomic(BODY, '')],
  ['of another body', signAtomic(`${BODY} `)],
  ['one digit short', good.slice(0, -1)],
  ['one digit long', `${good}0`],
  ['two signatures', `${good}, ${good}`],
  ['with a prefix', `sha256=${good}`],
  ['in quotes', `"${good}"`],
  ['in base64', Buffer.from(good, 'hex').toString('base64')],
  ['no hex', 'z'.repeat(64)],
  ['full-width digits', '\uff11'.repeat(10)],
  ['very long', 'a'.repeat(8000)],
  ['an object', '[object Object]'],
  ['zeros', '0'.repeat(64)],
])('a signature that is %s is refused as 401, and Temporal hears nothing', async (_name, signature) => {
  const made = testApp();
  const header = signature && Buffer.from(signature).toString('latin1');
  expectProblem(await send(made, { signature: header }), 401, 'invalid_signature');
  expect(made.links.calls).toEqual([]);
});

test('without a secret nobody can sign', async () => {
  const made = testApp({ atomicWebhookSecrets: () => [''] });
  expectProblem(await send(made, { signature: signAtomic(BODY, '') }), 401, 'invalid_signature');
  expect(await counted(made)).toEqual({ 'atomic no_secret': 1 });
});

const event = (fields: object) => JSON.stringify({ ...JSON.parse(BODY), ...fields });

test.each<[string, string | Buffer]>([
  ['empty', ''],
  ['no JSON', 'employer-classification-completed'],
  ['cut off', BODY.slice(0, -1)],
  ['a list', '[]'],
  ['null', 'null'],
  ['without eventType', event({ eventType: undefined })],
  ['with an eventType that is a number', event({ eventType: 5 })],
  ['without a user', event({ user: undefined })],
  ['with a user without identifier', event({ user: {} })],
  ['poisoned', BODY.replace('"data"', '"__proto__"')],
  ['not UTF-8', Buffer.from([0x7b, 0xff, 0xfe, 0x7d])],
  ['deeply nested', '['.repeat(50_000)],
])('a signed body that is %s is refused as 400', async (_name, body) => {
  const made = testApp();
  const { errors } = expectProblem(await send(made, { body }), 400, 'invalid_request');
  expect(errors?.length).toBeGreaterThan(0);
  expect(made.links.calls).toEqual([]);
  expect(await counted(made)).toEqual({ 'atomic invalid_body': 1 });
});

test('a ce-type that disagrees with the body is refused as 400, one that agrees or none is taken', async () => {
  const made = testApp();
  const withType = (type: string) => send(made, { headers: { 'ce-type': type } });
  expect((await withType('com.atomicfi.employer-classification-completed')).statusCode).toBe(200);
  for (const type of [
    'com.atomicfi.recurring-transaction-detection-completed',
    'employer-classification-completed',
    'com.atomicfi.employer-classification-completed, com.atomicfi.employer-classification-completed',
    'x',
  ]) {
    expectProblem(await withType(type), 400, 'invalid_request');
  }
  expect(made.links.calls).toHaveLength(1);
});

test.each<[string, object]>([
  ['an event that is not ours', { eventType: 'task-status-updated' }],
  ['an event that does not exist yet', { eventType: 'toString' }],
  ['a user id that we cannot have given', { user: { identifier: 'José Ω' } }],
  ['a user id too long', { user: { identifier: 'x'.repeat(129) } }],
])('%s is answered 200 and does nothing', async (_name, fields) => {
  const made = testApp();
  const response = await send(made, { body: event(fields) });
  expect([response.statusCode, response.json()]).toEqual([200, { received: true }]);
  expect(made.links.calls).toEqual([]);
  expect(await counted(made)).toEqual({ 'atomic ignored': 1 });
});

test('a user without an open link is answered 200', async () => {
  const made = testApp();
  made.links.script({ signalAtomicWebhook: async () => 'no_open_link' });
  expect((await send(made)).statusCode).toBe(200);
  expect(await counted(made)).toEqual({ 'atomic no_open_link': 1 });
});

test('while Temporal cannot take it the answer is 503, so that Atomic comes again', async () => {
  const made = testApp();
  made.links.failWith(() => linkClientError('temporal_unavailable'));
  expectProblem(await send(made), 503, 'temporal_unavailable');
  expect(await counted(made)).toEqual({ 'atomic not_taken': 1 });
});

test('a Temporal that does not answer is given up within 5 s', async () => {
  jest.useFakeTimers({ doNotFake: ['nextTick', 'setImmediate', 'queueMicrotask'] });
  try {
    const made = testApp();
    await made.app.ready();
    made.links.script({ signalAtomicWebhook: () => new Promise(() => undefined) });
    const answer = send(made);
    while (made.links.calls.length === 0) await new Promise((resolve) => setImmediate(resolve));
    jest.advanceTimersByTime(5000);
    expectProblem(await answer, 503, 'temporal_unavailable');
  } finally {
    jest.useRealTimers();
  }
});

describe('the order of checks', () => {
  const tooLarge = 'x'.repeat(2000);
  const limits = { webhookBodyBytes: 1000 };

  test('too large comes before wrong type and wrong signature', async () => {
    const made = testApp({ limits });
    const headers = { 'content-type': 'text/plain' };
    const sent = { body: tooLarge, signature: 'bad', headers };
    expectProblem(await send(made, sent), 413, 'payload_too_large');
    expectProblem(await send(made, { body: tooLarge }), 413, 'payload_too_large');
    const malformed = { 'content-type': ';;' };
    expectProblem(await send(made, { ...sent, headers: malformed }), 413, 'payload_too_large');
  });

  test.each(['text/plain', 'application/cloudevents+json', 'application/x-www-form-urlencoded', ';;'])(
    'the wrong type %s comes before a wrong signature',
    async (type) => {
      const made = testApp({ limits });
      const headers = { 'content-type': type };
      expectProblem(await send(made, { headers, signature: 'bad' }), 415, 'unsupported_media_type');
      expectProblem(await send(made, { headers }), 415, 'unsupported_media_type');
      expect(made.links.calls).toEqual([]);
    },
  );

  test('a body without a type is taken for JSON', async () => {
    const made = testApp({ limits });
    const post = (payload: Buffer, signature: string) => {
      const headers = { 'x-hmac-signature-sha-256': signature };
      return made.app.inject({ method: 'POST', url: '/webhooks/atomic', headers, payload });
    };
    expect((await post(Buffer.from(BODY), good)).statusCode).toBe(200);
    expect(made.links.callsOf('signalAtomicWebhook')).toHaveLength(1);
    expectProblem(await post(Buffer.from(BODY), 'bad'), 401, 'invalid_signature');
  });

  test.each(['gzip', 'br', 'identity, gzip', 'nonsense'])(
    'a body in the encoding %s is a wrong type, before a wrong signature',
    async (encoding) => {
      const made = testApp({ limits });
      const headers = { 'content-encoding': encoding };
      expectProblem(await send(made, { headers }), 415, 'unsupported_media_type');
      expectProblem(await send(made, { headers, signature: 'bad' }), 415, 'unsupported_media_type');
      expect(made.links.calls).toEqual([]);
    },
  );

  test('a wrong signature comes before a malformed body', async () => {
    const made = testApp({ limits });
    expectProblem(await send(made, { body: '{', signature: 'bad' }), 401, 'invalid_signature');
    expectProblem(await send(made, { body: '{' }), 400, 'invalid_request');
  });

  test('a body at the limit is read whole', async () => {
    const made = testApp({ limits });
    expect((await send(made, { body: BODY.padEnd(1000) })).statusCode).toBe(200);
    expectProblem(await send(made, { body: BODY.padEnd(1001) }), 413, 'payload_too_large');
  });

  test('charset and case of the type do not matter', async () => {
    const made = testApp({ limits });
    const headers = { 'content-type': 'Application/JSON; charset=utf-8' };
    expect((await send(made, { headers })).statusCode).toBe(200);
  });
});

test('the raw-body parser is for webhooks alone', async () => {
  const { app, links } = testApp();
  const headers = { authorization: 'Bearer test-api-key-0123456789' };
  const payload = { userId: 'u', publicToken: 'public-sandbox-1', jobs: ['recurrence-detection'] };
  const response = await app.inject({ method: 'POST', url: '/v1/links', headers, payload });
  expect(response.statusCode).toBe(202);
  expect(links.callsOf('start')[0]?.[0]).toEqual(payload);
});
