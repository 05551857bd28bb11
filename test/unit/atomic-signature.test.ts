import { createHash, createHmac } from 'node:crypto';
import fc from 'fast-check';
import { verifyAtomicSignature } from '../../src/webhooks/atomic-signature';
import employerWebhook from '../fixtures/atomic/webhook.employer-classification-completed.json';
import recurringWebhook from '../fixtures/atomic/webhook.recurring-transaction-detection-completed.json';
import hmacVectors from '../fixtures/vectors/atomic-hmac.json';

const SECRET = '3f9c1d7e-5a40-4b86-9d15-7e2c8b60aa41';
const OLD_SECRET = 'b1d4e6f8-0c2a-4e39-8f57-6a9c3d1e7b25';
const BODY = Buffer.from(
  '{"eventType":"employer-classification-completed","user":{"identifier":"user-0001"}}',
);
const ACCEPTED = { ok: true };

function sign(body: Uint8Array, secret = SECRET): string {
  return createHmac('sha256', secret).update(body).digest('hex');
}

function flipBit(bytes: Uint8Array, bit: number): Buffer {
  const flipped = Buffer.from(bytes);
  const at = bit >> 3;
  flipped[at] = (flipped[at] ?? 0) ^ (1 << (bit & 7));
  return flipped;
}

describe('the signature of an Atomic webhook', () => {
  test.each(hmacVectors.vectors)('accepts the vector: $name', ({ secret, rawBodyBase64, hmacSha256Hex }) => {
    const rawBody = Buffer.from(rawBodyBase64, 'base64');
    expect(verifyAtomicSignature([secret], rawBody, hmacSha256Hex)).toEqual(ACCEPTED);
  });

  test.each(hmacVectors.mustReject)('refuses the vector: $name', ({ secret, rawBody, signature }) => {
    expect(verifyAtomicSignature([secret], Buffer.from(rawBody), signature).ok).toBe(false);
  });

  test.each(hmacVectors.choices)('accepts by choice: $name', ({ secret, rawBody, signature }) => {
    expect(verifyAtomicSignature([secret], Buffer.from(rawBody), signature)).toEqual(ACCEPTED);
  });

  test.each([
    ['employer-classification-completed', employerWebhook],
    ['recurring-transaction-detection-completed', recurringWebhook],
  ])('accepts the webhook %s as Atomic sends it', (_name, { secret, rawBody, headers }) => {
    const signature = headers['x-hmac-signature-sha-256'];
    expect(verifyAtomicSignature([secret], Buffer.from(rawBody), signature)).toEqual(ACCEPTED);
  });

  test.each([
    ['first', [SECRET, OLD_SECRET, 'third']],
    ['middle', [OLD_SECRET, SECRET, 'third']],
    ['last', [OLD_SECRET, 'third', SECRET]],
  ])('accepts the %s of several secrets', (_place, secrets) => {
    expect(verifyAtomicSignature(secrets, BODY, sign(BODY))).toEqual(ACCEPTED);
  });

  it('accepts the digest of an empty body', () => {
    expect(verifyAtomicSignature([SECRET], new Uint8Array(), sign(new Uint8Array()))).toEqual(ACCEPTED);
  });

  it('refuses a secret that is no longer listed', () => {
    expect(verifyAtomicSignature([SECRET], BODY, sign(BODY, OLD_SECRET))).toEqual({
      ok: false,
      reason: 'wrong_signature',
    });
  });

  it.each([
    ['no secret at all', []],
    ['only an empty one', ['']],
  ])('refuses everything with %s', (_name, secrets) => {
    expect(verifyAtomicSignature(secrets, BODY, sign(BODY, ''))).toEqual({ ok: false, reason: 'no_secret' });
  });

  it('never lets an empty secret among others sign', () => {
    expect(verifyAtomicSignature(['', SECRET], BODY, sign(BODY, ''))).toEqual({
      ok: false,
      reason: 'wrong_signature',
    });
    expect(verifyAtomicSignature(['', SECRET], BODY, sign(BODY))).toEqual(ACCEPTED);
  });
});

