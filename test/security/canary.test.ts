import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Client, type Connection } from '@temporalio/client';
import { temporal } from '@temporalio/proto';
import { z } from 'zod';
import { SEARCH_ATTRIBUTE_TYPES, workflowIdOf } from '../../src/contract/names';
import type { LinkView } from '../../src/contract/schemas';
import { type DevServer, startDevServer } from '../../src/dev-server/dev-server';
import { type ScriptedServer, startScriptedServer } from '../support/scripted-server';
import { type Service, startService } from '../support/service';
import type { ServiceProcess } from '../support/service-process';
import { temporalServer } from '../support/temporal';
import { type Echo, EchoProxy } from './support/echo-proxy';
import { type Haystack, type Needle, needlesOf, search } from './support/needles';

jest.setTimeout(400_000);

const EMPLOYER = 'employer-classification';
const RECURRING = 'recurrence-detection';
const EXCHANGE = '/item/public_token/exchange';
const ACCOUNTS = '/accounts/get';
const PROCESSOR_TOKEN = '/processor/token/create';
const LINK = '/plaid/processor-link';
const MATCHES = '/employer-matches';
const REMOVE_ITEM = '/item/remove';

/** Unlike anything else there is, and the same in hexadecimal, in a URL and in JSON. */
const distinct = () => randomBytes(20).toString('hex');
const secrets = {
  'API key': distinct(),
  'Atomic API key': distinct(),
  'Atomic secret': distinct(),
  'Plaid secret': distinct(),
  'Plaid client id': distinct(),
  'webhook secret': distinct(),
  'codec token': distinct(),
};
const encryptionKey = randomBytes(32);
const notifyKey = randomBytes(32);
const employerName = `Canary Employer ${distinct()}`;
const planted = distinct();

let folder: string;
let databaseFile: string;
let server: DevServer;
let service: Service;
let backend: ScriptedServer;
let plaidProxy: EchoProxy;
let atomicProxy: EchoProxy;
/** Processes that lived for a while only. */
const passing: ServiceProcess[] = [];
const answers: Haystack[] = [];

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'processor-link-canary-'));
  databaseFile = path.join(folder, 'temporal.db');
  server = await startDevServer({
    serverPath: await temporalServer(),
    dbFile: databaseFile,
    logFile: path.join(folder, 'temporal.log'),
    logLevel: 'debug',
    searchAttributes: SEARCH_ATTRIBUTE_TYPES,
  });
  backend = await startScriptedServer();
  backend.script((response, { headers, body }) =>
    response.writeHead(500).end(JSON.stringify({ headers, body })),
  );
  service = await startService({
    temporal: server,
    encryptionKeys: `canary:${encryptionKey.toString('base64')}`,
    processes: ['api', 'worker', 'codec'],
    plaid: { clientId: secrets['Plaid client id'], secret: secrets['Plaid secret'] },
    atomic: {
      apiKey: secrets['Atomic API key'],
      apiSecret: secrets['Atomic secret'],
      webhookSecret: secrets['webhook secret'],
    },
    env: async ({ plaid, atomic }) => {
      plaidProxy = await new EchoProxy(plaid.url).listen();
      atomicProxy = await new EchoProxy(atomic.url).listen();
      return {
        LOG_LEVEL: 'trace',
        PLAID_BASE_URL: plaidProxy.url,
        ATOMIC_BASE_URL: atomicProxy.url,
        API_KEYS: `canary:${secrets['API key']}`,
        CODEC_TOKEN: secrets['codec token'],
        NOTIFY_URL: backend.url,
        NOTIFY_SECRET: `whsec_${notifyKey.toString('base64')}`,
      };
    },
  });
  service.call.onAnswer = (answer) => {
    const headers = JSON.stringify([...answer.headers]);
    // The result of a job and a Link token are what the caller asked for.
    const isAskedFor = /"result":|"linkToken":/.test(answer.text);
    answers.push({ place: 'HTTP answer', bytes: Buffer.from(isAskedFor ? headers : headers + answer.text) });
  };
  service.atomic.setResultBy(EMPLOYER, undefined, ({ run }) => [{ company: { name: employerName }, run }]);
  service.atomic.setResultBy(RECURRING, undefined, ({ run }) => [{ description: employerName, run }]);
});

