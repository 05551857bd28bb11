import { getEventListeners, once } from 'node:events';
import { createServer } from 'node:net';
import { createPlaid, type PlaidLinkSettings } from '../../src/providers/plaid/client';
import { ProviderError, type ProviderFailure } from '../../src/providers/provider-error';
import type { CallOptions, Plaid } from '../../src/providers/types';
import ids from '../fixtures/ids.json';
import accountsGet from '../fixtures/plaid/accounts-get.json';
import errorFixtures from '../fixtures/plaid/errors.json';
import itemGet from '../fixtures/plaid/item-get.json';
import itemGetLoginRequired from '../fixtures/plaid/item-get.login-required.json';
import exchange from '../fixtures/plaid/item-public-token-exchange.json';
import itemRemove from '../fixtures/plaid/item-remove.json';
import linkTokenCreate from '../fixtures/plaid/link-token-create.json';
import linkTokenUpdate from '../fixtures/plaid/link-token-create.update-mode.json';
import nonJsonErrors from '../fixtures/plaid/non-json-errors.json';
import processorTokenCreate from '../fixtures/plaid/processor-token-create.json';
import sandboxPublicToken from '../fixtures/plaid/sandbox-public-token-create.json';
import verificationKey from '../fixtures/plaid/webhook-verification-key-get.json';
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

const { accessToken, publicToken } = ids;
const accountId = ids.checking;
const userId = ids.userIdentifier;
const webhookUrl = ids.webhookUrl;
const keyId = verificationKey.request.body.key_id;

let server: ScriptedServer;
let plaid: Plaid;

function connect(timeoutMs = 5_000, baseUrl = server.url): Plaid {
  return createPlaid({
    clientId: ids.clientId,
    secret: ids.secret,
    baseUrl,
    timeoutMs,
    link: { clientName: 'Payday Insights' },
  });
}

beforeAll(async () => {
  server = await startScriptedServer();
  plaid = connect();
});

afterAll(() => server.close());

async function failureOf(promise: Promise<unknown>): Promise<ProviderFailure> {
  const error = await rejectionOf(promise);
  if (!(error instanceof ProviderError)) throw error;
  return error.failure;
}

const updateModeBody = { ...linkTokenUpdate.request.body, update: { account_selection_enabled: true } };
// The two reasons are optional, and a note would have to be true of every way a link can end.
const { reason_code: _code, reason_note: _note, ...removeBody } = itemRemove.request.body;

const newItemBody = {
  ...linkTokenCreate.request.body,
  account_filters: { depository: { account_subtypes: ['checking', 'savings'] } },
};

const CALLS = [
  {
    name: 'createLinkToken',
    fixture: { ...linkTokenCreate, request: { ...linkTokenCreate.request, body: newItemBody } },
    call: (client: Plaid, options?: CallOptions) => client.createLinkToken({ userId, webhookUrl }, options),
    answer: { linkToken: ids.linkToken, expiration: '2026-11-18T19:02:11Z' },
  },
  {
    name: 'createUpdateLinkToken',
    fixture: { ...linkTokenUpdate, request: { ...linkTokenUpdate.request, body: updateModeBody } },
    call: (client: Plaid, options?: CallOptions) =>
      client.createUpdateLinkToken({ userId, accessToken }, options),
    answer: { linkToken: ids.linkTokenUpdate, expiration: '2026-11-24T10:32:40Z' },
  },
  {
    name: 'exchangePublicToken',
    fixture: exchange,
    call: (client: Plaid, options?: CallOptions) => client.exchangePublicToken({ publicToken }, options),
    answer: { accessToken, itemId: ids.itemId },
  },
  {
    name: 'getAccounts',
    fixture: accountsGet,
    call: (client: Plaid, options?: CallOptions) => client.getAccounts({ accessToken }, options),
    answer: {
      itemId: ids.itemId,
      accounts: [
        {
          accountId: ids.checking,
          name: 'Everyday Checking',
          mask: '0000',
          type: 'depository',
          subtype: 'checking',
        },
        {
          accountId: ids.savings,
          name: 'Rainy Day Savings',
          mask: '1111',
          type: 'depository',
          subtype: 'savings',
        },
      ],
    },
  },
  {
    name: 'getItem',
    fixture: itemGet,
    call: (client: Plaid, options?: CallOptions) => client.getItem({ accessToken }, options),
    answer: { itemId: ids.itemId, lastWebhookCode: 'HISTORICAL_UPDATE' },
  },
  {
    name: 'createProcessorToken',
    fixture: processorTokenCreate,
    call: (client: Plaid, options?: CallOptions) =>
      client.createProcessorToken({ accessToken, accountId }, options),
    answer: { processorToken: ids.processorToken },
  },
  {
    name: 'removeItem',
    fixture: { ...itemRemove, request: { ...itemRemove.request, body: removeBody } },
    call: (client: Plaid, options?: CallOptions) => client.removeItem({ accessToken }, options),
    answer: undefined,
  },
  {
    name: 'getWebhookVerificationKey',
    fixture: verificationKey,
    call: (client: Plaid, options?: CallOptions) => client.getWebhookVerificationKey({ keyId }, options),
    answer: verificationKey.response.body.key,
  },
  {
    name: 'createSandboxPublicToken',
    fixture: sandboxPublicToken,
    call: (client: Plaid, options?: CallOptions) => client.createSandboxPublicToken({ webhookUrl }, options),
    answer: { publicToken },
  },
];