describe('a malformed signature', () => {
  const right = sign(BODY);
  const digest = Buffer.from(right, 'hex');
  const replaceAt = (index: number, text: string) => right.slice(0, index) + text + right.slice(index + 1);

  const malformed: [name: string, signature: string | string[] | undefined, reason: string][] = [
    ['absent', undefined, 'missing_signature'],
    ['empty', '', 'missing_signature'],
    ['one space', ' ', 'malformed_signature'],
    ['a line break', '\n', 'malformed_signature'],
    ['one digit short', right.slice(0, 63), 'malformed_signature'],
    ['two digits short', right.slice(0, 62), 'malformed_signature'],
    ['half of it', right.slice(0, 32), 'malformed_signature'],
    ['one digit', right.slice(0, 1), 'malformed_signature'],
    ['one digit long', `${right}0`, 'malformed_signature'],
    ['two digits long', `${right}00`, 'malformed_signature'],
    ['twice in a row', right + right, 'malformed_signature'],
    ['twice, joined as Node joins repeated headers', `${right}, ${right}`, 'malformed_signature'],
    ['a list of one', [right], 'malformed_signature'],
    ['a list of two', [right, right], 'malformed_signature'],
    ['an empty list', [], 'malformed_signature'],
    ['a space before', ` ${right}`, 'malformed_signature'],
    ['a space after', `${right} `, 'malformed_signature'],
    ['a line break after', `${right}\n`, 'malformed_signature'],
    ['a space inside', replaceAt(10, ' '), 'malformed_signature'],
    ['a zero byte inside', replaceAt(10, '\0'), 'malformed_signature'],
    ['a zero byte after', `${right}\0`, 'malformed_signature'],
    ['the first character no hex digit', replaceAt(0, 'g'), 'malformed_signature'],
    ['the last character no hex digit', replaceAt(63, 'z'), 'malformed_signature'],
    ['a full-width digit', replaceAt(5, '０'), 'malformed_signature'],
    ['a character beyond the basic plane', replaceAt(5, '𝟎'), 'malformed_signature'],
    ['a lone surrogate', replaceAt(5, '\ud800'), 'malformed_signature'],
    ['a minus sign', `-${right.slice(1)}`, 'malformed_signature'],
    ['prefixed 0x', `0x${right}`, 'malformed_signature'],
    ['prefixed 0x, in 64 characters', `0x${right.slice(2)}`, 'malformed_signature'],
    ['prefixed sha256=', `sha256=${right}`, 'malformed_signature'],
    ['in quotes', `"${right}"`, 'malformed_signature'],
    ['with colons between bytes', right.replace(/(..)(?!$)/g, '$1:'), 'malformed_signature'],
    ['base64', digest.toString('base64'), 'malformed_signature'],
    ['base64url', digest.toString('base64url'), 'malformed_signature'],
    ['base64 of the hex', Buffer.from(right).toString('base64'), 'malformed_signature'],
    ['hex of the hex', Buffer.from(right).toString('hex'), 'malformed_signature'],
    ['raw bytes as latin1', digest.toString('latin1'), 'malformed_signature'],
    ['the word undefined', 'undefined', 'malformed_signature'],
    ['the word null', 'null', 'malformed_signature'],
    ['a JWT', 'eyJhbGciOiJub25lIn0.e30.', 'malformed_signature'],
    ['a megabyte of hex', 'a'.repeat(1 << 20), 'malformed_signature'],
    ['SHA-1', createHmac('sha1', SECRET).update(BODY).digest('hex'), 'malformed_signature'],
    ['SHA-512', createHmac('sha512', SECRET).update(BODY).digest('hex'), 'malformed_signature'],
    ['SHA-256 without a key', createHash('sha256').update(BODY).digest('hex'), 'wrong_signature'],
    ['keyed with the body, over the secret', sign(Buffer.from(SECRET), BODY.toString()), 'wrong_signature'],
    ['all zeros', '0'.repeat(64), 'wrong_signature'],
    ['reversed', [...right].reverse().join(''), 'wrong_signature'],
  ];

  it('is tried in at least 30 shapes', () => {
    expect(new Set(malformed.map(([, signature]) => JSON.stringify(signature))).size).toBe(malformed.length);
    expect(malformed.length).toBeGreaterThanOrEqual(30);
  });

  it.each(malformed)('is refused plainly: %s', (_name, signature, reason) => {
    expect(verifyAtomicSignature([OLD_SECRET, SECRET], BODY, signature)).toEqual({ ok: false, reason });
  });
});

