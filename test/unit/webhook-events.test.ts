import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { parseAtomicWebhook } from '../../src/webhooks/atomic-event';
import { parsePlaidWebhook as parsePlaidWebhookOf } from '../../src/webhooks/plaid-event';
import employerWebhook from '../fixtures/atomic/webhook.employer-classification-completed.json';
import recurringWebhook from '../fixtures/atomic/webhook.recurring-transaction-detection-completed.json';

const parsePlaidWebhook = (rawBody: Uint8Array) => parsePlaidWebhookOf(rawBody, 'sandbox');

const sha256 = (body: Uint8Array) => createHash('sha256').update(body).digest('hex');
const bytes = (value: unknown) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value));
const without = (object: object, key: string) =>
  Object.fromEntries(Object.entries(object).filter(([each]) => each !== key));

/** Bodies that neither parser may take, whoever signed them. */
const REFUSED_BODIES: [name: string, body: Uint8Array][] = [
  ['empty', new Uint8Array()],
  ['white space', bytes('  \n')],
  ['not JSON', bytes('eventType=employer-classification-completed')],
  ['JSON cut short', bytes('{"eventType":')],
  ['two JSON values', bytes('{}{}')],
  ['null', bytes('null')],
  ['a number', bytes('1')],
  ['a string', bytes('"text"')],
  ['a list', bytes('[]')],
  ['bytes that are not UTF-8', Buffer.concat([bytes('{"x":"'), Buffer.of(0xff, 0xfe), bytes('"}')])],
  ['a UTF-8 sequence cut short', Buffer.concat([bytes('{"x":"'), Buffer.of(0xe2, 0x82), bytes('"}')])],
  ['an overlong UTF-8 sequence', Buffer.concat([bytes('{"x":"'), Buffer.of(0xc0, 0xaf), bytes('"}')])],
  ['UTF-16', Buffer.from('{"eventType":"x"}', 'utf16le')],
];

