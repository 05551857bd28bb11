import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import type { TokenKind } from '../../src/contract/workflow';
import { DecryptionError, encrypt } from '../../src/encryption/authenticated-encryption';
import { parseKeyRing, UnknownKeyError } from '../../src/encryption/key-ring';
import { createTokenSealer, sealingKeyIdOf } from '../../src/encryption/token-sealer';

const k1 = `k1:${randomBytes(32).toString('base64')}`;
const k2 = `k2:${randomBytes(32).toString('base64')}`;
const ring = parseKeyRing(k1);
const sealer = createTokenSealer(ring);
const KINDS: TokenKind[] = ['publicToken', 'accessToken', 'processorToken', 'linkToken'];
const TOKEN = 'access-sandbox-8ab976e6-64bc-4b38-98f7-731e7a349970';

const userIds = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9_.:-]{0,127}$/);
const kinds = fc.constantFrom(...KINDS);

describe('a sealed token', () => {
  it('opens for its user and kind as it was', () => {
    fc.assert(
      fc.property(kinds, userIds, fc.string({ unit: 'binary' }), (kind, userId, token) => {
        const sealed = sealer.seal(kind, userId, token);
        expect(sealed).toMatch(/^sealed:v1:k1:[A-Za-z0-9_-]+$/);
        expect(sealer.open(kind, userId, sealed)).toBe(token);
      }),
    );
  });

  it('shows nothing of the token, and is another text each time', () => {
    const texts = Array.from({ length: 100 }, () => sealer.seal('accessToken', 'u1', TOKEN));
    expect(new Set(texts).size).toBe(100);
    expect(texts.some((text) => Buffer.from(text.slice(13), 'base64url').includes('access-'))).toBe(false);
  });

  it('does not open for another user', () => {
    fc.assert(
      fc.property(kinds, userIds, userIds, (kind, userId, otherId) => {
        fc.pre(userId !== otherId);
        expect(() => sealer.open(kind, otherId, sealer.seal(kind, userId, TOKEN))).toThrow(DecryptionError);
      }),
    );
  });

  it.each(
    KINDS.flatMap((kind) => KINDS.filter((other) => other !== kind).map((other) => [kind, other] as const)),
  )('sealed as %s does not open as %s', (kind, other) => {
    expect(() => sealer.open(other, 'u1', sealer.seal(kind, 'u1', TOKEN))).toThrow(DecryptionError);
  });

  it('does not open with any character replaced, left out or added', () => {
    const sealed = sealer.seal('accessToken', 'u1', TOKEN);
    const alphabet = [...'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_=: \n'];
    fc.assert(
      fc.property(
        fc.nat(sealed.length - 1),
        fc.constantFrom(...alphabet),
        fc.constantFrom('replace', 'remove', 'insert'),
        (at, character, how) => {
          const tail = sealed.slice(how === 'insert' ? at : at + 1);
          const altered = sealed.slice(0, at) + (how === 'remove' ? '' : character) + tail;
          fc.pre(altered !== sealed);
          expect(() => sealer.open('accessToken', 'u1', altered)).toThrow();
        },
      ),
      { numRuns: 10_000 },
    );
  });

  it('does not open when cut short', () => {
    const sealed = sealer.seal('accessToken', 'u1', TOKEN);
    for (let length = 0; length < sealed.length; length++) {
      expect(() => sealer.open('accessToken', 'u1', sealed.slice(0, length))).toThrow();
    }
  });

  it('is not to be had by encrypting under the payload key', () => {
    const context = ['processor-link/sealed-token', 1, 'accessToken', 'u1', 'k1'];
    const forged = (purpose: 'payload' | 'sealing') =>
      `sealed:v1:k1:${encrypt(ring.primaryKey(purpose), context, Buffer.from(TOKEN)).toString('base64url')}`;
    expect(sealer.open('accessToken', 'u1', forged('sealing'))).toBe(TOKEN);
    expect(() => sealer.open('accessToken', 'u1', forged('payload'))).toThrow(DecryptionError);
  });

  it('opens after rotation while its key is in the ring, and says which one is missing after that', () => {
    const sealed = sealer.seal('processorToken', 'u1', TOKEN);
    expect(sealingKeyIdOf(sealed)).toBe('k1');
    const rotated = createTokenSealer(parseKeyRing(`${k2},${k1}`));
    expect(rotated.open('processorToken', 'u1', sealed)).toBe(TOKEN);
    expect(sealingKeyIdOf(rotated.seal('processorToken', 'u1', TOKEN))).toBe('k2');
    const without = createTokenSealer(parseKeyRing(k2));
    expect(() => without.open('processorToken', 'u1', sealed)).toThrow(UnknownKeyError);
    expect(() => without.open('processorToken', 'u1', sealed)).toThrow(/"k1"/);
  });

  it('does not open under another key of the same id', () => {
    const other = createTokenSealer(parseKeyRing(`k1:${randomBytes(32).toString('base64')}`));
    expect(() => other.open('accessToken', 'u1', sealer.seal('accessToken', 'u1', TOKEN))).toThrow(
      DecryptionError,
    );
  });

  it('never puts the token or the sealed text into an error', () => {
    const sealed = sealer.seal('accessToken', 'u1', TOKEN);
    for (const text of [TOKEN, `${sealed}A`, sealed.replace('k1', 'k9')]) {
      let message = 'did not throw';
      try {
        sealer.open('accessToken', 'u1', text);
      } catch (error) {
        message = String(error);
      }
      expect(message).not.toBe('did not throw');
      expect(message).not.toContain(TOKEN);
      expect(message).not.toContain(sealed.slice(13, 40));
    }
  });
});
