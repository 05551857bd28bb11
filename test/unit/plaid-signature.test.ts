import { createHash, generateKeyPairSync, type KeyObject, sign as signBytes } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import type { PlaidVerificationKey } from '../../src/contract/plaid';
import type { PlaidKeyCacheOptions, StoredPlaidKey } from '../../src/webhooks/plaid-key-cache';
import {
  createPlaidVerifier as createVerifier,
  type PlaidKeyLookup,
  type PlaidWebhookSender,
} from '../../src/webhooks/plaid-signature';
import keyAnswer from '../fixtures/plaid/webhook-verification-key-get.json';
import jwtVectors from '../fixtures/vectors/plaid-verification-jwt.json';

const sender = (budget: string, isOpen = true): PlaidWebhookSender => ({
  budget,
  mayLookUp: async () => isOpen,
});
/** A verifier whose webhooks come from one sender, unless they say so. */
function createPlaidVerifier(options: PlaidKeyCacheOptions) {
  const verify = createVerifier(options);
  return (body: Uint8Array, jwt: string | string[] | undefined, from = sender('10.0.0.1 u')) =>
    verify(body, jwt, from);
}

const ACCEPTED = { ok: true };
const UNAVAILABLE = { ok: false, reason: 'key_unavailable', unavailable: true };
const NOW_SECONDS = 1_795_000_000;
const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;
const KEY_ID = '0f7c4a52-6d1b-4e0e-9f8a-2b1f5a3c9d10';
const BODY = Buffer.from('{\n  "webhook_type": "ITEM",\n  "webhook_code": "LOGIN_REPAIRED"\n}');

const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });

function jwkOf(key: KeyObject, over: Partial<PlaidVerificationKey> = {}): PlaidVerificationKey {
  const { x = '', y = '' } = key.export({ format: 'jwk' });
  const fixed = { alg: 'ES256', crv: 'P-256', kty: 'EC', use: 'sig', created_at: 1, expired_at: null };
  return { ...fixed, kid: KEY_ID, x, y, ...over };
}

const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');

interface Token {
  body?: Uint8Array;
  header?: Record<string, unknown>;
  payload?: Record<string, unknown>;
  key?: KeyObject;
}

function tokenOf({ body = BODY, header = {}, payload = {}, key = privateKey }: Token = {}): string {
  const hash = createHash('sha256').update(body).digest('hex');
  const signed = [
    encode({ alg: 'ES256', kid: KEY_ID, typ: 'JWT', ...header }),
    encode({ iat: NOW_SECONDS, request_body_sha256: hash, ...payload }),
  ].join('.');
  const signature = signBytes('sha256', Buffer.from(signed), { key, dsaEncoding: 'ieee-p1363' });
  return `${signed}.${signature.toString('base64url')}`;
}

/** Plaid's key endpoint and a clock, both in the test's hand. */
function plaid(answer: (keyId: string) => PlaidKeyLookup | Promise<PlaidKeyLookup> = known) {
  const state = { answer, nowMs: NOW_SECONDS * 1000, asked: [] as string[] };
  const fetchKey = async (keyId: string) => {
    state.asked.push(keyId);
    return state.answer(keyId);
  };
  return { state, fetchKey, nowMs: () => state.nowMs };
}

function known(keyId: string): PlaidKeyLookup {
  return keyId === KEY_ID ? { kind: 'found', key: jwkOf(publicKey) } : { kind: 'unknown' };
}

/** A right token of the present moment of the clock, so that only its key decides. */
function freshToken(nowMs: number, kid = KEY_ID): string {
  return tokenOf({ header: { kid }, payload: { iat: Math.floor(nowMs / 1000) } });
}

function deferred<T>() {
  let resolve: (value: T) => void = () => {};
  const promise = new Promise<T>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}