describe('a webhook of Atomic', () => {
  const { body: employer } = employerWebhook;
  const userId = employer.user.identifier;

  it.each([
    ['employer-classification', employerWebhook],
    ['recurrence-detection', recurringWebhook],
  ])('says that %s has finished', (job, { rawBody, headers }) => {
    const raw = bytes(rawBody);
    expect(parseAtomicWebhook(raw, headers['ce-type'])).toEqual({
      ok: true,
      event: {
        kind: 'job_finished',
        userId,
        job,
        bodySha256: sha256(raw),
        eventTime: JSON.parse(rawBody).eventTime,
      },
    });
  });

  it.each(['failed', 'FAILED', 'error'])('says that the job has failed, by the status %s in it', (status) => {
    const result = parseAtomicWebhook(bytes({ ...employer, data: { status } }), undefined);
    expect(result).toMatchObject({ ok: true, event: { kind: 'job_finished', failed: true } });
  });

  it('says nothing of a failure with another status', () => {
    const result = parseAtomicWebhook(bytes({ ...employer, data: { status: 'completed' } }), undefined);
    expect(result).toMatchObject({ ok: true, event: { kind: 'job_finished' } });
    expect(result).not.toHaveProperty('event.failed');
  });

  it('may have other names', () => {
    const events = { 'employer-classification': ['a', 'task-done'], 'recurrence-detection': ['b'] };
    const eventOf = (eventType: string) =>
      parseAtomicWebhook(bytes({ ...employer, eventType }), undefined, events);
    expect(eventOf('task-done')).toMatchObject({ event: { job: 'employer-classification' } });
    expect(eventOf('b')).toMatchObject({ event: { job: 'recurrence-detection' } });
    expect(eventOf(employer.eventType)).toMatchObject({ event: { kind: 'ignored' } });
  });

  it.each([
    ['without ce-type', employer, undefined],
    ['without data', without(employer, 'data'), undefined],
    ['with data null', { ...employer, data: null }, undefined],
    ['with data of any shape', { ...employer, data: [{ counts: 3 }] }, undefined],
    ['with further fields', { ...employer, user: { ...employer.user, name: 'x' }, more: 1 }, undefined],
    ['without eventTime', without(employer, 'eventTime'), undefined],
    ['with an eventTime that is no time', { ...employer, eventTime: 'yesterday' }, undefined],
    ['with a time offset', { ...employer, eventTime: '2026-11-18T15:07:36+02:00' }, undefined],
  ])('is taken %s', (_name, body, ceType) => {
    const result = parseAtomicWebhook(bytes(body), ceType);
    expect(result).toMatchObject({ ok: true, event: { kind: 'job_finished', userId } });
  });

  it.each([
    ['of 64 characters', `2026-11-18T15:07:36.${'0'.repeat(43)}Z`, true],
    ['of 65 characters', `2026-11-18T15:07:36.${'0'.repeat(44)}Z`, false],
    ['that is none', 'yesterday', false],
    ['that is a number', 20261118, false],
  ])('keeps no time but a short one: %s', (_name, eventTime, isKept) => {
    const result = parseAtomicWebhook(bytes({ ...employer, eventTime }), undefined);
    expect(result).toMatchObject({ ok: true, event: { kind: 'job_finished' } });
    if (isKept) expect(result).toMatchObject({ event: { eventTime } });
    else expect(result).not.toHaveProperty('event.eventTime');
  });

  it('says what is wrong with its bytes and its header', () => {
    const messageOf = (body: Uint8Array, ceType?: string) => {
      const result = parseAtomicWebhook(body, ceType);
      return result.ok ? undefined : result.errors;
    };
    expect(messageOf(Buffer.from([0xff]))).toEqual([{ path: 'body', message: 'must be UTF-8' }]);
    expect(messageOf(Buffer.from('{'))).toEqual([
      { path: 'body', message: 'must be JSON without __proto__ or constructor.prototype' },
    ]);
    expect(messageOf(bytes(employer), 'com.atomicfi.other')).toEqual([
      { path: 'ce-type', message: 'must be com.atomicfi. and the eventType of the body' },
    ]);
  });

  it('is told from another one by its bytes alone', () => {
    const spaced = bytes(JSON.stringify(employer, null, 1));
    const results = [bytes(employer), spaced].map((raw) => parseAtomicWebhook(raw, undefined));
    expect(new Set(results.map((result) => JSON.stringify(result))).size).toBe(2);
  });

  it.each([
    ['an event that we do not act on', { ...employer, eventType: 'task-status-updated' }],
    ['an event named like a job', { ...employer, eventType: 'recurrence-detection' }],
    ['an event named like a property of all objects', { ...employer, eventType: 'constructor' }],
    ['an event of ours while the job still runs', { ...employer, data: { status: 'processing' } }],
    ['an unknown event that has nothing but a name', { eventType: 'user-renamed' }],
    ['a user id with a blank', { ...employer, user: { identifier: 'José Ωmega' } }],
    ['a user id with a slash', { ...employer, user: { identifier: '../other' } }],
    ['an empty user id', { ...employer, user: { identifier: '' } }],
    ['a user id of 129 characters', { ...employer, user: { identifier: 'a'.repeat(129) } }],
  ])('is ignored for %s', (_name, body) => {
    expect(parseAtomicWebhook(bytes(body), undefined)).toEqual({
      ok: true,
      event: { kind: 'ignored', eventType: body.eventType },
    });
  });

  it.each([
    ['no eventType', without(employer, 'eventType'), 'eventType'],
    ['an empty eventType', { ...employer, eventType: '' }, 'eventType'],
    ['an endless eventType', { ...employer, eventType: 'x'.repeat(201) }, 'eventType'],
    [
      'an eventType that is no text',
      { ...employer, eventType: ['employer-classification-completed'] },
      'eventType',
    ],
    ['no user', without(employer, 'user'), 'user'],
    ['a user null', { ...employer, user: null }, 'user'],
    ['a user without identifier', { ...employer, user: { _id: 'x' } }, 'user.identifier'],
    ['an identifier that is no text', { ...employer, user: { identifier: 7 } }, 'user.identifier'],
  ])('is refused with %s', (_name, body, path) => {
    const result = parseAtomicWebhook(bytes(body), undefined);
    expect(result).toEqual({ ok: false, errors: [{ path, message: expect.any(String) }] });
  });

  it.each([
    ['of the other event', 'com.atomicfi.recurring-transaction-detection-completed'],
    ['without the prefix', 'employer-classification-completed'],
    ['in upper case', 'COM.ATOMICFI.EMPLOYER-CLASSIFICATION-COMPLETED'],
    ['that is empty', ''],
    ['given twice', ['com.atomicfi.employer-classification-completed']],
  ])('is refused with a ce-type %s', (_name, ceType) => {
    const result = parseAtomicWebhook(bytes(employer), ceType);
    expect(result).toEqual({ ok: false, errors: [{ path: 'ce-type', message: expect.any(String) }] });
  });

  it('has to agree with ce-type for events that are ignored too', () => {
    const body = bytes({ ...employer, eventType: 'task-status-updated' });
    expect(parseAtomicWebhook(body, 'com.atomicfi.task-status-updated').ok).toBe(true);
    expect(parseAtomicWebhook(body, employerWebhook.headers['ce-type']).ok).toBe(false);
  });

  it.each(REFUSED_BODIES)('is refused as a whole: %s', (_name, body) => {
    const result = parseAtomicWebhook(body, undefined);
    expect(result).toEqual({ ok: false, errors: [{ path: 'body', message: expect.any(String) }] });
  });

  it.each([
    ['__proto__ at the top', '"__proto__":{"eventTime":"2026-11-18T15:07:36Z"}'],
    ['__proto__ written with escapes', '"\\u005f_proto_\\u005F":{"a":1}'],
    ['__proto__ deep inside', '"data":[{"a":{"__proto__":{"polluted":true}}}]'],
    ['constructor.prototype', '"data":{"constructor":{"prototype":{"polluted":true}}}'],
  ])('is refused with %s', (_name, member) => {
    const body = bytes(`${JSON.stringify(employer).slice(0, -1)},${member}}`);
    const result = parseAtomicWebhook(body, undefined);
    expect(result).toMatchObject({ ok: false, errors: [{ path: 'body' }] });
    expect(Object.hasOwn(Object.prototype, 'polluted')).toBe(false);
  });

  it('never takes a required field from a prototype', () => {
    const body = bytes(`{"__proto__":${JSON.stringify(employer)}}`);
    expect(parseAtomicWebhook(body, undefined).ok).toBe(false);
  });

  it.each([
    ['lists', '[', ']'],
    ['objects', '{"a":', '}'],
  ])('survives 100,000 nested %s', (_name, open, close) => {
    const deep = open.repeat(100_000) + (open === '[' ? '' : '1') + close.repeat(100_000);
    const body = `${JSON.stringify(without(employer, 'data')).slice(0, -1)},"data":${deep}}`;
    expect(parseAtomicWebhook(bytes(body), undefined)).toMatchObject({ ok: true });
    const poisoned = `${body.slice(0, -1)},"more":{"__proto__":1}}`;
    expect(parseAtomicWebhook(bytes(poisoned), undefined)).toMatchObject({ ok: false });
  });

  it('repeats nothing of the body in its errors', () => {
    const secret = 'canary-3f9c1d7e';
    const body = { eventType: 'x', eventTime: secret, user: secret, [secret]: secret };
    for (const raw of [bytes(body), bytes(`{"x":${secret}}`)]) {
      const result = parseAtomicWebhook(raw, secret);
      expect(result.ok).toBe(false);
      expect(JSON.stringify(result)).not.toContain(secret);
    }
  });
});