describe('requests and answers', () => {
  it.each(CALLS)(
    '$name sends what Plaid documents and reads the answer',
    async ({ fixture, call, answer }) => {
      server.script(json(fixture.response.status, fixture.response.body));
      await expect(call(plaid)).resolves.toEqual(answer);
      const [request] = server.received;
      expect(server.received).toHaveLength(1);
      expect(request).toMatchObject({ method: fixture.request.method, path: fixture.request.path });
      expect(request?.headers).toMatchObject(fixture.request.headers);
      expect(JSON.parse(request?.body ?? '')).toEqual(fixture.request.body);
    },
  );

  it.each(CALLS)('$name sends our request id along', async ({ fixture, call }) => {
    server.script(json(200, fixture.response.body));
    await call(plaid, { requestId: 'req-42' });
    expect(server.received[0]?.headers['x-request-id']).toBe('req-42');
  });

  it('leaves out a request id that cannot be a header', async () => {
    server.script(json(200, itemGet.response.body));
    await plaid.getItem({ accessToken }, { requestId: 'a\r\nplaid-secret: b' });
    expect(server.received[0]?.headers['x-request-id']).toBeUndefined();
  });

  it('leaves the webhook out of a sandbox token that wants none', async () => {
    server.script(json(200, sandboxPublicToken.response.body));
    await plaid.createSandboxPublicToken({});
    const { webhook: _webhook, ...options } = sandboxPublicToken.request.body.options;
    expect(JSON.parse(server.received[0]?.body ?? '').options).toEqual(options);
  });

  it('keeps its connection from one call to the next', async () => {
    server.script(json(200, itemGet.response.body));
    for (let call = 0; call < 10; call += 1) await plaid.getItem({ accessToken });
    // The next call may begin before the last one has given its connection back.
    const connections = new Set(server.received.map(({ connection }) => connection));
    expect(connections.size).toBeLessThanOrEqual(2);
  });

  it('does not go through a proxy of the environment', async () => {
    const proxy = await startScriptedServer();
    const before = process.env.http_proxy;
    process.env.http_proxy = proxy.url;
    try {
      server.script(json(200, itemGet.response.body));
      // A name rather than 127.0.0.1, which a no_proxy of the machine may list.
      await connect(5_000, server.url.replace('127.0.0.1', 'localhost')).getItem({ accessToken });
    } finally {
      if (before === undefined) delete process.env.http_proxy;
      else process.env.http_proxy = before;
      await proxy.close();
    }
    expect(proxy.received).toHaveLength(0);
    expect(server.received).toHaveLength(1);
  });

  it('tells that an Item is unhealthy from a 200', async () => {
    server.script(json(200, itemGetLoginRequired.response.body));
    await expect(plaid.getItem({ accessToken })).resolves.toEqual({
      itemId: ids.itemId,
      error: { code: 'ITEM_LOGIN_REQUIRED', failureClass: 'user_repair' },
      lastWebhookCode: 'ERROR',
    });
  });

  it('does not stumble over values that Plaid adds later, nor over nulls', async () => {
    const account = {
      account_id: 'a',
      type: 'crypto',
      subtype: null,
      mask: null,
      persistent_account_id: 'p',
    };
    server.script(json(200, { accounts: [account], item: { item_id: 'i' }, extra: 1 }));
    await expect(plaid.getAccounts({ accessToken })).resolves.toEqual({
      itemId: 'i',
      accounts: [{ accountId: 'a', name: 'a', type: 'crypto', persistentAccountId: 'p' }],
    });
    const error = { error_type: 'NEW_TYPE', error_code: 'NEW_CODE' };
    server.script(json(200, { item: { item_id: 'i', error }, status: null }));
    await expect(plaid.getItem({ accessToken })).resolves.toEqual({
      itemId: 'i',
      error: { code: 'NEW_CODE', failureClass: 'transient' },
    });
  });

  it('tells a key that Plaid has withdrawn', async () => {
    const key = { ...verificationKey.response.body.key, expired_at: 1788220999 };
    server.script(json(200, { key }));
    await expect(plaid.getWebhookVerificationKey({ keyId })).resolves.toEqual(key);
  });
});