describe('vectors', () => {
  it.each(jwtVectors.cases)(
    '$expect: $name',
    async ({ jwt, rawBody, jwk, verifyAtUnix, expect: expected }) => {
      const verify = createPlaidVerifier({
        fetchKey: async () => ({ kind: 'found', key: jwk }),
        nowMs: () => verifyAtUnix * 1000,
      });
      expect((await verify(Buffer.from(rawBody), jwt)).ok).toBe(expected === 'accept');
    },
  );

  it.each([
    ['older than five minutes', 'too_old'],
    ['body minified before hashing', 'wrong_body'],
    ['body tampered', 'wrong_body'],
    ['signed by another key under the same kid', 'wrong_signature'],
    ['alg HS256', 'wrong_algorithm'],
    ['alg none', 'wrong_algorithm'],
    ['key marked expired', 'expired_key'],
    ['issued in the future beyond skew', 'issued_in_future'],
  ])('refuses the case "%s" as %s', async (name, reason) => {
    const found = jwtVectors.cases.find((each) => each.name === name);
    if (!found) throw new Error(`no case ${name}`);
    const verify = createPlaidVerifier({
      fetchKey: async () => ({ kind: 'found', key: found.jwk }),
      nowMs: () => found.verifyAtUnix * 1000,
    });
    expect(await verify(Buffer.from(found.rawBody), found.jwt)).toEqual({ ok: false, reason });
  });

  const folder = join(__dirname, '../fixtures/plaid/webhooks');
  it.each(readdirSync(folder))('accepts the webhook %s as Plaid sends it', async (file) => {
    const { rawBody, headers, verifyAtUnix } = JSON.parse(readFileSync(join(folder, file), 'utf8'));
    const { key } = keyAnswer.response.body;
    const verify = createPlaidVerifier({
      fetchKey: async (keyId) => (keyId === key.kid ? { kind: 'found', key } : { kind: 'unknown' }),
      nowMs: () => verifyAtUnix * 1000,
    });
    expect(await verify(Buffer.from(rawBody), headers['plaid-verification'])).toEqual(ACCEPTED);
  });
});