afterAll(async () => {
  await service.close();
  await Promise.all([plaidProxy.close(), atomicProxy.close(), backend.close()]);
  await server.stop();
  await rm(folder, { recursive: true, force: true });
});

/** Which requests of a link are answered with an echo, each the next one to its path. */
interface Echoes {
  plaid?: [string, Echo][];
  atomic?: [string, Echo][];
  /** What Atomic finds. */
  result?: unknown;
}

async function linkWithEchoes({ plaid = [], atomic = [], result }: Echoes): Promise<string> {
  const { call, api } = service;
  const userId = service.newUser();
  const webhook = `${api.url}/webhooks/plaid/${userId}`;
  const { publicToken } = service.plaid.createPublicToken({ userId, webhook });
  const holding = publicToken.replace('public-sandbox-', '');
  for (const [place, echo] of plaid) plaidProxy.echo(place, echo, { holding });
  for (const [place, echo] of atomic) atomicProxy.echo(place, echo, { holding: userId });
  if (result !== undefined) service.atomic.setResult(EMPLOYER, userId, result);
  expect((await call.start({ userId, publicToken, jobs: [EMPLOYER] })).status).toBe(202);
  return userId;
}

/** A link whose one job has ended, well or badly, and that is unlinked then; answers the error if there is one. */
async function endedLink(echoes: Echoes): Promise<string | undefined> {
  const { call } = service;
  const userId = await linkWithEchoes(echoes);
  const hasEnded = ({ jobs, state, error }: LinkView) => {
    const job = jobs[EMPLOYER]?.state;
    // What an operator has to mend does not end a link.
    const waits = error?.code === 'configuration_error';
    return waits || state === 'failed' || job === 'completed' || job === 'failed';
  };
  const link = await call.linkWhen(userId, hasEnded, 300);
  // Where the answer to a registration was lost, this takes half a minute.
  await call.unlink(userId, 60);
  expect(service.leftovers(userId)).toEqual([]);
  return link.error?.code ?? link.jobs[EMPLOYER]?.error?.code;
}

async function completedLink(): Promise<{ userId: string; itemId: string; publicToken: string }> {
  const link = await service.link();
  for (const job of [EMPLOYER, RECURRING] as const) {
    expect((await service.call.job(link.userId, job, 60)).job()).toMatchObject({ state: 'completed' });
  }
  return link;
}

const brokenAnswers: [string, Echo][] = [
  ['a 500 in JSON', { status: 500, as: 'json' }],
  ['a 503 in HTML', { status: 503, as: 'html' }],
  ['a broken connection', 'reset'],
];
const plaidErrors: [string, string, string, string][] = [
  ['INVALID_PUBLIC_TOKEN', 'INVALID_INPUT', EXCHANGE, 'relink_required'],
  ['INVALID_API_KEYS', 'INVALID_INPUT', EXCHANGE, 'configuration_error'],
  ['INVALID_FIELD', 'INVALID_REQUEST', PROCESSOR_TOKEN, 'provider_rejected'],
  ['ITEM_NOT_FOUND', 'ITEM_ERROR', ACCOUNTS, 'access_revoked'],
  ['INSTITUTION_NO_LONGER_SUPPORTED', 'INSTITUTION_ERROR', ACCOUNTS, 'bank_not_supported'],
];
/** What is not in Atomic's JSON is a gateway's, and passes. */
const atomicRefusals: [string, Echo, string | undefined][] = [
  ['a 400 in JSON', { status: 400, as: 'json' }, 'provider_rejected'],
  ['a 401 in text', { status: 401, as: 'text' }, undefined],
  ['a 422 in HTML', { status: 422, as: 'html' }, undefined],
];

