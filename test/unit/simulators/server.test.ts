import { setImmediate } from 'node:timers/promises';
import { type AtomicSimulator, startAtomicSimulator, startPlaidSimulator } from '../../../src/simulators';
import { faultSchema } from '../../../src/simulators/server/faults';
import { Schedule } from '../../../src/simulators/server/schedule';
import { at, call, startReceiver } from './webhook-receiver';

const REGISTER = 'POST /plaid/processor-link';
let atomic: AtomicSimulator;

beforeEach(async () => {
  atomic = await startAtomicSimulator({
    apiKey: 'key-1',
    apiSecret: 'secret-1',
    webhookMode: 'none',
    settings: { jobDelayMs: 'manual' },
  });
});
afterEach(() => atomic.close());

function register(userId = 'user-1', init: RequestInit = {}) {
  return call(`${atomic.url}/plaid/processor-link`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-api-key': 'key-1', 'x-api-secret': 'secret-1' },
    body: JSON.stringify({
      identifier: userId,
      processorToken: 'processor-sandbox-1',
      job: 'employer-classification',
    }),
    ...init,
  });
}

function control(path: string, body?: unknown, method = body === undefined ? 'GET' : 'POST') {
  return call(`${atomic.url}/_control/${path}`, {
    method,
    ...(body === undefined
      ? {}
      : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
  });
}

describe('faults', () => {
  it('answer another status, with body and headers, before the effect', async () => {
    const headers = { 'retry-after': '7' };
    const body = { code: 42901, message: 'Too many requests.' };
    atomic.faults.add({ operation: REGISTER, kind: { status: 429, body, headers } });
    const answer = await register();
    expect(answer).toMatchObject({ status: 429, body });
    expect(answer.headers.get('retry-after')).toBe('7');
    expect(atomic.nothingLeft()).toBe(true);
    expect((await register()).status).toBe(200);
  });

  it('answer another status after the effect', async () => {
    atomic.faults.add({ operation: REGISTER, when: 'after', kind: { status: 500 } });
    expect((await register()).status).toBe(500);
    expect(atomic.nothingLeft()).toBe(false);
  });

  it.each([
    ['reset-before', true],
    ['reset-after', false],
    ['truncated', false],
  ] as const)('break the connection (%s)', async (kind, nothingLeft) => {
    atomic.faults.add({ operation: REGISTER, kind });
    await expect(register()).rejects.toThrow();
    expect(atomic.nothingLeft()).toBe(nothingLeft);
    const lost = await atomic.ledger.waitForRequest(REGISTER, { outcome: 'lost' });
    expect(lost.fault).toBe(kind);
    expect((await register()).status).toBe(200);
  });

  it('answer a gateway page', async () => {
    atomic.faults.add({ kind: 'html' });
    const answer = await register();
    expect(answer.status).toBe(502);
    expect(answer.headers.get('content-type')).toBe('text/html');
    expect(answer.text).toContain('Bad Gateway');
  });

  it('answer a body of any size, without saying how long it is', async () => {
    atomic.faults.add({ kind: { hugeBodyBytes: 5_000_001 } });
    const answer = await register();
    expect(answer.text).toHaveLength(5_000_001);
    expect(answer.headers.get('content-length')).toBeNull();
    expect(at(answer.body, 'data')).toHaveLength(1);
  });

  it('let a caller who gives up on a huge body go', async () => {
    atomic.faults.add({ kind: { hugeBodyBytes: 500_000_000 } });
    const response = await fetch(`${atomic.url}/employer-matches/user-1`);
    await response.body?.cancel();
    await atomic.ledger.waitForRequest('GET employer-matches', { outcome: 'lost' });
  });

  it('delay the usual answer', async () => {
    atomic.faults.add({ kind: { delayMs: 40 } });
    const startedAtMs = performance.now();
    expect((await register()).status).toBe(200);
    // Node's timers may fire a millisecond early.
    expect(performance.now() - startedAtMs).toBeGreaterThanOrEqual(38);
  });

  it('hold a request until it is released, before the effect', async () => {
    atomic.faults.add({ operation: REGISTER, kind: { hold: 'gate' } });
    const answer = register();
    await atomic.ledger.waitForRequest(REGISTER);
    expect(atomic.nothingLeft()).toBe(true);
    expect(atomic.faults.held('gate')).toBe(1);
    atomic.faults.release('gate');
    expect((await answer).status).toBe(200);
    atomic.faults.add({ operation: REGISTER, kind: { hold: 'gate' } });
    const cleared = register('user-2');
    await atomic.ledger.waitForRequest(REGISTER, { userId: 'user-2' });
    atomic.faults.clear();
    expect((await cleared).status).toBe(200);
  });

  it('never answer, until the caller gives up', async () => {
    atomic.faults.add({ operation: REGISTER, kind: 'hang' });
    const caller = new AbortController();
    const registration = register('user-1', { signal: caller.signal });
    await atomic.ledger.waitForRequest(REGISTER, { outcome: 'open' });
    caller.abort();
    await expect(registration).rejects.toThrow();
    await atomic.ledger.waitForRequest(REGISTER, { outcome: 'lost' });
    expect(atomic.nothingLeft()).toBe(true);
  });

  it('strike in the order they were added, as often as they say, where they say', async () => {
    const twice = atomic.faults.add({ operation: REGISTER, times: 2, kind: { status: 500 } });
    atomic.faults.add({
      path: '/plaid/processor-link',
      userId: 'user-2',
      times: 'always',
      kind: { status: 503 },
    });
    const always = atomic.faults.add({ operation: 'GET employer-matches', times: 'always', kind: 'html' });
    const statuses = [];
    for (const userId of ['user-1', 'user-2', 'user-2', 'user-1', 'user-2']) {
      statuses.push((await register(userId)).status);
    }
    expect(statuses).toEqual([500, 500, 503, 200, 503]);
    expect(twice.hits).toBe(2);
    expect(always.hits).toBe(0);
    expect(atomic.faults.list()).toHaveLength(2);
    always.remove();
    expect(atomic.faults.list()).toHaveLength(1);
    atomic.faults.clear();
    expect((await register('user-2')).status).toBe(200);
  });

  it('refuse to be malformed', () => {
    const malformed = [
      { kind: 'explode' },
      { kind: { status: 99 } },
      { kind: { delayMs: -1 } },
      { kind: 'html', times: 0 },
      { kind: 'html', where: 'here' },
    ];
    for (const fault of malformed) expect(faultSchema.safeParse(fault).success).toBe(false);
    expect(() => atomic.faults.add({ kind: { plaidError: 'ITEM_LOCKED' } })).toThrow('ITEM_LOCKED');
  });
});

describe('the ledger', () => {
  it('lists requests and effects in order, with user, outcome and request id', async () => {
    const headers = { 'content-type': 'application/json', 'x-request-id': 'req-1', 'x-api-key': 'key-1' };
    await register('user-1', { headers });
    await register('user-2');
    expect(atomic.ledger.entries).toMatchObject([
      { seq: 1, operation: REGISTER, userId: 'user-1', status: 401, code: '40101', requestId: 'req-1' },
      { seq: 2, operation: REGISTER, userId: 'user-2', status: 200, outcome: 'answered' },
      { seq: 3, name: 'user_created', userId: 'user-2' },
      {
        seq: 4,
        name: 'registration_stored',
        userId: 'user-2',
        details: { job: 'employer-classification', run: 1 },
      },
    ]);
    expect(atomic.ledger.entries.every(({ at: time }) => new Date(time).toISOString() === time)).toBe(true);
    expect(JSON.stringify(atomic.ledger.entries)).not.toMatch(/secret-1|key-1|processor-sandbox/);
  });

  it('resolves a wait with an entry of the past or of the future, and rejects it in time', async () => {
    const future = atomic.ledger.waitForEffect('registration_stored', { userId: 'user-1' });
    await register();
    expect((await future).userId).toBe('user-1');
    expect((await atomic.ledger.waitForRequest(REGISTER)).seq).toBe(1);
    const { lastSeq: afterSeq } = atomic.ledger;
    await expect(atomic.ledger.waitForRequest(REGISTER, { afterSeq, timeoutMs: 10 })).rejects.toThrow(
      '10 ms',
    );
    const orphaned = atomic.ledger.waitForEffect('job_finished');
    const rejected = expect(orphaned).rejects.toThrow('closed');
    await atomic.close();
    await rejected;
  });
});

describe('closing', () => {
  it('frees the port, breaks held requests off and stops every timer', async () => {
    const set = jest.spyOn(globalThis, 'setTimeout');
    const clear = jest.spyOn(globalThis, 'clearTimeout');
    const hooks = await startReceiver([500]);
    atomic.settings.jobDelayMs = 0;
    atomic.webhooks.mode = 'send';
    atomic.webhooks.url = hooks.url;
    await register();
    await atomic.ledger.waitForEffect('webhook_sent');
    atomic.faults.add({ kind: 'hang' });
    const hanging = expect(register()).rejects.toThrow();
    await atomic.ledger.waitForRequest(REGISTER, { afterSeq: 1 });
    await atomic.close();
    await hanging;
    const retry = set.mock.results[set.mock.calls.findIndex(([, delayMs]) => delayMs === 30_000)]?.value;
    expect(retry).toBeDefined();
    expect(clear).toHaveBeenCalledWith(retry);
    jest.restoreAllMocks();
    await expect(register()).rejects.toThrow();
    const again = await startPlaidSimulator({
      clientId: 'a',
      secret: 'b',
      port: Number(new URL(atomic.url).port),
    });
    await again.close();
    hooks.close();
  });
});

describe('a schedule', () => {
  it('stops every timer at once and tells whoever waits', async () => {
    const schedule = new Schedule();
    const waiting = schedule.wait(3_600_000);
    const act = jest.fn();
    schedule.after(0, act);
    schedule.stop();
    expect(await waiting).toBe(false);
    expect(await schedule.wait(0)).toBe(false);
    await setImmediate();
    expect(act).not.toHaveBeenCalled();
  });
});

describe('ids', () => {
  it('are the same in each run with a seed, and others without', async () => {
    const tokens: string[] = [];
    for (const options of [{ seed: 'one' }, { seed: 'one' }, { seed: 'two' }, {}]) {
      const plaid = await startPlaidSimulator({ clientId: 'a', secret: 'b', ...options });
      tokens.push(plaid.createPublicToken().publicToken);
      await plaid.close();
    }
    expect(tokens[0]).toBe(tokens[1]);
    expect(new Set(tokens).size).toBe(3);
  });
});

describe('control routes', () => {
  it('add, list, release and clear faults', async () => {
    expect((await control('faults', { operation: REGISTER, kind: { hold: 'gate' } })).status).toBe(200);
    expect((await control('faults')).body).toMatchObject([{ fault: { operation: REGISTER } }]);
    const answer = register();
    await atomic.ledger.waitForRequest(REGISTER);
    expect((await control('faults/release', { name: 'gate' })).body).toEqual({ released: 1 });
    expect((await answer).status).toBe(200);
    await control('faults', { kind: 'html', times: 'always' });
    await control('faults', undefined, 'DELETE');
    expect((await register()).status).toBe(200);
    expect((await control('faults', { kind: 'explode' })).status).toBe(400);
  });

  it('show the ledger, wait for it, and show the state and what is left', async () => {
    const waiting = control('ledger?afterSeq=0&waitMs=5000');
    await register();
    expect(at((await waiting).body, 'entries', 0)).toMatchObject({ operation: REGISTER });
    const { lastSeq } = atomic.ledger;
    expect((await control(`ledger?afterSeq=${lastSeq}`)).body).toEqual({ lastSeq, entries: [] });
    expect(at((await control('state')).body, 'links')).toHaveLength(1);
    expect(at((await control('leftovers?userId=user-1')).body, 'registrations')).toHaveLength(1);
    expect(at((await control('leftovers?userId=user-2')).body, 'registrations')).toHaveLength(0);
    await control('ledger', undefined, 'DELETE');
    expect(atomic.ledger.entries).toHaveLength(0);
  });

  it('drive Atomic', async () => {
    const hooks = await startReceiver();
    await control('configure', { beforeResult: 'empty' });
    await control('configureWebhooks', { url: hooks.url, mode: 'hold' });
    const user = { userId: 'user-1', job: 'employer-classification' };
    await control('setResult', { ...user, value: [{ a: 1 }] });
    await register();
    expect((await control('completeJob', user)).status).toBe(200);
    expect((await control('releaseWebhooks', {})).body).toEqual({ answers: [{ status: 200 }] });
    expect((await control('sendWebhook', user)).body).toEqual({ answer: { status: 200 } });
    expect(atomic.settings.beforeResult).toBe('empty');
    expect((await control('completeJob', user)).status).toBe(400);
    hooks.close();
  });

  it('drive Plaid', async () => {
    const plaid = await startPlaidSimulator({ clientId: 'a', secret: 'b' });
    const drive = (name: string, body: unknown) =>
      call(`${plaid.url}/_control/${name}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      });
    const made = await drive('createPublicToken', { userId: 'user-1', accounts: 'checking-and-savings' });
    expect(at(made.body, 'accounts')).toHaveLength(2);
    const { body } = await drive('createItem', { userId: 'user-1' });
    const itemId = at(body, 'itemId');
    await drive('requireLogin', { itemId, webhook: false });
    expect(plaid.items('user-1')[0]?.error).toBe('ITEM_LOGIN_REQUIRED');
    await drive('repair', { itemId });
    await drive('changeAccountId', { itemId });
    expect(plaid.items('user-1')[0]).toMatchObject({ error: null });
    expect(plaid.items('user-1')[0]?.accounts[0]?.accountId).not.toBe(at(body, 'accounts', 0, 'accountId'));
    const kid = at((await drive('rotateWebhookKey', {})).body, 'kid');
    expect(kid).toBe(plaid.keys.currentKid);
    expect((await drive('isProcessorTokenLive', { token: 'x' })).body).toEqual({ live: false });
    await drive('revokePermission', { itemId });
    expect((await call(`${plaid.url}/_control/leftovers`)).body).toMatchObject({ callersItems: [] });
    expect((await drive('repair', { itemId: 'nowhere' })).status).toBe(400);
    await plaid.close();
  });
});