const CLASS_OF_FIXTURE: Record<string, string> = {
  INVALID_PUBLIC_TOKEN: 'user_relink',
  INVALID_API_KEYS: 'configuration',
  INVALID_PRODUCT: 'configuration',
  INVALID_ACCOUNT_ID: 'user_repair',
  INVALID_ACCESS_TOKEN: 'gone',
  ITEM_NOT_FOUND: 'gone',
  ITEM_LOGIN_REQUIRED: 'user_repair',
  ITEM_NOT_SUPPORTED: 'bank_unsupported',
  NO_ACCOUNTS: 'user_repair',
  USER_PERMISSION_REVOKED: 'user_relink',
  ADDITIONAL_CONSENT_REQUIRED: 'user_repair',
  MISSING_FIELDS: 'rejected',
  UNKNOWN_FIELDS: 'rejected',
  INVALID_FIELD: 'rejected',
  ACCOUNTS_LIMIT: 'rate_limited',
  RATE_LIMIT: 'rate_limited',
  INTERNAL_SERVER_ERROR: 'transient',
  PLANNED_MAINTENANCE: 'bank_down',
  INSTITUTION_NOT_RESPONDING: 'bank_down',
  INSTITUTION_NO_LONGER_SUPPORTED: 'bank_unsupported',
  INVALID_WEBHOOK_VERIFICATION_KEY_ID: 'not_found',
  INVALID_PROCESSOR_TOKEN: 'rejected',
  SANDBOX_WEBHOOK_INVALID: 'rejected',
};

/** The call that a fixture's path belongs to; endpoints that are not called here are answered to `/item/get`. */
function callOf(path: string) {
  const found = CALLS.find((entry) => entry.fixture.request.path === path);
  return {
    path: found ? path : '/item/get',
    call: found?.call ?? ((client: Plaid) => client.getItem({ accessToken })),
  };
}