const times = (count: number, place: string, echo: Echo) => Array<[string, Echo]>(count).fill([place, echo]);
/** What a link meets, and the code of its error, by the names of the tests. */
const ECHOES: Record<string, Echoes & { code?: string | undefined }> = {
  ...Object.fromEntries(
    brokenAnswers.map(([what, echo]) => [
      `every step with ${what} that says everything back`,
      {
        plaid: [EXCHANGE, ACCOUNTS, PROCESSOR_TOKEN, REMOVE_ITEM].map((place) => [place, echo]),
        atomic: [...times(2, LINK, echo), ...times(2, MATCHES, echo)],
      },
    ]),
  ),
  ...Object.fromEntries(
    [EXCHANGE, ACCOUNTS, PROCESSOR_TOKEN].map((place) => [
      `a redirect with everything in its address at ${place}`,
      { plaid: times(1, place, 'redirect') },
    ]),
  ),
  ...Object.fromEntries(
    [LINK, MATCHES].map((place) => [
      `a redirect with everything in its address at ${place}`,
      { atomic: times(2, place, 'redirect') },
    ]),
  ),
  ...Object.fromEntries(
    plaidErrors.map(([plaidError, type, place, code]) => [
      `Plaid's ${plaidError} (${type}) that says everything back at ${place}`,
      { plaid: times(1, place, { plaidError, type }), code },
    ]),
  ),
  ...Object.fromEntries(
    atomicRefusals.map(([what, echo, code]) => [
      `Atomic's refusal by ${what} that says everything back`,
      { atomic: times(1, LINK, echo), code },
    ]),
  ),
  'an answer that is too large': {
    result: [{ company: { name: employerName }, filler: 'x'.repeat(1_100_000) }],
    code: 'result_too_large',
  },
  'an answer of the wrong shape': { plaid: times(1, ACCOUNTS, 'wrong shape') },
};

