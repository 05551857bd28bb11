import { randomBytes } from 'node:crypto';
import { Aes256Gcm, CipherSuite, DhkemP256HkdfSha256, HkdfSha256 } from '@hpke/core';
import fc from 'fast-check';
import { deriveKeyPair, generateKeyPair, open, POINT_BYTES, seal } from '../../src/encryption/hpke';

const reference = new CipherSuite({
  kem: new DhkemP256HkdfSha256(),
  kdf: new HkdfSha256(),
  aead: new Aes256Gcm(),
});
const seeds = fc.uint8Array({ minLength: 32, maxLength: 32 });
const texts = fc.uint8Array({ maxLength: 300 });

describe('our HPKE beside another implementation', () => {
  it('derives the same key pair of a seed', async () => {
    await fc.assert(
      fc.asyncProperty(seeds, async (seed) => {
        const { publicKey } = await reference.kem.deriveKeyPair(seed);
        const point = Buffer.from(await reference.kem.serializePublicKey(publicKey));
        expect(deriveKeyPair(seed).publicKey).toEqual(point);
      }),
    );
  });

  it('seals what the other opens', async () => {
    await fc.assert(
      fc.asyncProperty(seeds, texts, texts, async (seed, info, text) => {
        const recipientKey = await reference.kem.deriveKeyPair(seed);
        const box = seal(deriveKeyPair(seed).publicKey, info, text);
        const enc = box.subarray(0, POINT_BYTES);
        const opened = await reference.open({ recipientKey, enc, info }, box.subarray(POINT_BYTES));
        expect(Buffer.from(opened)).toEqual(Buffer.from(text));
      }),
    );
  });

  it('opens what the other seals', async () => {
    await fc.assert(
      fc.asyncProperty(seeds, texts, texts, async (seed, info, text) => {
        const pair = deriveKeyPair(seed);
        const recipientPublicKey = await reference.kem.deserializePublicKey(pair.publicKey);
        const { enc, ct } = await reference.seal({ recipientPublicKey, info }, text);
        const box = Buffer.concat([Buffer.from(enc), Buffer.from(ct)]);
        expect(open(pair, info, box)).toEqual(Buffer.from(text));
      }),
    );
  });
});

describe('our HPKE', () => {
  const info = Buffer.from('info');

  it('opens nothing with one bit changed, cut short, or of another key or info', () => {
    const pair = generateKeyPair();
    const box = seal(pair.publicKey, info, Buffer.from('token'));
    for (let bit = 0; bit < box.length * 8; bit++) {
      const altered = Buffer.from(box);
      altered.writeUInt8(altered.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
      expect(() => open(pair, info, altered)).toThrow();
    }
    for (let length = 0; length < box.length; length++) {
      expect(() => open(pair, info, box.subarray(0, length))).toThrow();
    }
    expect(() => open(generateKeyPair(), info, box)).toThrow();
    expect(() => open(pair, Buffer.from('other'), box)).toThrow();
  });

  it('seals to no point that is off the curve or in another form', () => {
    const { publicKey, ecdh } = generateKeyPair();
    const forms = (['compressed', 'hybrid'] as const).map((form) => ecdh.getPublicKey(null, form));
    const off = Buffer.concat([Buffer.of(4), randomBytes(POINT_BYTES - 1)]);
    for (const point of [...forms, off, publicKey.subarray(1), Buffer.alloc(POINT_BYTES), Buffer.alloc(0)]) {
      expect(() => seal(point, info, Buffer.from('token'))).toThrow();
    }
  });
});