describe('a webhook of Plaid', () => {
  const itemId = 'mfe5gWVwJQUwKeRTFv7B6fV53r6FRGwqZXGCC';
  const accountId = 'iY7ETdqPUeWxJAAGXViS3ZKA1VFFSosanE57n';
  const until = '2026-11-27T09:00:00.000Z';
  const item = (webhook_code: string, more: object = {}) => ({
    webhook_type: 'ITEM',
    webhook_code,
    item_id: itemId,
    environment: 'sandbox',
    ...more,
  });
  const itemError = (error_code: string) =>
    item('ERROR', { error: { error_type: 'ITEM_ERROR', error_code, error_message: null, status: 400 } });
  const ignored = (webhookType: string, webhookCode: string) => ({
    kind: 'ignored',
    webhookType,
    webhookCode,
  });

  it.each([
    ['item-error-login-required', { kind: 'sign_in_required' }],
    ['item-login-repaired', { kind: 'sign_in_repaired' }],
    ['item-pending-disconnect', { kind: 'pending_disconnect', until }],
    ['item-pending-expiration', { kind: 'pending_expiration', until }],
    ['item-user-permission-revoked', { kind: 'permission_revoked' }],
    ['item-user-account-revoked', { kind: 'account_revoked', accountId }],
    ['transactions-historical-update', { kind: 'history_ready' }],
    ['transactions-sync-updates-available', { kind: 'history_ready' }],
  ])('%s becomes a signal', (file, signal) => {
    const raw = rawBodyOf(file);
    expect(parsePlaidWebhook(raw)).toEqual({
      ok: true,
      event: { ...signal, itemId, bodySha256: sha256(raw) },
    });
  });

  it.each([
    'item-new-accounts-available',
    'item-webhook-update-acknowledged',
    'transactions-default-update',
    'transactions-initial-update',
    'transactions-recurring-update',
    'transactions-removed',
  ])('%s tells that the Item is alive', (file) => {
    const raw = rawBodyOf(file);
    const event = { kind: 'item_heard_of', itemId, bodySha256: sha256(raw) };
    expect(parsePlaidWebhook(raw)).toEqual({ ok: true, event });
  });

  it.each([
    'ITEM_LOGIN_REQUIRED',
    'ACCESS_NOT_GRANTED',
    'NO_ACCOUNTS',
    'ITEM_LOCKED',
    'PASSWORD_RESET_REQUIRED',
    'USER_SETUP_REQUIRED',
    'INVALID_CREDENTIALS',
    'INVALID_MFA',
    'INVALID_OTP',
    'INSUFFICIENT_CREDENTIALS',
    'INVALID_SEND_METHOD',
    'USER_INPUT_TIMEOUT',
    'INVALID_ACCOUNT_ID',
    'ADDITIONAL_CONSENT_REQUIRED',
  ])('an Item error %s asks for a sign-in', (code) => {
    expect(parsePlaidWebhook(bytes(itemError(code)))).toMatchObject({
      event: { kind: 'sign_in_required', itemId },
    });
  });

  it('an Item error USER_PERMISSION_REVOKED is a withdrawn permission', () => {
    const result = parsePlaidWebhook(bytes(itemError('USER_PERMISSION_REVOKED')));
    expect(result).toMatchObject({ event: { kind: 'permission_revoked', itemId } });
  });

  it.each(['INSTITUTION_DOWN', 'ITEM_NOT_FOUND', 'PRODUCT_NOT_READY', 'item_login_required', 'constructor'])(
    'an Item error %s is a hint to look too',
    (code) => {
      expect(parsePlaidWebhook(bytes(itemError(code)))).toMatchObject({
        event: { kind: 'sign_in_required', itemId },
      });
    },
  );

  it.each([
    ['a webhook of Link', { webhook_type: 'LINK', webhook_code: 'SESSION_FINISHED' }],
    ['a webhook of a processor token', { webhook_type: 'PROCESSOR_TOKEN', webhook_code: 'ERROR' }],
    ['an error of Assets', { webhook_type: 'ASSETS', webhook_code: 'ERROR', error: {} }],
    ['a type and a code joined otherwise', { ...item('REPAIRED'), webhook_type: 'ITEM/LOGIN' }],
  ])('is ignored: %s', (_name, body) => {
    expect(parsePlaidWebhook(bytes(body))).toEqual({
      ok: true,
      event: ignored(body.webhook_type, body.webhook_code),
    });
  });

  it.each(['SOMETHING_NEW', 'login_repaired', 'HISTORICAL_UPDATE'])(
    'a code %s that is none of its type tells no more than that the Item is alive',
    (code) => {
      expect(parsePlaidWebhook(bytes(item(code)))).toMatchObject({
        event: { kind: 'item_heard_of', itemId },
      });
    },
  );

  it.each([false, 'true', null, undefined])(
    'SYNC_UPDATES_AVAILABLE with historical_update_complete %p says nothing of the history',
    (historical_update_complete) => {
      const body = {
        ...item('SYNC_UPDATES_AVAILABLE', { historical_update_complete }),
        webhook_type: 'TRANSACTIONS',
      };
      expect(parsePlaidWebhook(bytes(body))).toMatchObject({ event: { kind: 'item_heard_of', itemId } });
    },
  );

  describe.each([
    ['PENDING_DISCONNECT', 'disconnect_time', 'pending_disconnect'],
    ['PENDING_EXPIRATION', 'consent_expiration_time', 'pending_expiration'],
  ])('%s', (code, field, kind) => {
    it.each([
      ['2026-11-27T09:00:00Z', until],
      ['2026-11-27T09:00:00.000Z', until],
      ['2026-11-27T04:00:00-05:00', until],
      ['2026-11-27T09:00:00', until],
      ['2026-11-27', '2026-11-27T00:00:00.000Z'],
    ])('has a date written %s as UTC', (time, expected) => {
      const raw = bytes(item(code, { [field]: time }));
      expect(parsePlaidWebhook(raw)).toEqual({
        ok: true,
        event: { kind, until: expected, itemId, bodySha256: sha256(raw) },
      });
    });

    it.each([
      'soon',
      '',
      '1',
      '2026-02-30T09:00:00Z',
      '2026-13-01',
      '9999-12-31T23:59:59-01:00',
      'Fri, 27 Nov 2026 09:00:00 GMT',
      null,
      undefined,
      1_795_770_000,
      ['2026-11-27T09:00:00Z'],
    ])('warns without a date when it is %p', (time) => {
      const raw = bytes(item(code, { [field]: time }));
      expect(parsePlaidWebhook(raw)).toEqual({ ok: true, event: { kind, itemId, bodySha256: sha256(raw) } });
    });
  });

  it.each([
    ['no webhook_type', without(item('ERROR'), 'webhook_type'), 'webhook_type'],
    ['no webhook_code', without(item('ERROR'), 'webhook_code'), 'webhook_code'],
    ['a webhook_code that is no text', { ...item('ERROR'), webhook_code: 1 }, 'webhook_code'],
    ['an endless webhook_code', item('X'.repeat(201)), 'webhook_code'],
    ['no item_id where one is needed', without(item('LOGIN_REPAIRED'), 'item_id'), 'item_id'],
    ['an empty item_id', item('LOGIN_REPAIRED', { item_id: '' }), 'item_id'],
    ['an ERROR without error', item('ERROR'), 'error'],
    ['an ERROR with error null', item('ERROR', { error: null }), 'error'],
    ['an error without code', item('ERROR', { error: {} }), 'error.error_code'],
    ['no account_id in USER_ACCOUNT_REVOKED', item('USER_ACCOUNT_REVOKED'), 'account_id'],
  ])('is refused with %s', (_name, body, path) => {
    expect(parsePlaidWebhook(bytes(body))).toEqual({
      ok: false,
      errors: [{ path, message: expect.any(String) }],
    });
  });

  it.each(REFUSED_BODIES)('is refused as a whole: %s', (_name, body) => {
    expect(parsePlaidWebhook(body)).toEqual({
      ok: false,
      errors: [{ path: 'body', message: expect.any(String) }],
    });
  });

  it('is refused with __proto__ in it', () => {
    const body = bytes(`${JSON.stringify(item('LOGIN_REPAIRED')).slice(0, -1)},"__proto__":{"item_id":"x"}}`);
    expect(parsePlaidWebhook(body)).toMatchObject({ ok: false, errors: [{ path: 'body' }] });
  });

  it('of the other environment is refused, and one that names none is taken', () => {
    const repaired = { ...item('LOGIN_REPAIRED'), environment: 'production' };
    expect(parsePlaidWebhookOf(bytes(repaired), 'sandbox')).toEqual({
      ok: false,
      errors: [{ path: 'environment', message: 'is not sandbox' }],
    });
    expect(parsePlaidWebhookOf(bytes(repaired), 'production')).toMatchObject({ ok: true });
    expect(parsePlaidWebhookOf(bytes(without(repaired, 'environment')), 'sandbox')).toMatchObject({
      ok: true,
    });
  });

  function rawBodyOf(file: string): Buffer {
    const path = join(__dirname, `../fixtures/plaid/webhooks/${file}.json`);
    return bytes(JSON.parse(readFileSync(path, 'utf8')).rawBody);
  }
});

