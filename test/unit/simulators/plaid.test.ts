import { PLAID_ERROR_CODES } from '../../../src/simulators/plaid/errors';
import errorFixtures from '../../fixtures/plaid/errors.json';
import exchangeFixture from '../../fixtures/plaid/item-public-token-exchange.json';
import linkTokenNew from '../../fixtures/plaid/link-token-create.json';
import linkTokenUpdate from '../../fixtures/plaid/link-token-create.update-mode.json';
import { closeAll, expectRefusal, KEYS, linkedItem, post, start } from './plaid-harness';
import { at, call, textAt } from './webhook-receiver';

afterEach(closeAll);

describe('credentials and shapes', () => {
  it('takes the credentials from the headers or from the body', async () => {
    const plaid = await start();
    const { publicToken } = plaid.createPublicToken();
    const byBody = { client_id: 'client-1', secret: 'secret-1', public_token: publicToken };
    expect((await post(plaid, '/item/public_token/exchange', byBody, {})).status).toBe(200);
  });

  it.each([
    ['a wrong secret', { ...KEYS, 'plaid-secret': 'other' }, 'INVALID_API_KEYS'],
    ['a wrong client id', { ...KEYS, 'plaid-client-id': 'other' }, 'INVALID_API_KEYS'],
    ['no credentials', {}, 'MISSING_FIELDS'],
    ['another API version', { ...KEYS, 'plaid-version': '2019-05-29' }, 'INCOMPATIBLE_API_VERSION'],
  ])('refuses %s and leaves the public token unused', async (_case, headers, code) => {
    const plaid = await start();
    const { publicToken } = plaid.createPublicToken();
    const body = { public_token: publicToken };
    expectRefusal(await post(plaid, '/item/public_token/exchange', body, headers), code);
    expect((await post(plaid, '/item/public_token/exchange', body)).status).toBe(200);
  });

  it.each([
    ['/item/public_token/exchange', {}, 'MISSING_FIELDS'],
    ['/item/public_token/exchange', { public_token: 'x', extra: 1 }, 'UNKNOWN_FIELDS'],
    ['/item/public_token/exchange', { public_token: 7 }, 'INVALID_FIELD'],
    ['/item/get', { access_token: 'x', options: {} }, 'UNKNOWN_FIELDS'],
    ['/accounts/get', { access_token: 'x', options: { ids: [] } }, 'UNKNOWN_FIELDS'],
    ['/processor/token/create', { access_token: 'x', processor: 'atomicfi' }, 'MISSING_FIELDS'],
    [
      '/processor/token/create',
      { access_token: 'x', account_id: '', processor: 'atomicfi' },
      'INVALID_FIELD',
    ],
    ['/item/remove', { access_token: 'x', reason: 'OTHER' }, 'UNKNOWN_FIELDS'],
    ['/item/remove', { access_token: 'x', reason_code: 'BORED' }, 'INVALID_FIELD'],
    ['/webhook_verification_key/get', { kid: 'x' }, 'MISSING_FIELDS'],
    ['/no/such/endpoint', {}, 'NOT_FOUND'],
  ])('%s refuses %j with %s', async (path, body, code) => {
    expectRefusal(await post(await start(), path, body), code, code === 'NOT_FOUND' ? 404 : 400);
  });

  it('refuses a body that is not JSON, and another content type', async () => {
    const plaid = await start();
    const send = (body: string, type: string) =>
      call(`${plaid.url}/item/get`, { method: 'POST', body, headers: { ...KEYS, 'content-type': type } });
    expectRefusal(await send('{', 'application/json'), 'INVALID_BODY');
    expectRefusal(await send('', 'application/json'), 'INVALID_BODY');
    expectRefusal(await send('{}', 'text/plain'), 'INVALID_HEADERS');
    expectRefusal(await call(`${plaid.url}/item/get`), 'NOT_FOUND', 404);
  });

  it('answers every error code of Plaid on demand, with the status that Plaid documents', async () => {
    const plaid = await start();
    for (const code of PLAID_ERROR_CODES) {
      plaid.faults.add({ operation: '/accounts/get', kind: { plaidError: code } });
      const answer = await post(plaid, '/accounts/get', {});
      expect(at(answer.body, 'error_code')).toBe(code);
      const documented = errorFixtures.find(({ response }) => response.body.error_code === code)?.response;
      if (!documented) continue;
      expect({ code, status: answer.status }).toEqual({ code, status: documented.status });
      expect(at(answer.body, 'error_type')).toBe(documented.body.error_type);
      expect(Object.keys(documented.body).sort()).toEqual(Object.keys(Object(answer.body)).sort());
    }
    expect(() => plaid.faults.add({ kind: { plaidError: 'NO_SUCH_CODE' } })).toThrow('NO_SUCH_CODE');
  });
});

