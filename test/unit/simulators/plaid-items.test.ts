import { createHash } from 'node:crypto';
import accountsGet from '../../fixtures/plaid/accounts-get.json';
import itemGet from '../../fixtures/plaid/item-get.json';
import loginRequired from '../../fixtures/plaid/webhooks/item-error-login-required.json';
import { closeAll, expectRefusal, linkedItem, post, receiver, start } from './plaid-harness';
import { at, textAt } from './webhook-receiver';

afterEach(closeAll);

describe('Items', () => {
  it('have accounts as they were ordered', async () => {
    const plaid = await start();
    const types = async (accounts: 'checking' | 'checking-and-savings' | 'card-only') => {
      const { accessToken } = await linkedItem(plaid, { accounts });
      const { body } = await post(plaid, '/accounts/get', { access_token: accessToken });
      const list = at(body, 'accounts');
      return Array.isArray(list)
        ? list.map((account) => `${at(account, 'type')}/${at(account, 'subtype')}`)
        : [];
    };
    expect(await types('checking')).toEqual(['depository/checking']);
    expect(await types('checking-and-savings')).toEqual(['depository/checking', 'depository/savings']);
    expect(await types('card-only')).toEqual(['credit/credit card']);
    const { accessToken } = await linkedItem(plaid, { accounts: 'none' });
    expectRefusal(await post(plaid, '/accounts/get', { access_token: accessToken }), 'NO_ACCOUNTS');
  });

  it('answer in the shape of the contract', async () => {
    const plaid = await start();
    const { accessToken, accountId } = await linkedItem(plaid);
    const accounts = await post(plaid, '/accounts/get', { access_token: accessToken });
    const item = await post(plaid, '/item/get', { access_token: accessToken });
    const keys = (value: unknown) => Object.keys(Object(value)).sort();
    expect(keys(at(accounts.body, 'accounts', 0))).toEqual(keys(accountsGet.response.body.accounts[0]));
    expect(keys(at(accounts.body, 'item'))).toEqual(keys(accountsGet.response.body.item));
    expect(keys(at(item.body, 'item'))).toEqual(keys(itemGet.response.body.item));
    expect(keys(at(item.body, 'status'))).toEqual(keys(itemGet.response.body.status));
    expect(accountId).toMatch(/^[1-9A-Za-z]{37}$/);
  });

  it('filter accounts by id, and refuse one that they lack', async () => {
    const plaid = await start();
    const { accessToken, accounts } = await linkedItem(plaid, { accounts: 'checking-and-savings' });
    const ask = (ids: (string | undefined)[]) =>
      post(plaid, '/accounts/get', { access_token: accessToken, options: { account_ids: ids } });
    const one = await ask([accounts[1]?.accountId]);
    expect(at(one.body, 'accounts')).toHaveLength(1);
    expectRefusal(await ask(['nowhere']), 'INVALID_ACCOUNT_ID');
  });

  it.each(['ITEM_NOT_FOUND', 'INVALID_ACCESS_TOKEN'] as const)(
    'are gone after removal, processor tokens too (%s)',
    async (removedItemError) => {
      const plaid = await start({ removedItemError });
      const { accessToken, accountId } = await linkedItem(plaid);
      const made = await post(plaid, '/processor/token/create', {
        access_token: accessToken,
        account_id: accountId,
        processor: 'atomicfi',
      });
      const processorToken = textAt(made.body, 'processor_token');
      expect(processorToken).toMatch(/^processor-sandbox-/);
      expect(plaid.isProcessorTokenLive(processorToken)).toBe(true);
      expect(plaid.nothingLeft('user-1')).toBe(false);
      expect(plaid.leftovers('user-1').liveProcessorTokens).toBe(1);
      const removed = await post(plaid, '/item/remove', { access_token: accessToken, reason_code: 'OTHER' });
      expect(Object.keys(Object(removed.body))).toEqual(['request_id']);
      expect(plaid.isProcessorTokenLive(processorToken)).toBe(false);
      expect(plaid.nothingLeft('user-1')).toBe(true);
      for (const path of ['/accounts/get', '/item/get', '/item/remove']) {
        expectRefusal(await post(plaid, path, { access_token: accessToken }), removedItemError);
      }
      expect(plaid.ledger.effects('item_removed', 'user-1')).toHaveLength(1);
    },
  );

  it('refuse an unknown access token', async () => {
    const body = { access_token: 'access-production-0b0b0b0b' };
    expectRefusal(await post(await start(), '/item/get', body), 'INVALID_ACCESS_TOKEN');
  });

  it('give processor tokens to atomicfi alone, for an account that they have', async () => {
    const plaid = await start();
    const { accessToken, accountId } = await linkedItem(plaid);
    const body = { access_token: accessToken, account_id: accountId, processor: 'atomicfi' };
    const create = (change: object) => post(plaid, '/processor/token/create', { ...body, ...change });
    expectRefusal(await create({ processor: 'atomic' }), 'INVALID_PRODUCT');
    expectRefusal(await create({ account_id: 'elsewhere' }), 'INVALID_ACCOUNT_ID');
    expect(plaid.ledger.effects('processor_token_created')).toHaveLength(0);
    expect((await create({})).status).toBe(200);
    const bare = await linkedItem(plaid, { products: ['auth'] });
    const unproductive = { access_token: bare.accessToken, account_id: bare.accountId };
    expectRefusal(await create(unproductive), 'PRODUCT_NOT_ENABLED');
  });

  it('that need a sign-in refuse data calls, show it in /item/get, and go on once repaired', async () => {
    const plaid = await start();
    const hooks = await receiver();
    const { accessToken, itemId } = await linkedItem(plaid, { webhook: hooks.url });
    const body = { access_token: accessToken };
    await plaid.requireLogin(itemId);
    expect(JSON.parse(hooks.received[0]?.rawBody ?? '')).toEqual({ ...loginRequired.body, item_id: itemId });
    expectRefusal(await post(plaid, '/accounts/get', body), 'ITEM_LOGIN_REQUIRED');
    const item = await post(plaid, '/item/get', body);
    expect(item.status).toBe(200);
    expect(at(item.body, 'item', 'error', 'error_code')).toBe('ITEM_LOGIN_REQUIRED');
    expect(at(item.body, 'status', 'last_webhook', 'code_sent')).toBe('ERROR');
    await plaid.repair(itemId, { webhook: false });
    expect((await post(plaid, '/accounts/get', body)).status).toBe(200);
    expect(hooks.received).toHaveLength(1);
  });

  it('may bring an account back under another id: its processor tokens are dead', async () => {
    const plaid = await start();
    const accounts = [{ type: 'depository', mask: '4242', persistentAccountId: 'stays' }] as const;
    const { accessToken, itemId, accountId } = await linkedItem(plaid, { accounts });
    const made = await post(plaid, '/processor/token/create', {
      access_token: accessToken,
      account_id: accountId,
      processor: 'atomicfi',
    });
    const changedId = plaid.changeAccountId(itemId);
    expect(changedId).not.toBe(accountId);
    expect(plaid.isProcessorTokenLive(textAt(made.body, 'processor_token'))).toBe(false);
    const { body } = await post(plaid, '/accounts/get', { access_token: accessToken });
    expect(at(body, 'accounts', 0)).toMatchObject({
      account_id: changedId,
      mask: '4242',
      persistent_account_id: 'stays',
    });
  });

  it('lose an account that its owner no longer shares', async () => {
    const plaid = await start();
    const hooks = await receiver();
    const { accessToken, itemId, accountId } = await linkedItem(plaid, {
      webhook: hooks.url,
      accounts: 'checking-and-savings',
    });
    await plaid.revokeAccount(itemId, accountId);
    expect(JSON.parse(hooks.received[0]?.rawBody ?? '')).toMatchObject({
      webhook_code: 'USER_ACCOUNT_REVOKED',
      account_id: accountId,
    });
    const { body } = await post(plaid, '/accounts/get', { access_token: accessToken });
    expect(at(body, 'accounts')).toHaveLength(1);
    expect(plaid.addAccount(itemId, { type: 'depository' })).not.toBe(accountId);
  });

  it('go when the user withdraws permission, or stay to be removed', async () => {
    const plaid = await start();
    const hooks = await receiver();
    const gone = await linkedItem(plaid, { webhook: hooks.url });
    await plaid.revokePermission(gone.itemId);
    expect(JSON.parse(hooks.received[0]?.rawBody ?? '')).toMatchObject({
      webhook_code: 'USER_PERMISSION_REVOKED',
      error: { error_type: 'ITEM_ERROR', error_code: 'USER_PERMISSION_REVOKED' },
    });
    expectRefusal(await post(plaid, '/item/get', { access_token: gone.accessToken }), 'ITEM_NOT_FOUND');
    const stays = await linkedItem(plaid);
    await plaid.revokePermission(stays.itemId, { itemStays: true });
    const body = { access_token: stays.accessToken };
    expectRefusal(await post(plaid, '/item/get', body), 'USER_PERMISSION_REVOKED');
    expect(plaid.nothingLeft('user-1')).toBe(false);
    expect((await post(plaid, '/item/remove', body)).status).toBe(200);
    expect(plaid.nothingLeft('user-1')).toBe(true);
  });

  it('that the caller brought along are not counted as ours', async () => {
    const plaid = await start();
    const { accessToken, itemId } = plaid.createItem({ userId: 'user-1' });
    expect((await post(plaid, '/item/get', { access_token: accessToken })).status).toBe(200);
    expect(plaid.accessTokenOf(itemId)).toBe(accessToken);
    expect(plaid.nothingLeft('user-1')).toBe(true);
    expect(plaid.leftovers('user-1').callersItems).toEqual([itemId]);
  });

  it('are orphans when the answer to the exchange is lost', async () => {
    const plaid = await start();
    const { publicToken, itemId } = plaid.createPublicToken({ userId: 'user-1' });
    const body = { public_token: publicToken };
    plaid.faults.add({ operation: '/item/public_token/exchange', kind: 'reset-after' });
    await expect(post(plaid, '/item/public_token/exchange', body)).rejects.toThrow();
    expectRefusal(await post(plaid, '/item/public_token/exchange', body), 'INVALID_PUBLIC_TOKEN');
    expect(plaid.leftovers('user-1')).toMatchObject({ items: [], orphanedItems: [itemId] });
  });
});