describe('secrets go through', () => {
  const codes = new Map<string, Promise<string | undefined>>();
  /** All at once: most of what each does is waiting. */
  beforeAll(() => {
    for (const [name, echoes] of Object.entries(ECHOES)) {
      const code = endedLink(echoes);
      code.catch(() => undefined);
      codes.set(name, code);
    }
  });

  it('a link that succeeds, is run again, is repaired and stays open', async () => {
    const { call, plaid } = service;
    const { userId, itemId, publicToken } = await completedLink();
    await call.start({ userId, publicToken, jobs: [EMPLOYER] });
    await call.runJob(userId, EMPLOYER);
    await plaid.requireLogin(itemId);
    await call.linkWhen(userId, ({ state }) => state === 'needs_attention');
    const update = await call.call('POST', '/v1/link-tokens', { body: { userId, mode: 'update' } });
    const fresh = await call.call('POST', '/v1/link-tokens', { body: { userId: service.newUser() } });
    const early = await call.call('POST', `/v1/links/${userId}/repaired`);
    await plaid.repair(itemId, { webhook: false });
    const repaired = await call.call('POST', `/v1/links/${userId}/repaired`);

    expect([update.status, fresh.status, early.status, repaired.status]).toEqual([200, 200, 409, 202]);
    expect((await call.job(userId, EMPLOYER, 60)).job()).toMatchObject({ state: 'completed' });
  });

  it("a link from the caller's own access token", async () => {
    const { call, plaid } = service;
    const userId = service.newUser();
    const { accessToken } = plaid.createItem({ userId });
    const body = { userId, accessToken, jobs: [EMPLOYER] } as const;

    expect((await call.start(body)).status).toBe(202);
    expect((await call.start(body)).status).toBe(200);
    expect((await call.job(userId, EMPLOYER, 60)).job()).toMatchObject({ state: 'completed' });
    expect((await call.unlink(userId, 60)).status).toBe(200);
  });

  it("Plaid's ITEM_LOGIN_REQUIRED that says everything back", async () => {
    const plaidError = { plaidError: 'ITEM_LOGIN_REQUIRED', type: 'ITEM_ERROR' };
    const userId = await linkWithEchoes({ plaid: times(1, ACCOUNTS, plaidError) });
    await service.call.linkWhen(userId, ({ state }) => state === 'needs_attention');
    await service.call.call('POST', `/v1/links/${userId}/repaired`);

    expect((await service.call.job(userId, EMPLOYER, 60)).job().state).toBe('completed');
    await service.call.unlink(userId, 60);
  });

  it('an unlink that Atomic refuses for as long as it is asked', async () => {
    const { userId } = await completedLink();
    atomicProxy.echo(LINK, { status: 400, as: 'json' }, { holding: userId, times: Number.POSITIVE_INFINITY });

    expect((await service.call.unlink(userId, 1)).status).toBe(202);
    await service.call.linkWhen(userId, ({ error }) => error !== undefined);
  });

  it('requests that hold them in the wrong place', async () => {
    const { call, plaid, codec } = service;
    const userId = service.newUser();
    const { publicToken } = plaid.createPublicToken({ userId });
    const { accessToken } = plaid.createItem({ userId });
    plaidProxy.note(publicToken, accessToken);
    const start = { userId, publicToken, jobs: [EMPLOYER] };
    const pretty = JSON.stringify({ ...start, filler: 'x'.repeat(20_000) });
    const refused = await Promise.all([
      call.call('POST', '/v1/links', { body: { ...start, [publicToken]: publicToken } }),
      call.call('POST', '/v1/links', { body: { ...start, accountId: `${accessToken} ` } }),
      call.call('POST', '/v1/links', { body: { ...start, accessToken } }),
      call.call('POST', '/v1/links', { body: { ...start, publicToken: accessToken } }),
      call.call('POST', '/v1/links', { body: { ...start, jobs: [publicToken] } }),
      call.call('POST', '/v1/links', { body: { ...start, userId: `/${publicToken}` } }),
      call.call('POST', '/v1/links', { rawBody: pretty }),
      call.call('POST', '/v1/links', { rawBody: `{"publicToken":"${publicToken}",` }),
      call.call('POST', '/v1/links', { rawBody: publicToken, headers: { 'content-type': accessToken } }),
      call.call('POST', '/v1/links', { rawBody: `{"__proto__":{"${publicToken}":1}}` }),
      call.call('GET', `/v1/links?state=${publicToken}&job=${accessToken}&pageToken=${publicToken}`),
      call.call('GET', `/v1/links?${publicToken}=${accessToken}`),
      call.call('GET', `/v1/links/${userId}/jobs/${publicToken}`),
      call.call('GET', `/nowhere/${publicToken}`),
      call.call('GET', '/v1/links', { headers: { authorization: `Bearer ${secrets['Plaid secret']}` } }),
      call.call('GET', '/v1/links', { headers: { authorization: `Basic ${secrets['API key']}` } }),
      call.call('GET', '/v1/links', { headers: { authorization: secrets['API key'] } }),
      call.call('POST', '/webhooks/atomic', {
        rawBody: JSON.stringify({ publicToken, accessToken }),
        headers: { 'x-hmac-signature-sha-256': secrets['webhook secret'] },
      }),
      call.call('POST', `/webhooks/plaid/${userId}`, {
        rawBody: JSON.stringify({ accessToken }),
        headers: { 'plaid-verification': secrets['Plaid secret'] },
      }),
    ]);
    const key = { authorization: `Bearer ${secrets['API key']}`, 'content-type': 'application/json' };
    const atCodec = await Promise.all(
      ['/encode', '/decode', '/livez', `/${publicToken}`].map((place) =>
        fetch(`${codec.url}${place}`, {
          method: 'POST',
          headers: { ...key, 'x-namespace': publicToken },
          body: `{"payloads":[{"data":"${publicToken}"}]}`,
        }),
      ),
    );

    expect(refused.map(({ status }) => status).filter((status) => status < 400 || status >= 500)).toEqual([]);
    for (const answer of atCodec) {
      expect([401, 404, 405]).toContain(answer.status);
      answers.push({ place: 'HTTP answer', bytes: Buffer.from(await answer.text()) });
    }
  });

  it('webhooks that are well signed, and not what they should be', async () => {
    const { atomic, plaid, api } = service;
    const { itemId } = plaid.createItem({ userId: 'nobody', webhook: `${api.url}/webhooks/plaid/nobody` });
    const accessToken = plaid.accessTokenOf(itemId);
    plaidProxy.note(accessToken);
    const send = (rawBody: string) => atomic.webhooks.send({ userId: 'nobody', job: EMPLOYER, rawBody });
    const sent = [
      await send(`{"accessToken":"${accessToken}"`),
      await send(JSON.stringify({ eventType: 1, user: accessToken, [accessToken]: accessToken })),
      await send(JSON.stringify({ accessToken })),
    ];
    const fired = await plaid.fireWebhook(itemId, {
      webhook_code: 'ERROR',
      error: { error_message: accessToken },
    });

    expect(sent.map(({ answer }) => answer)).toEqual(Array(3).fill({ status: 400 }));
    expect(fired.answer).toMatchObject({ status: expect.any(Number) });
  });

  it('settings that are wrong', async () => {
    const wrong = {
      API_KEYS: `canary:${secrets['API key']}:again`,
      ENCRYPTION_KEYS: `canary:${encryptionKey.toString('base64')}x`,
      ATOMIC_API_SECRET: `${secrets['Atomic secret']} and more`,
      ATOMIC_API_KEY: `${secrets['Atomic API key']} and more`,
      ATOMIC_WEBHOOK_SECRETS: `${secrets['webhook secret']},,`,
      PLAID_SECRET: `${secrets['Plaid secret']}\u00e9`,
      NOTIFY_SECRET: notifyKey.toString('base64'),
      CODEC_TOKEN: `${secrets['codec token']} and more`,
      TEMPORAL_ADDRESS: `${secrets['Plaid secret']} and more`,
      PORT: secrets['API key'],
    };
    for (const name of ['api', 'worker', 'codec'] as const) {
      const failing = await service.another(name);
      passing.push(failing);
      failing.launch(wrong);
      expect(await failing.exited).toEqual({ code: 1, signal: null });
      expect(failing.output).toContain('ENCRYPTION_KEYS');
    }
  });

  it.each(Object.entries(ECHOES))('%s', async (name, { code }) => {
    expect(await codes.get(name)).toBe(code);
  });

  it('a worker without the key, where links stand still and none fails', async () => {
    const { call, worker, atomic } = service;
    const { userId } = await completedLink();
    await worker.stop();
    const keyless = await service.another('worker');
    passing.push(keyless);
    await keyless.start({ ENCRYPTION_KEYS: `other:${randomBytes(32).toString('base64')}` });

    await atomic.webhooks.send({ userId, job: EMPLOYER });
    expect((await call.get(userId)).status).toBe(503);
    await keyless.logged('no key with the id');
    await keyless.stop();
    await worker.start();

    expect((await call.linkWhen(userId, ({ state }) => state === 'linked')).error).toBeUndefined();
    await call.unlink(userId, 60);
  });
});

