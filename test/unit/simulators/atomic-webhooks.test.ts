import { createHmac } from 'node:crypto';
import type { LedgerEntry } from '../../../src/simulators';
import employerWebhook from '../../fixtures/atomic/webhook.employer-classification-completed.json';
import recurringWebhook from '../../fixtures/atomic/webhook.recurring-transaction-detection-completed.json';
import { vectors } from '../../fixtures/vectors/atomic-hmac.json';
import { closeAll, EMPLOYER, RECURRENCE, receiver, register, start } from './atomic-harness';
import { at } from './webhook-receiver';

afterEach(closeAll);

describe('webhooks', () => {
  it.each([
    [EMPLOYER, employerWebhook],
    [RECURRENCE, recurringWebhook],
  ] as const)('tell that %s has finished, signed over the raw body', async (job, fixture) => {
    const hooks = await receiver();
    const atomic = await start({ webhookUrl: hooks.url });
    const registered = await register(atomic, job);
    await atomic.ledger.waitForEffect('webhook_sent');
    const { rawBody, headers } = hooks.received[0] ?? { rawBody: '', headers: {} };
    expect(headers['x-hmac-signature-sha-256']).toBe(
      createHmac('sha256', 'secret-1').update(rawBody).digest('hex'),
    );
    for (const name of ['content-type', 'ce-specversion', 'ce-source', 'ce-type'] as const) {
      expect(headers[name]).toBe(fixture.headers[name]);
    }
    const body: unknown = JSON.parse(rawBody);
    expect(body).toEqual({
      eventType: fixture.body.eventType,
      eventTime: headers['ce-time'],
      user: { _id: expect.stringMatching(/^[0-9a-f]{24}$/), identifier: 'user-1' },
      data: { processorLink: at(registered.body, 'data', '_id'), job },
    });
  });

  it('are signed as the vectors say', async () => {
    const hooks = await receiver();
    const atomic = await start({ webhookUrl: hooks.url });
    for (const { secret, rawBody, hmacSha256Hex } of vectors) {
      await atomic.webhooks.send({ userId: 'user-1', job: EMPLOYER, secret, rawBody });
      const received = hooks.received.at(-1);
      expect(received?.rawBody).toBe(rawBody);
      expect(received?.headers['x-hmac-signature-sha-256']).toBe(hmacSha256Hex);
    }
  });

  it('are tried again three times at most, the same bytes each time', async () => {
    const hooks = await receiver([500, 302, 404, 500]);
    const atomic = await start({ webhookUrl: hooks.url });
    await register(atomic);
    await atomic.ledger.waitFor((entry) => entry.kind === 'effect' && entry.details.attempt === 4);
    expect(atomic.ledger.effects('webhook_sent').map(({ details }) => details.status)).toEqual([
      500, 302, 404, 500,
    ]);
    expect(new Set(hooks.received.map(({ rawBody, headers }) => `${headers['ce-id']} ${rawBody}`)).size).toBe(
      1,
    );
  });

  it('stop at the first 2xx', async () => {
    const hooks = await receiver([503, 204]);
    const atomic = await start({ webhookUrl: hooks.url });
    await register(atomic);
    await atomic.ledger.waitFor((entry) => entry.kind === 'effect' && entry.details.status === 204);
    const third = (entry: LedgerEntry) => entry.kind === 'effect' && entry.details.attempt === 3;
    await expect(atomic.ledger.waitFor(third, { timeoutMs: 50 })).rejects.toThrow('50 ms');
    expect(hooks.received).toHaveLength(2);
  });

  it('are held until they are released', async () => {
    const hooks = await receiver();
    const atomic = await start({ webhookUrl: hooks.url, webhookMode: 'hold' });
    for (const identifier of ['user-1', 'user-2']) await register(atomic, EMPLOYER, { identifier });
    await atomic.ledger.waitForEffect('webhook_held', { userId: 'user-2' });
    expect(hooks.received).toHaveLength(0);
    expect(await atomic.webhooks.release('user-2')).toMatchObject([
      { userId: 'user-2', answer: { status: 200 } },
    ]);
    expect(atomic.webhooks.held).toHaveLength(1);
    await atomic.webhooks.release();
    expect(hooks.received).toHaveLength(2);
  });

  it('are not sent when there are to be none, or nowhere to send them', async () => {
    const hooks = await receiver();
    const atomic = await start({ webhookUrl: hooks.url, webhookMode: 'none' });
    await register(atomic);
    await atomic.ledger.waitForEffect('webhook_dropped');
    const unset = await start();
    await register(unset);
    await unset.ledger.waitForEffect('webhook_dropped');
    unset.webhooks.url = hooks.url;
    await unset.webhooks.send({ userId: 'user-1', job: EMPLOYER });
    expect(hooks.received).toHaveLength(1);
  });

  it('can be sent by hand for any user, job and event, and forged', async () => {
    const hooks = await receiver();
    const atomic = await start({ webhookUrl: hooks.url, webhookMode: 'none' });
    await atomic.webhooks.send({ userId: 'stranger', job: RECURRENCE });
    await atomic.webhooks.send({
      userId: 'user-1',
      job: EMPLOYER,
      eventType: 'task-status-updated',
      data: {},
    });
    await atomic.webhooks.send({ userId: 'user-1', job: EMPLOYER, secret: 'forged', rawBody: '{"a": 1}' });
    await atomic.webhooks.send({ userId: 'user-1', job: EMPLOYER, headers: { 'ce-type': 'other' } });
    const bodies = hooks.received.map(({ rawBody }) => rawBody);
    expect(at(JSON.parse(bodies[0] ?? ''), 'user', 'identifier')).toBe('stranger');
    expect(hooks.received[1]?.headers['ce-type']).toBe('com.atomicfi.task-status-updated');
    expect(bodies[2]).toBe('{"a": 1}');
    expect(hooks.received[2]?.headers['x-hmac-signature-sha-256']).toBe(
      createHmac('sha256', 'forged').update('{"a": 1}').digest('hex'),
    );
    expect(hooks.received[3]?.headers['ce-type']).toBe('other');
  });

  it('can be sent again to the byte, and signed with another secret from now on', async () => {
    const hooks = await receiver();
    const atomic = await start({ webhookUrl: hooks.url });
    const sent = await atomic.webhooks.send({ userId: 'user-1', job: EMPLOYER });
    atomic.webhooks.secret = 'rotated';
    await atomic.webhooks.resend(sent);
    const rotated = await atomic.webhooks.send({ userId: 'user-1', job: EMPLOYER });
    expect(hooks.received[1]?.rawBody).toBe(hooks.received[0]?.rawBody);
    const signature = 'x-hmac-signature-sha-256';
    expect(hooks.received[1]?.headers[signature]).toBe(hooks.received[0]?.headers[signature]);
    expect(rotated.headers[signature]).toBe(
      createHmac('sha256', 'rotated').update(rotated.rawBody).digest('hex'),
    );
  });

  it('arrive before the registration is answered when that answer is held', async () => {
    const hooks = await receiver();
    const atomic = await start({ webhookUrl: hooks.url });
    atomic.faults.add({ operation: 'POST /plaid/processor-link', when: 'after', kind: { hold: 'answer' } });
    const answer = register(atomic);
    await atomic.ledger.waitForEffect('webhook_sent');
    expect(atomic.ledger.requests()[0]?.outcome).toBe('open');
    expect(atomic.faults.release('answer')).toBe(1);
    expect((await answer).status).toBe(200);
  });

  it('record why nobody could be reached', async () => {
    const hooks = await receiver();
    hooks.close();
    const atomic = await start({ webhookUrl: hooks.url, webhookRetryDelaysMs: [] });
    await register(atomic);
    const sent = await atomic.ledger.waitForEffect('webhook_sent');
    expect(sent.details).toMatchObject({ attempt: 1, error: 'ECONNREFUSED' });
  });
});