describe('refusals', () => {
  it.each(errorFixtures.filter((fixture) => fixture.class !== 'already_done'))(
    'classifies: $name',
    async ({ path, response }) => {
      const target = callOf(path);
      server.script(json(response.status, response.body));
      await expect(failureOf(target.call(plaid))).resolves.toEqual({
        provider: 'plaid',
        operation: `POST ${target.path}`,
        failureClass: CLASS_OF_FIXTURE[response.body.error_code],
        code: response.body.error_code,
        status: response.status,
        requestId: response.body.request_id,
        ambiguous: response.status >= 500,
      });
      expect(server.received).toHaveLength(1);
    },
  );

  it.each(['ITEM_NOT_FOUND', 'INVALID_ACCESS_TOKEN'])(
    'takes %s for a removal that is done',
    async (error_code) => {
      server.script(json(400, { error_type: 'ITEM_ERROR', error_code, request_id: 'oBMGu7Sk957Mcos' }));
      await expect(plaid.removeItem({ accessToken })).resolves.toBeUndefined();
    },
  );

  it('does not take any other refusal for a removal that is done', async () => {
    server.script(json(400, { error_type: 'INVALID_INPUT', error_code: 'INVALID_API_KEYS' }));
    await expect(failureOf(plaid.removeItem({ accessToken }))).resolves.toMatchObject({
      failureClass: 'configuration',
    });
  });

  it.each(nonJsonErrors)('classifies: $name', async ({ response }) => {
    server.script(raw(response.status, response.rawBody));
    await expect(failureOf(plaid.getItem({ accessToken }))).resolves.toEqual({
      provider: 'plaid',
      operation: 'POST /item/get',
      failureClass: 'transient',
      code: `HTTP_${response.status}`,
      status: response.status,
      ambiguous: true,
    });
  });

  it.each([429, 503])('honours Retry-After of a %i, in seconds and as a date', async (status) => {
    server.script(json(status, { error_code: 'RATE_LIMIT' }, { 'retry-after': '7' }));
    await expect(failureOf(plaid.getItem({ accessToken }))).resolves.toMatchObject({ retryAfterMs: 7_000 });
    const inAnHour = new Date(Date.now() + 3_600_000).toUTCString();
    server.script(json(status, {}, { 'retry-after': inAnHour }));
    const { retryAfterMs } = await failureOf(plaid.getItem({ accessToken }));
    expect(retryAfterMs).toBeGreaterThan(3_590_000);
    expect(retryAfterMs).toBeLessThanOrEqual(3_600_000);
  });

  it('drops an error code or a request id that does not look like one', async () => {
    server.script(json(400, { error_code: accessToken, error_type: 7, request_id: accessToken }));
    const failure = await failureOf(plaid.getItem({ accessToken }));
    expect(failure).toEqual({
      provider: 'plaid',
      operation: 'POST /item/get',
      failureClass: 'rejected',
      code: 'HTTP_400',
      status: 400,
      ambiguous: true,
      foreign: true,
    });
  });

  it.each([301, 302, 307, 308])('does not follow a %i', async (status) => {
    server.script(raw(status, '', { location: `${server.url}/elsewhere` }), json(200, itemGet.response.body));
    await expect(failureOf(plaid.getItem({ accessToken }))).resolves.toMatchObject({
      failureClass: 'rejected',
      code: `HTTP_${status}`,
      foreign: true,
    });
    expect(server.received).toHaveLength(1);
  });
});

describe('answers that are none', () => {
  it.each([
    ['HTML', raw(200, '<html></html>', { 'content-type': 'text/html' }), 'NOT_JSON'],
    ['half of a JSON body', raw(200, '{"access_token":', { 'content-type': 'application/json' }), 'NOT_JSON'],
    ['nothing', raw(200, ''), 'NOT_JSON'],
    ['a list', json(200, []), 'NOT_JSON'],
    ['JSON null', json(200, null), 'NOT_JSON'],
    ['an object without the fields', json(200, { request_id: 'Z7mhLYUbxr5QoPo' }), 'UNEXPECTED_BODY'],
    ['fields of another type', json(200, { access_token: 5, item_id: {} }), 'UNEXPECTED_BODY'],
    ['an empty token', json(200, { access_token: '', item_id: 'i' }), 'UNEXPECTED_BODY'],
  ])('takes a 200 with %s for a fault that may have had its effect', async (_what, reply, code) => {
    server.script(reply);
    await expect(failureOf(plaid.exchangePublicToken({ publicToken }))).resolves.toMatchObject({
      failureClass: 'transient',
      code,
      status: 200,
      ambiguous: true,
    });
  });

  it.each(CALLS.filter(({ name }) => name !== 'removeItem'))(
    '$name refuses a 200 without its fields, and keeps the request id',
    async ({ call }) => {
      server.script(json(200, { item: {}, key: {}, accounts: [{}], request_id: 'Z7mhLYUbxr5QoPo' }));
      await expect(failureOf(call(plaid))).resolves.toMatchObject({
        code: 'UNEXPECTED_BODY',
        requestId: 'Z7mhLYUbxr5QoPo',
      });
    },
  );

  it.each<[string, Reply]>([
    ['before the answer', reset],
    ['within the answer', resetInBody],
  ])('takes a connection reset %s for a fault that may have had its effect', async (_when, reply) => {
    server.script(reply);
    await expect(failureOf(plaid.exchangePublicToken({ publicToken }))).resolves.toEqual({
      provider: 'plaid',
      operation: 'POST /item/public_token/exchange',
      failureClass: 'transient',
      code: 'CONNECTION',
      ambiguous: true,
    });
    expect(server.received).toHaveLength(1);
  });

  it('knows that a refused connection had no effect', async () => {
    const closed = await startScriptedServer();
    await closed.close();
    const failure = await failureOf(connect(5_000, closed.url).exchangePublicToken({ publicToken }));
    expect(failure).toMatchObject({ failureClass: 'transient', code: 'CONNECTION', ambiguous: false });
  });

  it('knows that a server which takes no TLS has not been reached', async () => {
    const mute = createServer().listen(0, '127.0.0.1');
    await once(mute, 'listening');
    const address = mute.address();
    if (address === null || typeof address === 'string') throw new Error('no port');
    const client = createPlaid({
      clientId: ids.clientId,
      secret: ids.secret,
      baseUrl: `https://127.0.0.1:${address.port}`,
      connectTimeoutMs: 100,
    });
    const failure = await failureOf(client.exchangePublicToken({ publicToken }));
    expect(failure).toMatchObject({ failureClass: 'transient', code: 'CONNECTION', ambiguous: false });
    mute.close();
  });

  it.each<[string, Reply]>([
    ['never answers', silence],
    ['never ends its answer', trickle],
  ])('gives up at the deadline on a server that %s', async (_what, reply) => {
    server.script(reply);
    await expect(failureOf(connect(1_000).exchangePublicToken({ publicToken }))).resolves.toEqual({
      provider: 'plaid',
      operation: 'POST /item/public_token/exchange',
      failureClass: 'transient',
      code: 'TIMEOUT',
      ambiguous: true,
    });
    expect(server.received).toHaveLength(1);
  });

  it('gives up on a body far larger than any of Plaid', async () => {
    const givenUp = new Promise<number>((resolve) => server.script(endless(resolve)));
    await expect(failureOf(plaid.getItem({ accessToken }))).resolves.toMatchObject({
      failureClass: 'transient',
      code: 'TOO_LARGE',
      ambiguous: true,
    });
    await expect(givenUp).resolves.toBeLessThan(30_000_000);
  });
});