describe('the signature of a Plaid webhook', () => {
  it('accepts a right one', async () => {
    expect(await createPlaidVerifier(plaid())(BODY, tokenOf())).toEqual(ACCEPTED);
  });

  it.each([
    ['exactly 5 minutes old', 300_000, 'accepted'],
    ['a millisecond older than 5 minutes', 300_001, 'too_old'],
    ['60 seconds ahead', -60_000, 'accepted'],
    ['a millisecond more than 60 seconds ahead', -60_001, 'issued_in_future'],
  ])('judges the age: %s', async (_name, ageMs, outcome) => {
    const { fetchKey } = plaid();
    const verify = createPlaidVerifier({ fetchKey, nowMs: () => NOW_SECONDS * 1000 + ageMs });
    const expected = outcome === 'accepted' ? ACCEPTED : { ok: false, reason: outcome };
    expect(await verify(BODY, tokenOf())).toEqual(expected);
  });

  it('judges exp by the same clock', async () => {
    const then = 1_000_000_000;
    const { fetchKey } = plaid();
    const verify = createPlaidVerifier({ fetchKey, nowMs: () => then * 1000 });
    expect(await verify(BODY, tokenOf({ payload: { iat: then, exp: then + 1 } }))).toEqual(ACCEPTED);
  });

  it('takes the body hash as hex of any case', async () => {
    const hash = createHash('sha256').update(BODY).digest('hex').toUpperCase();
    const token = tokenOf({ payload: { request_body_sha256: hash } });
    expect(await createPlaidVerifier(plaid())(BODY, token)).toEqual(ACCEPTED);
  });

  const right = tokenOf();
  const [head = '', body = '', signature = ''] = right.split('.');
  const lastInAlphabet = (text: string) =>
    text.slice(0, -1) + String.fromCharCode(text.charCodeAt(text.length - 1) + 1);

  it.each([
    ['absent', undefined, 'missing_signature'],
    ['empty', '', 'missing_signature'],
    ['a list', [right], 'malformed_signature'],
    ['no token', 'nonsense', 'malformed_signature'],
    ['two dots', '..', 'malformed_signature'],
    ['five parts', `${right}.a.b`, 'malformed_signature'],
    ['two parts', `${head}.${body}`, 'malformed_signature'],
    ['without signature', `${head}.${body}.`, 'malformed_signature'],
    ['with a short signature', `${head}.${body}.${signature.slice(0, -4)}`, 'malformed_signature'],
    ['with the same signature spelt otherwise', lastInAlphabet(right), 'malformed_signature'],
    ['with a space after', `${right} `, 'malformed_signature'],
    ['in quotes', `"${right}"`, 'malformed_signature'],
    ['over 4,096 characters', tokenOf({ header: { pad: 'x'.repeat(4000) } }), 'malformed_signature'],
    ['with a header that is not JSON', `bm90IEpTT04.${body}.${signature}`, 'malformed_signature'],
    ['with a header that is a list', `${encode([])}.${body}.${signature}`, 'malformed_signature'],
    ['with claims that are not JSON', `${head}.bm90IEpTT04.${signature}`, 'malformed_signature'],
    ['with claims that are null', `${head}.${encode(null)}.${signature}`, 'malformed_signature'],
    ['without iat', tokenOf({ payload: { iat: undefined } }), 'malformed_signature'],
    ['with iat as text', tokenOf({ payload: { iat: String(NOW_SECONDS) } }), 'malformed_signature'],
    ['without a body hash', tokenOf({ payload: { request_body_sha256: undefined } }), 'malformed_signature'],
    ['with a short body hash', tokenOf({ payload: { request_body_sha256: 'ab' } }), 'malformed_signature'],
    ['with iat in milliseconds', tokenOf({ payload: { iat: NOW_SECONDS * 1000 } }), 'issued_in_future'],
    ['with iat 0', tokenOf({ payload: { iat: 0 } }), 'too_old'],
    ['of another body', tokenOf({ body: Buffer.from('{}') }), 'wrong_body'],
    ['without alg', tokenOf({ header: { alg: undefined } }), 'wrong_algorithm'],
    ['with alg in lower case', tokenOf({ header: { alg: 'es256' } }), 'wrong_algorithm'],
    ['with alg ES384', tokenOf({ header: { alg: 'ES384' } }), 'wrong_algorithm'],
    ['without kid', tokenOf({ header: { kid: undefined } }), 'implausible_key_id'],
    ['with an empty kid', tokenOf({ header: { kid: '' } }), 'implausible_key_id'],
    ['with a number as kid', tokenOf({ header: { kid: 7 } }), 'implausible_key_id'],
    ['with a path as kid', tokenOf({ header: { kid: '../../etc/passwd' } }), 'implausible_key_id'],
    ['with a long kid', tokenOf({ header: { kid: 'a'.repeat(65) } }), 'implausible_key_id'],
  ])('refuses one %s, without asking Plaid', async (_name, token, reason) => {
    const source = plaid();
    expect(await createPlaidVerifier(source)(BODY, token)).toEqual({ ok: false, reason });
    expect(source.state.asked).toEqual([]);
  });

  const stranger = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  it.each([
    ['signed by another key', tokenOf({ key: stranger.privateKey }), 'wrong_signature'],
    [
      'that brings its own key',
      tokenOf({ key: stranger.privateKey, header: { jwk: jwkOf(stranger.publicKey) } }),
      'wrong_signature',
    ],
    ['with a critical extension', tokenOf({ header: { crit: ['x'], x: 1 } }), 'wrong_signature'],
    ['with an unencoded payload', tokenOf({ header: { crit: ['b64'], b64: false } }), 'wrong_signature'],
    ['whose exp has passed', tokenOf({ payload: { exp: NOW_SECONDS - 1 } }), 'wrong_signature'],
    ['with an unknown kid', tokenOf({ header: { kid: 'unknown' } }), 'unknown_key'],
  ])('refuses one %s', async (_name, token, reason) => {
    expect(await createPlaidVerifier(plaid())(BODY, token)).toEqual({ ok: false, reason });
  });

  it.each([
    ['marked expired', { expired_at: NOW_SECONDS - 10 }, 'expired_key'],
    ['marked as expiring later', { expired_at: NOW_SECONDS + 10_000 }, 'expired_key'],
    ['of another id', { kid: 'other' }, 'unusable_key'],
    ['of another algorithm', { alg: 'RS256' }, 'unusable_key'],
    ['of another curve', { crv: 'P-384' }, 'unusable_key'],
    ['of another type', { kty: 'oct' }, 'unusable_key'],
    ['that is no point of the curve', { x: 'AAAA' }, 'unusable_key'],
  ])('refuses a key %s', async (_name, over, reason) => {
    const source = plaid(() => ({ kind: 'found', key: jwkOf(publicKey, over) }));
    expect(await createPlaidVerifier(source)(BODY, tokenOf())).toEqual({ ok: false, reason });
  });
});