describe('afterwards', () => {
  let needles: Needle[];
  let employer: Needle[];
  let held: Haystack[];
  let decoded: Haystack[];

  /** Kept in Temporal as plain as a process without our data converter would, and once more encrypted. */
  async function plant(): Promise<void> {
    const start = (client: Client, id: string) =>
      client.workflow.start('planted', {
        workflowId: `planted/${id}`,
        taskQueue: `nobody-${id}`,
        args: [{ token: planted }],
        memo: { token: planted },
      });
    const { connection, namespace } = service.temporal;
    await start(new Client({ connection, namespace }), 'plain');
    await start(service.client, 'encrypted');
  }

  beforeAll(async () => {
    await plant();
    const { api, worker, codec } = service;
    const collected = await collectTemporal(service.temporal.connection, {
      url: codec.url,
      token: secrets['codec token'],
      namespace: server.namespace,
      keyIds: ['canary'],
    });
    // The worker without the key encrypted under its own why it could not go on.
    expect(collected.foreignKeys).toEqual(['other']);
    decoded = collected.decoded;
    held = [...collected.held, ...(await collectDatabase(databaseFile)), ...answers];
    for (const { name, url } of [api, worker]) {
      const metrics = await fetch(`${url}/metrics`);
      held.push({ place: `metrics of ${name}`, bytes: Buffer.from(await metrics.text()) });
    }
    for (const { name, output } of [api, worker, codec, ...passing]) {
      held.push({ place: `log of ${name}`, bytes: Buffer.from(output) });
    }
    held.push({ place: 'log of Temporal', bytes: await readFile(path.join(folder, 'temporal.log')) });

    const tokens = (['public', 'access', 'processor', 'link'] as const).flatMap((kind) =>
      plaidProxy.tokens(kind).map((token): [string, string] => [`${kind} token`, token]),
    );
    needles = [
      ...Object.entries(secrets),
      ...tokens,
      ['encryption key', encryptionKey],
      ['encryption key in base64', encryptionKey.toString('base64')],
      ['notification secret', notifyKey],
      ['notification secret in base64', notifyKey.toString('base64')],
    ].flatMap(([name, secret]) => needlesOf(String(name), secret ?? ''));
    employer = needlesOf('employer', employerName);
  });

  it('bank tokens of every kind have been through, so that there is something to find', () => {
    for (const kind of ['public', 'access', 'processor'] as const) {
      expect(plaidProxy.tokens(kind).length).toBeGreaterThanOrEqual(10);
    }
    expect(plaidProxy.tokens('link').length).toBeGreaterThanOrEqual(2);
  });

  it('a secret that was planted is found, wherever it is and however it is written', () => {
    const found = search([...held, ...decoded], needlesOf('planted', planted));
    expect(new Set(found.map(({ place }) => place))).toEqual(
      new Set(['history', 'visibility', 'description', 'database', 'decoded payload']),
    );
    for (const text of [
      planted,
      Buffer.from(planted).toString('hex'),
      Buffer.from(planted).toString('hex').toUpperCase(),
      ...['', 'a', 'ab'].flatMap((before) => [
        Buffer.from(`${before}${planted}.`).toString('base64'),
        Buffer.from(`${before}${planted}.`).toString('base64url'),
      ]),
    ]) {
      const hay = { place: 'planted', bytes: Buffer.from(`{"text":"${text}"}`) };
      expect(search([hay], needlesOf('planted', planted))).not.toEqual([]);
    }
  });

  it('every place that was searched holds what it is expected to hold', () => {
    const somebody = needlesOf('user', workflowIdOf('user-').slice(0, -1));
    const places = (hays: readonly Haystack[], words: readonly Needle[]) =>
      [...new Set(search(hays, words).map(({ place }) => place))].sort();

    expect(places(held, somebody)).toEqual(
      expect.arrayContaining([
        'HTTP answer',
        'database',
        'description',
        'history',
        'log of worker',
        'visibility',
      ]),
    );
    expect(places(held, needlesOf('word', 'processor_link_http_request_duration'))).toEqual([
      'metrics of api',
    ]);
    expect(places(held, needlesOf('word', 'processor_link_step_duration'))).toContain('metrics of worker');
    expect(places(held, needlesOf('word', '"audit":true'))).toEqual(
      expect.arrayContaining(['log of api', 'log of codec']),
    );
    expect(places(held, needlesOf('word', '/v1/links/:userId'))).toEqual(
      expect.arrayContaining(['log of api', 'metrics of api']),
    );
    expect(held.find(({ place }) => place === 'log of Temporal')?.bytes.length).toBeGreaterThan(0);
  });

  it('no secret is anywhere', () => {
    expect(search([...held, ...decoded], needles)).toEqual([]);
  });

  it('the employer is in decoded payloads and in the results that were asked for alone', () => {
    expect(search(decoded, employer)).not.toEqual([]);
    expect(search(held, employer)).toEqual([]);
  });

  it('no secret is in the database file once the server has stopped', async () => {
    await service.api.stop();
    await service.worker.stop();
    await server.stop();
    const database = await collectDatabase(databaseFile);

    expect(search(database, needlesOf('planted', planted))).not.toEqual([]);
    expect(search(database, [...needles, ...employer])).toEqual([]);
  });
});