describe('a gateway on the way', () => {
  it.each([400, 401, 403, 404])('is known by its page with a %i', async (status) => {
    for (const page of [
      raw(status, '<html></html>'),
      raw(status, ''),
      json(status, { message: 'Forbidden' }),
    ]) {
      server.script(page);
      await expect(failureOf(plaid.getItem({ accessToken }))).resolves.toMatchObject({
        failureClass: 'rejected',
        code: `HTTP_${status}`,
        foreign: true,
        ambiguous: true,
      });
    }
  });

  it.each([408, 425])('may be waited for after a %i', async (status) => {
    server.script(raw(status, ''));
    const failure = await failureOf(plaid.getItem({ accessToken }));
    expect(failure).toMatchObject({ failureClass: 'transient', ambiguous: true });
    expect(failure.foreign).toBeUndefined();
  });
});

describe('settings', () => {
  const linkBody = async (
    link: PlaidLinkSettings,
    request: { language?: string; redirectUri?: string } = {},
  ) => {
    server.script(json(200, linkTokenCreate.response.body));
    const client = createPlaid({ clientId: ids.clientId, secret: ids.secret, baseUrl: server.url, link });
    await client.createLinkToken({ userId, webhookUrl, ...request });
    return JSON.parse(server.received[0]?.body ?? '');
  };

  it('shape the Link token', async () => {
    const link: PlaidLinkSettings = {
      clientName: 'Payday',
      redirectUri: 'https://app.example.test/oauth',
      countryCodes: ['CA', 'US'],
      language: 'fr',
      daysRequested: 730,
      customization: 'employment',
    };
    expect(await linkBody(link)).toMatchObject({
      client_name: 'Payday',
      redirect_uri: 'https://app.example.test/oauth',
      country_codes: expect.arrayContaining(['CA', 'US']),
      language: 'fr',
      transactions: { days_requested: 730 },
      link_customization_name: 'employment',
    });
  });

  it('give way to what a request asks for', async () => {
    const asked = { language: 'es', redirectUri: 'https://other.example.test' };
    const body = await linkBody({ language: 'fr', redirectUri: 'https://app.example.test' }, asked);
    expect(body).toMatchObject({ language: 'es', redirect_uri: 'https://other.example.test' });
  });

  it('have defaults', async () => {
    const body = await linkBody({});
    expect(body).toMatchObject({ client_name: 'This Application', language: 'en', country_codes: ['US'] });
    for (const field of ['redirect_uri', 'link_customization_name']) expect(body).not.toHaveProperty(field);
  });

  it('ask for the consent that is lacking in update mode alone', async () => {
    server.script(json(200, linkTokenUpdate.response.body));
    await plaid.createUpdateLinkToken({ userId, accessToken, asksConsent: true });
    expect(JSON.parse(server.received[0]?.body ?? '')).toEqual({
      ...updateModeBody,
      additional_consented_products: ['transactions'],
    });
  });

  it('restrict a processor token before anybody has it', async () => {
    const restricting = createPlaid({
      clientId: ids.clientId,
      secret: ids.secret,
      baseUrl: server.url,
      processorPermissions: 'transactions',
    });
    server.script(json(200, processorTokenCreate.response.body), json(200, { request_id: 'a' }));
    const { processorToken } = await restricting.createProcessorToken({ accessToken, accountId });
    expect(server.received.map(({ path }) => path)).toEqual([
      '/processor/token/create',
      '/processor/token/permissions/set',
    ]);
    expect(JSON.parse(server.received[1]?.body ?? '')).toEqual({
      processor_token: processorToken,
      products: ['transactions'],
    });

    server.script(json(200, processorTokenCreate.response.body), json(500, {}));
    await expect(
      failureOf(restricting.createProcessorToken({ accessToken, accountId })),
    ).resolves.toMatchObject({
      operation: 'POST /processor/token/permissions/set',
      failureClass: 'transient',
    });
  });
});