describe('/link/token/create', () => {
  it('makes a token for a new Item that lives four hours', async () => {
    const plaid = await start({ now: () => Date.UTC(2026, 10, 18, 12) });
    const answer = await post(plaid, '/link/token/create', linkTokenNew.request.body);
    expect(answer.body).toEqual({
      link_token: expect.stringMatching(/^link-sandbox-[0-9a-f-]{36}$/),
      expiration: '2026-11-18T16:00:00Z',
      request_id: expect.any(String),
    });
    expect(plaid.ledger.effects('link_token_created')[0]).toMatchObject({
      userId: linkTokenNew.request.body.user.client_user_id,
      details: {
        mode: 'new',
        daysRequested: 180,
        countries: 'US',
        language: 'en',
        webhook: 'https://hooks.example.test/plaid',
      },
    });
  });

  it('makes an update-mode token that lives 30 minutes, for a live Item only', async () => {
    const plaid = await start({ now: () => Date.UTC(2026, 10, 18, 12) });
    const { accessToken, itemId } = await linkedItem(plaid);
    const body = { ...linkTokenUpdate.request.body, access_token: accessToken };
    const selection = { ...body, update: { account_selection_enabled: true } };
    const answer = await post(plaid, '/link/token/create', selection);
    expect(at(answer.body, 'expiration')).toBe('2026-11-18T12:30:00Z');
    expect(plaid.ledger.effects('link_token_created')[0]?.details).toMatchObject({
      mode: 'update',
      itemId,
      accountSelection: true,
    });
    await post(plaid, '/item/remove', { access_token: accessToken });
    expectRefusal(await post(plaid, '/link/token/create', body), 'ITEM_NOT_FOUND');
  });

  it.each([
    ['an unknown field', { transaction: {} }, 'UNKNOWN_FIELDS'],
    ['no user', { user: undefined }, 'MISSING_FIELDS'],
    ['no client_user_id', { user: {} }, 'MISSING_FIELDS'],
    ['an e-mail address as the user', { user: { client_user_id: 'a@example.test' } }, 'INVALID_FIELD'],
    ['no products', { products: undefined, transactions: undefined }, 'INVALID_FIELD'],
    ['an unknown product', { products: ['transaction'] }, 'INVALID_FIELD'],
    ['too long a history', { transactions: { days_requested: 731 } }, 'INVALID_FIELD'],
    ['no country', { country_codes: [] }, 'INVALID_FIELD'],
    ['a webhook that is no URL', { webhook: 'nowhere' }, 'INVALID_FIELD'],
  ])('refuses %s', async (_case, change, code) => {
    const plaid = await start();
    const body = { ...linkTokenNew.request.body, ...change };
    expectRefusal(await post(plaid, '/link/token/create', body), code);
  });

  it('refuses products in update mode', async () => {
    const plaid = await start();
    const { accessToken } = await linkedItem(plaid);
    const body = { ...linkTokenNew.request.body, access_token: accessToken };
    expectRefusal(await post(plaid, '/link/token/create', body), 'INVALID_FIELD');
  });
});

describe('public tokens', () => {
  it('are exchanged once', async () => {
    const plaid = await start();
    const { publicToken, itemId } = plaid.createPublicToken({ userId: 'user-1' });
    expect(publicToken).toMatch(/^public-sandbox-[0-9a-f-]{36}$/);
    const body = { public_token: publicToken };
    const answer = await post(plaid, '/item/public_token/exchange', body);
    expect(Object.keys(Object(answer.body)).sort()).toEqual(
      Object.keys(exchangeFixture.response.body).sort(),
    );
    expect(answer.body).toMatchObject({
      access_token: expect.stringMatching(/^access-sandbox-/),
      item_id: itemId,
    });
    expectRefusal(await post(plaid, '/item/public_token/exchange', body), 'INVALID_PUBLIC_TOKEN');
    expect(plaid.ledger.effects('item_created', 'user-1')).toHaveLength(1);
  });

  it('die after 30 minutes', async () => {
    let nowMs = 0;
    const plaid = await start({ now: () => nowMs });
    const young = plaid.createPublicToken().publicToken;
    const old = plaid.createPublicToken().publicToken;
    nowMs = 30 * 60_000 - 1;
    expect((await post(plaid, '/item/public_token/exchange', { public_token: young })).status).toBe(200);
    nowMs += 1;
    const late = await post(plaid, '/item/public_token/exchange', { public_token: old });
    expectRefusal(late, 'INVALID_PUBLIC_TOKEN');
  });

  it('are made by the Sandbox endpoint too, in the Sandbox alone', async () => {
    const body = { institution_id: 'ins_109508', initial_products: ['transactions'] };
    const plaid = await start({ userOfWebhookUrl: (url) => url.split('/').at(-1) });
    const options = {
      webhook: 'http://127.0.0.1:1/webhooks/plaid/user-7',
      transactions: { days_requested: 180 },
    };
    const answer = await post(plaid, '/sandbox/public_token/create', { ...body, options });
    const publicToken = textAt(answer.body, 'public_token');
    await post(plaid, '/item/public_token/exchange', { public_token: publicToken });
    expect(plaid.items('user-7')).toHaveLength(1);
    const unknown = { ...body, institution_id: 'bank' };
    expectRefusal(await post(plaid, '/sandbox/public_token/create', unknown), 'INVALID_INSTITUTION');
    const production = await start({ environment: 'production' });
    expectRefusal(await post(production, '/sandbox/public_token/create', body), 'SANDBOX_ONLY');
  });
});