describe('for any body and secret', () => {
  const bodies = fc.uint8Array({ minLength: 1, maxLength: 512 });
  const secrets = fc.string({ minLength: 1, maxLength: 64, unit: 'binary' });

  it('accepts the right digest, in any case of its letters', () => {
    fc.assert(
      fc.property(
        bodies,
        secrets,
        fc.array(fc.boolean(), { minLength: 64, maxLength: 64 }),
        (body, secret, upper) => {
          const mixed = [...sign(body, secret)].map((c, i) => (upper[i] ? c.toUpperCase() : c)).join('');
          expect(verifyAtomicSignature([secret], body, mixed)).toEqual(ACCEPTED);
        },
      ),
    );
  });

  it('refuses the body with any bit flipped', () => {
    fc.assert(
      fc.property(bodies, secrets, fc.nat(), (body, secret, bit) => {
        const forged = flipBit(body, bit % (body.length * 8));
        expect(verifyAtomicSignature([secret], forged, sign(body, secret))).toEqual({
          ok: false,
          reason: 'wrong_signature',
        });
      }),
    );
  });

  it('refuses the body cut short or grown by a byte', () => {
    fc.assert(
      fc.property(bodies, secrets, fc.nat(255), (body, secret, byte) => {
        const signature = sign(body, secret);
        expect(verifyAtomicSignature([secret], body.subarray(0, -1), signature).ok).toBe(false);
        expect(verifyAtomicSignature([secret], Buffer.concat([body, Buffer.of(byte)]), signature).ok).toBe(
          false,
        );
      }),
    );
  });

  it('refuses the signature with any of its 256 bits flipped', () => {
    fc.assert(
      fc.property(bodies, secrets, (body, secret) => {
        const digest = Buffer.from(sign(body, secret), 'hex');
        for (let bit = 0; bit < 256; bit += 1) {
          const forged = flipBit(digest, bit).toString('hex');
          expect(verifyAtomicSignature([secret], body, forged).ok).toBe(false);
        }
      }),
      { numRuns: 20 },
    );
  });

  it('refuses the digest of any other secret', () => {
    fc.assert(
      fc.property(bodies, secrets, secrets, (body, secret, other) => {
        // A key up to the block size is padded with zero bytes, so trailing ones do not make another key.
        fc.pre(secret.replace(/\0+$/, '') !== other.replace(/\0+$/, ''));
        fc.pre(Buffer.byteLength(secret) <= 64 && Buffer.byteLength(other) <= 64);
        expect(verifyAtomicSignature([secret], body, sign(body, other)).ok).toBe(false);
      }),
    );
  });

  it('refuses arbitrary signatures and never throws', () => {
    const signatures = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 200 }),
      fc.stringMatching(/^[0-9a-fA-F]{60,68}$/),
      fc.array(fc.string(), { maxLength: 3 }),
      fc.constant(undefined),
    );
    fc.assert(
      fc.property(bodies, fc.array(secrets, { maxLength: 3 }), signatures, (body, list, signature) => {
        expect(verifyAtomicSignature(list, body, signature).ok).toBe(false);
      }),
      { numRuns: 1000 },
    );
  });
});