describe('cancellation', () => {
  it('rejects with the reason of the caller, before the call and within it', async () => {
    const reason = new Error('unlink');
    server.script(silence);
    await expect(plaid.getItem({ accessToken }, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    expect(server.received).toHaveLength(0);
    for (const reply of [silence, trickle]) {
      server.script(reply);
      const cancel = new AbortController();
      const arrived = server.nextRequest();
      const call = rejectionOf(plaid.getItem({ accessToken }, { signal: cancel.signal }));
      await arrived;
      cancel.abort(reason);
      await expect(call).resolves.toBe(reason);
    }
  });

  it('lets go of the signal of the caller once the call has settled', async () => {
    const { signal } = new AbortController();
    server.script(json(200, itemGet.response.body), json(500, {}));
    await plaid.getItem({ accessToken }, { signal });
    await failureOf(plaid.getItem({ accessToken }, { signal }));
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
  });
});

describe('secrets', () => {
  const secrets = [
    ids.secret,
    ids.clientId,
    accessToken,
    publicToken,
    ids.processorToken,
    accountId,
    'quoted words',
  ];
  const quoting = { error_message: `quoted words ${secrets.join(' ')}`, display_message: secrets.join(' ') };

  it.each<[string, Reply]>([
    ['a refusal', json(400, { ...quoting, error_code: 'INVALID_PUBLIC_TOKEN', error_type: 'INVALID_INPUT' })],
    [
      'a refusal with a strange code',
      json(400, { ...quoting, error_code: ids.secret, request_id: ids.secret }),
    ],
    ['a fault', json(500, { ...quoting, error_code: 'INTERNAL_SERVER_ERROR', error_type: 'API_ERROR' })],
    ['a page', raw(502, `<html>${secrets.join(' ')}</html>`)],
    ['a redirect', raw(302, '', { location: `http://127.0.0.1:1/?${accessToken}` })],
    ['a body that is not JSON', raw(200, `quoted words ${secrets.join(' ')}`)],
    ['a body without the fields', json(200, { ...quoting, request_id: accessToken })],
    ['a rate limit', json(429, quoting, { 'retry-after': ids.secret })],
    ['a reset', reset],
    ['a reset within the answer', resetInBody],
    ['a deadline', silence],
    ['a huge body', endless(() => undefined)],
  ])('are in no part of the error of %s', async (_what, reply) => {
    server.script(reply);
    const client = connect(300);
    for (const call of [
      () => client.exchangePublicToken({ publicToken }),
      () => client.createProcessorToken({ accessToken, accountId }),
    ]) {
      const error = await rejectionOf(call());
      expect(error).toBeInstanceOf(ProviderError);
      const text = textOfError(error);
      expect(text).toContain('plaid POST /');
      for (const secret of secrets) expect(text).not.toContain(secret);
    }
  });

  it('would be found in an error that held one', () => {
    const hidden = Object.defineProperty(new Error('x'), 'config', { value: { headers: { a: ids.secret } } });
    expect(textOfError(new Error('y', { cause: hidden }))).toContain(ids.secret);
  });

  it('are not quoted when they cannot be sent', () => {
    const create = () => createPlaid({ clientId: 'c', secret: 'hush\n', baseUrl: server.url });
    expect(create).toThrow('Plaid secret must be printable ASCII without spaces or line breaks');
  });
});