const { History } = temporal.api.history.v1;
const { ListWorkflowExecutionsResponse, DescribeWorkflowExecutionResponse } = temporal.api.workflowservice.v1;

const payloadSchema = z.object({
  metadata: z.record(z.string(), z.string()).optional(),
  data: z.string().optional(),
});
type JsonPayload = z.output<typeof payloadSchema>;
const decodedSchema = z.object({ payloads: z.array(payloadSchema) });

interface CodecAccess {
  url: string;
  token: string;
  namespace: string;
  /** Of the keys that it has. */
  keyIds: readonly string[];
}

/**
 * Everything that Temporal shows of a namespace: histories, rows of visibility and descriptions as it holds them, and
 * apart from these what the codec server makes of every payload in them. `foreignKeys` are ids of keys that it lacks.
 */
async function collectTemporal(
  connection: Connection,
  codec: CodecAccess,
): Promise<{ held: Haystack[]; decoded: Haystack[]; foreignKeys: string[] }> {
  const { namespace } = codec;
  const { workflowService } = connection;
  const page = await workflowService.listWorkflowExecutions({ namespace, pageSize: 1_000 });
  const held: Haystack[] = [hayOf('visibility', ListWorkflowExecutionsResponse, page)];
  const payloads = payloadsIn(ListWorkflowExecutionsResponse.toObject(page, { bytes: String }));
  for (const { execution } of page.executions) {
    if (!execution) continue;
    const { history } = await workflowService.getWorkflowExecutionHistory({
      namespace,
      execution,
      maximumPageSize: 10_000,
    });
    const described = await workflowService.describeWorkflowExecution({ namespace, execution });
    held.push(
      hayOf('history', History, history ?? {}),
      hayOf('description', DescribeWorkflowExecutionResponse, described),
    );
    payloads.push(
      ...payloadsIn(History.toObject(History.fromObject(history ?? {}), { bytes: String })),
      ...payloadsIn(DescribeWorkflowExecutionResponse.toObject(described, { bytes: String })),
    );
  }
  const own: JsonPayload[] = [];
  const foreignKeys = new Set<string>();
  for (const payload of payloads) {
    const keyId = Buffer.from(payload.metadata?.['encryption-key-id'] ?? '', 'base64').toString();
    if (keyId === '' || codec.keyIds.includes(keyId)) own.push(payload);
    else foreignKeys.add(keyId);
  }
  return { held, decoded: await decode(codec, own), foreignKeys: [...foreignKeys] };
}