describe('webhooks', () => {
  it('are pretty-printed and carry an ES256 JWT over the raw body', async () => {
    const { decodeProtectedHeader, importJWK, jwtVerify } = await import('jose');
    const plaid = await start();
    const hooks = await receiver();
    const { itemId } = await linkedItem(plaid, { webhook: hooks.url });
    const sent = await plaid.fireWebhook(itemId, 'PENDING_DISCONNECT');
    const { rawBody, headers } = hooks.received[0] ?? { rawBody: '', headers: {} };
    expect(rawBody).toBe(JSON.stringify(JSON.parse(rawBody), null, 2));
    expect(sent).toMatchObject({ rawBody, answer: { status: 200 } });
    const jwt = String(headers['plaid-verification']);
    const { kid = '' } = decodeProtectedHeader(jwt);
    const { body } = await post(plaid, '/webhook_verification_key/get', { key_id: kid });
    const jwk = Object(at(body, 'key'));
    expect(jwk).toMatchObject({ alg: 'ES256', kid, expired_at: null });
    const { payload } = await jwtVerify(jwt, await importJWK(jwk, 'ES256'), { algorithms: ['ES256'] });
    expect(payload.request_body_sha256).toBe(createHash('sha256').update(rawBody).digest('hex'));
    expect(Math.abs(Number(payload.iat) - Date.now() / 1000)).toBeLessThan(60);
  });

  it('are signed with a new key after rotation; the old key can be withdrawn', async () => {
    const { decodeProtectedHeader } = await import('jose');
    const plaid = await start();
    const hooks = await receiver();
    const { itemId } = await linkedItem(plaid, { webhook: hooks.url });
    const oldKid = plaid.keys.currentKid;
    const newKid = plaid.keys.rotate();
    plaid.keys.expire(oldKid);
    await plaid.fireWebhook(itemId, { webhook_type: 'ITEM', webhook_code: 'MADE_UP', item_id: 'another' });
    const jwt = String(hooks.received[0]?.headers['plaid-verification']);
    expect(decodeProtectedHeader(jwt).kid).toBe(newKid);
    expect(JSON.parse(hooks.received[0]?.rawBody ?? '')).toMatchObject({ item_id: 'another' });
    const old = await post(plaid, '/webhook_verification_key/get', { key_id: oldKid });
    expect(at(old.body, 'key', 'expired_at')).toEqual(expect.any(Number));
    const unknown = await post(plaid, '/webhook_verification_key/get', { key_id: 'nobody' });
    expectRefusal(unknown, 'INVALID_WEBHOOK_VERIFICATION_KEY_ID');
  });

  it('are tried again until a 200, which 202 is not, and signed again each time', async () => {
    const plaid = await start({ webhookRetryDelaysMs: [1, 1, 1, 1, 1, 1] });
    const hooks = await receiver([202, 500, 200]);
    const { itemId } = await linkedItem(plaid, { webhook: hooks.url });
    const taken = plaid.ledger.waitFor(
      (entry) => entry.kind === 'effect' && entry.name === 'webhook_sent' && entry.details.status === 200,
    );
    const first = await plaid.fireWebhook(itemId, 'DEFAULT_UPDATE');
    expect(first.answer).toEqual({ status: 202 });
    await taken;
    const attempts = plaid.ledger
      .effects('webhook_sent')
      .map(({ details }) => [details.attempt, details.status]);
    expect(attempts).toEqual([
      [1, 202],
      [2, 500],
      [3, 200],
    ]);
    expect(new Set(hooks.received.map(({ rawBody }) => rawBody)).size).toBe(1);
    expect(new Set(hooks.received.map(({ headers }) => headers['plaid-verification'])).size).toBe(3);
  });

  it('tell that the history is in, by webhook and in /item/get', async () => {
    const plaid = await start({ historyDelayMs: 5 });
    const hooks = await receiver();
    const { accessToken, itemId } = await linkedItem(plaid, { webhook: hooks.url });
    const isHistorical = (code: unknown) => code === 'HISTORICAL_UPDATE';
    await plaid.ledger.waitFor((entry) => entry.kind === 'effect' && isHistorical(entry.details.code));
    expect(hooks.received.map(({ rawBody }) => at(JSON.parse(rawBody), 'webhook_code'))).toEqual([
      'INITIAL_UPDATE',
      'HISTORICAL_UPDATE',
    ]);
    const ready = await post(plaid, '/item/get', { access_token: accessToken });
    expect(at(ready.body, 'status', 'last_webhook', 'code_sent')).toBe('HISTORICAL_UPDATE');
    expect(at(ready.body, 'status', 'transactions', 'last_successful_update')).toEqual(expect.any(String));
    expect(plaid.items()[0]?.itemId).toBe(itemId);
  });

  it('are fired by the Sandbox endpoints', async () => {
    const plaid = await start();
    const hooks = await receiver();
    const { accessToken } = await linkedItem(plaid, { webhook: hooks.url });
    const body = { access_token: accessToken };
    const fire = (code: string) =>
      post(plaid, '/sandbox/item/fire_webhook', { ...body, webhook_type: 'ITEM', webhook_code: code });
    expect(at((await fire('LOGIN_REPAIRED')).body, 'webhook_fired')).toBe(true);
    await plaid.ledger.waitForEffect('webhook_sent');
    expectRefusal(await fire('ERROR'), 'SANDBOX_PRODUCT_NOT_ENABLED');
    expectRefusal(await fire('PENDING_EXPIRATION'), 'INVALID_FIELD');
    const afterSeq = plaid.ledger.lastSeq;
    expect(at((await post(plaid, '/sandbox/item/reset_login', body)).body, 'reset_login')).toBe(true);
    await plaid.ledger.waitForEffect('webhook_sent', { afterSeq });
    expect(hooks.received.map(({ rawBody }) => at(JSON.parse(rawBody), 'webhook_code'))).toEqual([
      'LOGIN_REPAIRED',
      'ERROR',
    ]);
    expectRefusal(await post(plaid, '/accounts/get', body), 'ITEM_LOGIN_REQUIRED');
    const silent = await linkedItem(plaid);
    const unheard = { access_token: silent.accessToken, webhook_code: 'LOGIN_REPAIRED' };
    expectRefusal(await post(plaid, '/sandbox/item/fire_webhook', unheard), 'SANDBOX_WEBHOOK_INVALID');
  });
});