describe('for any body', () => {
  const bodies = fc.uint8Array({ minLength: 1, maxLength: 300 });
  const verify = createPlaidVerifier(plaid());

  it('accepts the body that was signed and refuses it with any bit flipped', async () => {
    await fc.assert(
      fc.asyncProperty(bodies, fc.nat(), async (body, at) => {
        const token = tokenOf({ body });
        expect(await verify(body, token)).toEqual(ACCEPTED);
        const bit = at % (body.length * 8);
        const forged = Uint8Array.from(body, (byte, i) => (i === bit >> 3 ? byte ^ (1 << (bit & 7)) : byte));
        expect(await verify(forged, token)).toEqual({ ok: false, reason: 'wrong_body' });
      }),
    );
  });

  it('refuses the token with any bit of any character flipped', async () => {
    const token = tokenOf();
    const bits = fc.tuple(fc.nat(token.length - 1), fc.nat(6));
    await fc.assert(
      fc.asyncProperty(bits, async ([at, bit]) => {
        const flipped = String.fromCharCode(token.charCodeAt(at) ^ (1 << bit));
        expect((await verify(BODY, token.slice(0, at) + flipped + token.slice(at + 1))).ok).toBe(false);
      }),
      { numRuns: 1000 },
    );
  });

  it('refuses the signature with any of its 512 bits flipped', async () => {
    const [head, body, signature = ''] = tokenOf().split('.');
    const bytes = Buffer.from(signature, 'base64url');
    for (let bit = 0; bit < 512; bit += 1) {
      const forged = Buffer.from(bytes.map((byte, i) => (i === bit >> 3 ? byte ^ (1 << (bit & 7)) : byte)));
      const token = `${head}.${body}.${forged.toString('base64url')}`;
      expect(await verify(BODY, token)).toEqual({ ok: false, reason: 'wrong_signature' });
    }
  });

  it('refuses arbitrary headers and never rejects', async () => {
    const part = fc.oneof(
      fc.base64String(),
      fc.json().map((json) => Buffer.from(json).toString('base64url')),
    );
    const headers = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 200 }),
      fc.tuple(part, part, part).map((parts) => parts.join('.')),
      fc.array(fc.string(), { maxLength: 3 }),
      fc.constant(undefined),
    );
    await fc.assert(
      fc.asyncProperty(bodies, headers, async (body, header) => {
        expect((await verify(body, header)).ok).toBe(false);
      }),
      { numRuns: 1000 },
    );
  });
});