interface MessageType<T> {
  encode(message: T): { finish(): Uint8Array };
}

function hayOf<T>(place: string, type: MessageType<T>, message: T): Haystack {
  return { place, bytes: Buffer.from(type.encode(message).finish()) };
}

/** Payloads at any depth of a message, as JSON: bytes are base64. */
function payloadsIn(value: unknown): JsonPayload[] {
  if (typeof value !== 'object' || value === null) return [];
  if ('metadata' in value && 'data' in value) {
    const payload = payloadSchema.safeParse(value);
    if (payload.success && payload.data.metadata?.encoding !== undefined) return [payload.data];
  }
  return Object.values(value).flatMap(payloadsIn);
}

async function decode(codec: CodecAccess, payloads: readonly JsonPayload[]): Promise<Haystack[]> {
  const decoded: Haystack[] = [];
  for (let index = 0; index < payloads.length; index += 100) {
    const response = await fetch(`${codec.url}/decode`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${codec.token}`,
        'content-type': 'application/json',
        'x-namespace': codec.namespace,
      },
      body: JSON.stringify({ payloads: payloads.slice(index, index + 100) }),
    });
    if (response.status !== 200) throw new Error(`the codec server answered ${response.status}`);
    for (const { data = '' } of decodedSchema.parse(await response.json()).payloads) {
      decoded.push({ place: 'decoded payload', bytes: Buffer.from(data, 'base64') });
    }
  }
  return decoded;
}

/** SQLite's database with its log of changes. */
async function collectDatabase(file: string): Promise<Haystack[]> {
  const files = [file, `${file}-wal`];
  const read = await Promise.all(files.map((name) => readFile(name).catch(() => Buffer.alloc(0))));
  return read.map((bytes) => ({ place: 'database', bytes }));
}