describe('arbitrary bodies', () => {
  const bodies = fc.oneof(
    fc.uint8Array({ maxLength: 200 }),
    fc.json().map((json) => bytes(json)),
    fc
      .record(
        {
          eventType: fc.anything(),
          eventTime: fc.anything(),
          user: fc.anything(),
          webhook_type: fc.constantFrom('ITEM', 'TRANSACTIONS'),
          webhook_code: fc.constantFrom(
            'ERROR',
            'PENDING_DISCONNECT',
            'USER_ACCOUNT_REVOKED',
            'SYNC_UPDATES_AVAILABLE',
          ),
          item_id: fc.oneof(fc.string(), fc.jsonValue()),
          error: fc.jsonValue(),
          disconnect_time: fc.oneof(fc.date({ noInvalidDate: true }), fc.jsonValue()),
        },
        { requiredKeys: [] },
      )
      .map((body) =>
        bytes(JSON.stringify(body, (_key, value) => (typeof value === 'bigint' ? `${value}` : value))),
      ),
  );

  it('end in an event or in errors, never in a throw', () => {
    fc.assert(
      fc.property(bodies, fc.option(fc.string(), { nil: undefined }), (body, ceType) => {
        for (const result of [parseAtomicWebhook(body, ceType), parsePlaidWebhook(body)]) {
          if (result.ok) expect(result.event.kind).toMatch(/^[a-z_]+$/);
          else expect(result.errors.length).toBeGreaterThan(0);
        }
      }),
      { numRuns: 2000 },
    );
  });
});