describe('the key cache', () => {
  it('fetches a key once for 100 verifications at once', async () => {
    const gate = deferred<void>();
    const source = plaid(async (keyId) => {
      await gate.promise;
      return known(keyId);
    });
    const verify = createPlaidVerifier(source);
    const verdicts = Promise.all(Array.from({ length: 100 }, () => verify(BODY, tokenOf())));
    gate.resolve();
    expect(await verdicts).toEqual(Array.from({ length: 100 }, () => ACCEPTED));
    expect(source.state.asked).toEqual([KEY_ID]);
  });

  it('asks again once the key is a day old, and not before', async () => {
    const source = plaid();
    const verify = createPlaidVerifier(source);
    await verify(BODY, freshToken(source.state.nowMs));
    source.state.nowMs += DAY_MS - 1;
    expect(await verify(BODY, freshToken(source.state.nowMs))).toEqual(ACCEPTED);
    expect(source.state.asked).toHaveLength(1);
    source.state.nowMs += 1;
    expect(await verify(BODY, freshToken(source.state.nowMs))).toEqual(ACCEPTED);
    expect(source.state.asked).toHaveLength(2);
  });

  it('refuses a key that turns out to be withdrawn when it is asked for again', async () => {
    const source = plaid();
    const verify = createPlaidVerifier(source);
    expect(await verify(BODY, freshToken(source.state.nowMs))).toEqual(ACCEPTED);
    source.state.answer = () => ({ kind: 'found', key: jwkOf(publicKey, { expired_at: NOW_SECONDS }) });
    source.state.nowMs += DAY_MS;
    expect(await verify(BODY, freshToken(source.state.nowMs))).toEqual({ ok: false, reason: 'expired_key' });
  });

  it('keeps several keys, so that a rotation needs no restart', async () => {
    const next = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const source = plaid((keyId) =>
      keyId === 'next'
        ? { kind: 'found', key: jwkOf(next.publicKey, { kid: 'next' }) }
        : { kind: 'found', key: jwkOf(publicKey) },
    );
    const verify = createPlaidVerifier(source);
    const nextToken = tokenOf({ header: { kid: 'next' }, key: next.privateKey });
    for (const token of [tokenOf(), nextToken, tokenOf(), nextToken]) {
      expect(await verify(BODY, token)).toEqual(ACCEPTED);
    }
    expect(source.state.asked).toEqual([KEY_ID, 'next']);
  });

  it('remembers an unknown key id for five minutes', async () => {
    const source = plaid();
    const verify = createPlaidVerifier(source);
    const unknown = { ok: false, reason: 'unknown_key' };
    expect(await verify(BODY, freshToken(source.state.nowMs, 'forged'))).toEqual(unknown);
    source.state.nowMs += 5 * MINUTE_MS - 1;
    expect(await verify(BODY, freshToken(source.state.nowMs, 'forged'))).toEqual(unknown);
    expect(source.state.asked).toEqual(['forged']);
    source.state.nowMs += 1;
    expect(await verify(BODY, freshToken(source.state.nowMs, 'forged'))).toEqual(unknown);
    expect(source.state.asked).toEqual(['forged', 'forged']);
  });

  it('bounds the memory of unknown key ids, the oldest forgotten first', async () => {
    const source = plaid();
    const verify = createPlaidVerifier({ ...source, maxMisses: 2 });
    for (const kid of ['a', 'b', 'c']) await verify(BODY, tokenOf({ header: { kid } }));
    await verify(BODY, tokenOf({ header: { kid: 'c' } }));
    expect(source.state.asked).toEqual(['a', 'b', 'c']);
    await verify(BODY, tokenOf({ header: { kid: 'a' } }));
    expect(source.state.asked).toEqual(['a', 'b', 'c', 'a']);
  });

  it('looks up 5 new key ids a minute for one sender, and says of others nothing but that it did not look', async () => {
    const source = plaid();
    const verify = createPlaidVerifier(source);
    await verify(BODY, tokenOf());
    const reasons = new Map<string, number>();
    for (let i = 0; i < 1000; i += 1) {
      const verdict = await verify(BODY, tokenOf({ header: { kid: `forged-${i}` } }));
      const reason = verdict.ok ? 'accepted' : verdict.reason;
      reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
      if (reason === 'too_many_lookups') expect(verdict).toMatchObject({ unavailable: true });
    }
    expect(Object.fromEntries(reasons)).toEqual({ unknown_key: 4, too_many_lookups: 996 });
    expect(source.state.asked).toHaveLength(5);
    expect(await verify(BODY, tokenOf())).toEqual(ACCEPTED);

    source.state.nowMs += MINUTE_MS;
    const verdict = await verify(BODY, freshToken(source.state.nowMs, 'forged-999'));
    expect(verdict).toEqual({ ok: false, reason: 'unknown_key' });
  });

  it('looks a true key up for one sender while another has used up its own look-ups', async () => {
    const verify = createPlaidVerifier(plaid());
    for (let i = 0; i < 50; i += 1) {
      await verify(BODY, tokenOf({ header: { kid: `forged-${i}` } }), sender('10.6.6.6 u'));
    }
    expect(await verify(BODY, tokenOf(), sender('52.1.1.1 u'))).toEqual(ACCEPTED);
  });

  it('looks no key up for a user without an open link, and does not refuse the webhook for it', async () => {
    const source = plaid();
    const verify = createPlaidVerifier(source);
    const unavailable = { ok: false, reason: 'no_open_link', unavailable: true };
    expect(await verify(BODY, tokenOf(), sender('10.6.6.6 nobody', false))).toEqual(unavailable);
    expect(source.state.asked).toEqual([]);
    const away = { budget: 'b', mayLookUp: () => Promise.reject(new Error('Temporal is away')) };
    expect(await verify(BODY, tokenOf(), away)).toEqual(unavailable);
    await verify(BODY, tokenOf());
    expect(await verify(BODY, tokenOf(), sender('10.6.6.6 nobody', false))).toEqual(ACCEPTED);
  });

  it('knows the keys that were kept, for the rest of their day, and keeps those that it looks up', async () => {
    let kept: readonly StoredPlaidKey[] = [];
    const store = {
      read: async () => kept,
      write: async (keys: readonly StoredPlaidKey[]) => {
        kept = keys;
      },
    };
    const first = plaid();
    await createPlaidVerifier({ ...first, store })(BODY, tokenOf());
    expect(kept).toEqual([{ key: jwkOf(publicKey), untilMs: NOW_SECONDS * 1000 + DAY_MS }]);

    const next = plaid(() => ({ kind: 'unavailable' }));
    const verify = createPlaidVerifier({ ...next, store });
    expect(await verify(BODY, tokenOf(), sender('10.6.6.6 nobody', false))).toEqual(ACCEPTED);
    expect(next.state.asked).toEqual([]);
    next.state.nowMs += DAY_MS;
    expect(await verify(BODY, freshToken(next.state.nowMs))).toEqual(UNAVAILABLE);
  });

  it.each<[string, Partial<PlaidVerificationKey>, number]>([
    ['withdrawn', { expired_at: 1 }, 1],
    ['of another algorithm', { alg: 'RS256' }, 1],
    ['kept for longer than a day', {}, 2 * DAY_MS],
  ])('trusts no kept key that is %s', async (_name, change, forMs) => {
    const kept = [{ key: jwkOf(publicKey, change), untilMs: NOW_SECONDS * 1000 + forMs }];
    const source = plaid(() => ({ kind: 'unavailable' }));
    const verify = createPlaidVerifier({
      ...source,
      store: { read: async () => kept, write: async () => {} },
    });
    expect(await verify(BODY, tokenOf())).toEqual(UNAVAILABLE);
  });

  it('asks again for a known key while a flood uses up the look-ups', async () => {
    const source = plaid();
    const verify = createPlaidVerifier({ ...source, newKeyLookupsPerMinute: { perSender: 3, inAll: 9 } });
    await verify(BODY, freshToken(source.state.nowMs));
    source.state.nowMs += DAY_MS;
    for (const kid of ['a', 'b', 'c', 'd']) await verify(BODY, freshToken(source.state.nowMs, kid));
    expect(await verify(BODY, freshToken(source.state.nowMs))).toEqual(ACCEPTED);
    expect(source.state.asked).toEqual([KEY_ID, 'a', 'b', 'c', KEY_ID]);
  });
});

describe('while Plaid is away', () => {
  it.each([
    ['says so', async (): Promise<PlaidKeyLookup> => ({ kind: 'unavailable' })],
    ['throws', () => Promise.reject(new Error('connection reset'))],
  ])('says unavailable, not refused, when the look-up %s', async (_name, answer) => {
    expect(await createPlaidVerifier(plaid(answer))(BODY, tokenOf())).toEqual(UNAVAILABLE);
  });

  it('says unavailable when the look-up takes too long, and takes its answer for the next webhook', async () => {
    const lookup = deferred<PlaidKeyLookup>();
    const source = plaid(() => lookup.promise);
    const verify = createPlaidVerifier({ ...source, lookupTimeoutMs: 5 });
    expect(await verify(BODY, tokenOf())).toEqual(UNAVAILABLE);
    lookup.resolve(known(KEY_ID));
    await lookup.promise;
    expect(await verify(BODY, tokenOf())).toEqual(ACCEPTED);
    expect(source.state.asked).toEqual([KEY_ID]);
  });

  it('waits five seconds before it asks again, and accepts once Plaid is back', async () => {
    const source = plaid(() => ({ kind: 'unavailable' }));
    const verify = createPlaidVerifier(source);
    for (let i = 0; i < 10; i += 1) {
      expect(await verify(BODY, freshToken(source.state.nowMs))).toEqual(UNAVAILABLE);
    }
    expect(source.state.asked).toHaveLength(1);
    source.state.answer = known;
    source.state.nowMs += 5000;
    expect(await verify(BODY, freshToken(source.state.nowMs))).toEqual(ACCEPTED);
    expect(source.state.asked).toHaveLength(2);
  });

  it('accepts by a key that is under a day old', async () => {
    const source = plaid();
    const verify = createPlaidVerifier(source);
    await verify(BODY, freshToken(source.state.nowMs));
    source.state.answer = () => ({ kind: 'unavailable' });
    source.state.nowMs += DAY_MS - 1;
    expect(await verify(BODY, freshToken(source.state.nowMs))).toEqual(ACCEPTED);
  });

  it('does not go on trusting a key that is a day old, and trusts it again once Plaid confirms it', async () => {
    const source = plaid();
    const verify = createPlaidVerifier({ ...source, newKeyLookupsPerMinute: { perSender: 1, inAll: 9 } });
    await verify(BODY, freshToken(source.state.nowMs));
    source.state.answer = () => ({ kind: 'unavailable' });
    source.state.nowMs += DAY_MS;
    await verify(BODY, freshToken(source.state.nowMs, 'forged'));
    expect(await verify(BODY, freshToken(source.state.nowMs))).toEqual(UNAVAILABLE);
    source.state.answer = known;
    source.state.nowMs += 5000;
    expect(await verify(BODY, freshToken(source.state.nowMs))).toEqual(ACCEPTED);
  });
});
