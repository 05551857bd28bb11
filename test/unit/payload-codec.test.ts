import { randomBytes } from 'node:crypto';
import { deflateRawSync } from 'node:zlib';
import { ApplicationFailure, defaultPayloadConverter, type Payload } from '@temporalio/common';
import { loadDataConverter } from '@temporalio/common/lib/internal-non-workflow';
import fc from 'fast-check';
import { DecryptionError, encrypt } from '../../src/encryption/authenticated-encryption';
import { createDataConverter } from '../../src/encryption/data-converter';
import { parseKeyRing, UnknownKeyError } from '../../src/encryption/key-ring';
import {
  createPayloadCodec,
  encryptionKeyIdOf,
  isEncryptedPayload,
  PayloadRefusedError,
} from '../../src/encryption/payload-codec';

const k1 = `k1:${randomBytes(32).toString('base64')}`;
const k2 = `k2:${randomBytes(32).toString('base64')}`;
const keyRing = parseKeyRing(k1);
const codec = createPayloadCodec({ keyRing, namespace: 'default' });

function plain(value: unknown): Payload {
  const payload = defaultPayloadConverter.toPayload(value);
  if (payload === undefined) throw new Error('the value has no payload');
  return payload;
}

async function encoded(payload: Payload, by = codec): Promise<Payload & { data: Uint8Array }> {
  const [only] = await by.encode([payload]);
  if (!only?.data) throw new Error('nothing was encoded');
  return { ...only, data: only.data };
}

const contentOf = ([payload]: Payload[]): unknown => payload && defaultPayloadConverter.fromPayload(payload);
const withData = (payload: Payload, data: Uint8Array): Payload => ({ ...payload, data });

describe('the payload codec', () => {
  it('gives back what it was given, metadata and all', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.record({
            metadata: fc.dictionary(fc.string({ minLength: 1 }), fc.uint8Array({ maxLength: 40 })),
            data: fc.uint8Array({ maxLength: 5_000 }),
          }),
          { maxLength: 4 },
        ),
        async (payloads) => {
          const decoded = await codec.decode(await codec.encode(payloads));
          expect(decoded.length).toBe(payloads.length);
          payloads.forEach(({ metadata, data }, index) => {
            expect(Buffer.from(decoded[index]?.data ?? []).equals(Buffer.from(data))).toBe(true);
            const back = Object.entries(decoded[index]?.metadata ?? {});
            expect(back.map(([key, value]) => [key, Buffer.from(value).toString('hex')]).sort()).toEqual(
              Object.entries(metadata)
                .map(([key, value]) => [key, Buffer.from(value).toString('hex')])
                .sort(),
            );
          });
        },
      ),
    );
  });

  it.each([0, 255, 256, 32 * 1024, 1_000 * 1024])(
    'round-trips %d bytes, random and repeating',
    async (size) => {
      for (const data of [randomBytes(size), Buffer.alloc(size, 'transaction ')]) {
        const payload = { metadata: { encoding: Buffer.from('binary/plain') }, data };
        const [back] = await codec.decode(await codec.encode([payload]));
        expect(Buffer.from(back?.data ?? []).equals(data)).toBe(true);
      }
    },
  );

  it('shows the encoding, the id of the key and the version, and nothing of the content', async () => {
    const payload = await encoded(plain({ employer: 'Grand Budapest Hotel' }));
    expect(Object.keys(payload.metadata ?? {}).sort()).toEqual([
      'encoding',
      'encryption-key-id',
      'encryption-version',
    ]);
    expect(isEncryptedPayload(payload)).toBe(true);
    expect(encryptionKeyIdOf(payload)).toBe('k1');
    expect(Buffer.from(payload.data).includes('Budapest')).toBe(false);
    expect(Buffer.from(payload.data).includes('json/plain')).toBe(false);
  });

  it('compresses what gets smaller by it and adds little to what does not', async () => {
    const repeating = await encoded(plain('recurring '.repeat(10_000)));
    expect(repeating.data.length).toBeLessThan(1_000);
    const random = await encoded({ metadata: {}, data: randomBytes(10_000) });
    expect(random.data.length).toBeLessThan(10_100);
  });

  it('encrypts the same payload to other bytes each time', async () => {
    const texts = await Promise.all(
      Array.from({ length: 100 }, async () => Buffer.from((await encoded(plain(1))).data).toString('hex')),
    );
    expect(new Set(texts.map((text) => text.slice(0, 24))).size).toBe(100);
  });

  it('decodes none of 10,000 payloads with a flipped bit', async () => {
    const payloads = [
      await encoded(plain({ a: 1 })),
      await encoded(plain('long enough to deflate '.repeat(50))),
    ];
    let decoded = 0;
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...payloads), fc.nat(), async (payload, bit) => {
        const data = Buffer.from(payload.data);
        const at = bit % (data.length * 8);
        data.writeUInt8(data.readUInt8(at >> 3) ^ (1 << (at & 7)), at >> 3);
        await codec.decode([withData(payload, data)]).then(
          () => {
            decoded += 1;
          },
          (error) => expect(error).toBeInstanceOf(DecryptionError),
        );
      }),
      { numRuns: 10_000 },
    );
    expect(decoded).toBe(0);
  });

  it('refuses every truncation', async () => {
    const payload = await encoded(plain({ a: 1 }));
    for (let length = 0; length < payload.data.length; length++) {
      await expect(
        codec.decode([withData(payload, payload.data.subarray(0, length))]),
      ).rejects.toBeInstanceOf(DecryptionError);
    }
    await expect(
      codec.decode([withData(payload, Buffer.concat([payload.data, Buffer.of(0)]))]),
    ).rejects.toThrow(DecryptionError);
  });

  it('refuses a payload of another namespace', async () => {
    const elsewhere = createPayloadCodec({ keyRing, namespace: 'production' });
    const payload = await encoded(plain(1), elsewhere);
    expect(contentOf(await elsewhere.decode([payload]))).toBe(1);
    await expect(codec.decode([payload])).rejects.toBeInstanceOf(DecryptionError);
  });

  it('refuses to encode for another namespace than its own', async () => {
    const context = { type: 'workflow', namespace: 'production', workflowId: 'w' } as const;
    await expect(codec.encode([plain(1)], context)).rejects.toThrow(/bound to namespace "default"/);
  });

  it('refuses a payload made under the key of another purpose', async () => {
    const template = await encoded(plain(1));
    const made = (purpose: 'payload' | 'sealing' | 'fingerprint', label = 'processor-link/payload') =>
      withData(template, encrypt(keyRing.primaryKey(purpose), [label, '1', 'default', 'k1'], Buffer.of(0)));
    await expect(codec.decode([made('payload')])).resolves.toHaveLength(1);
    await expect(codec.decode([made('sealing')])).rejects.toBeInstanceOf(DecryptionError);
    await expect(codec.decode([made('fingerprint')])).rejects.toBeInstanceOf(DecryptionError);
    await expect(codec.decode([made('payload', 'processor-link/sealed-token')])).rejects.toBeInstanceOf(
      DecryptionError,
    );
  });

  it('takes the one plain payload that the server itself writes, as it is', async () => {
    const ofServer = plain('ACTIVITY_ID_NOT_STARTED');
    await expect(codec.decode([ofServer])).resolves.toEqual([ofServer]);
    await expect(codec.decode([plain('ACTIVITY_ID_NOT_STARTED ')])).rejects.toThrow(PayloadRefusedError);
  });

  it.each([
    ['a plain payload', plain({ job: 'employer-classification' })],
    ['a payload without metadata', { data: Buffer.from('{}') }],
    ['an empty payload', {}],
    [
      'another encoding',
      { metadata: { encoding: Buffer.from('binary/encrypted-by-others') }, data: Buffer.of(1) },
    ],
    [
      'one without a key id',
      { metadata: { encoding: Buffer.from('binary/encrypted') }, data: randomBytes(64) },
    ],
    [
      'another version',
      {
        metadata: {
          encoding: Buffer.from('binary/encrypted'),
          'encryption-key-id': Buffer.from('k1'),
          'encryption-version': Buffer.from('2'),
        },
        data: randomBytes(64),
      },
    ],
  ] as [string, Payload][])('refuses %s, also beside good ones', async (_what, payload) => {
    await expect(codec.decode([payload])).rejects.toBeInstanceOf(PayloadRefusedError);
    await expect(codec.decode([await encoded(plain(1)), payload])).rejects.toBeInstanceOf(
      PayloadRefusedError,
    );
  });

  it('refuses to inflate a bomb', async () => {
    const template = await encoded(plain(1));
    const packed = (bytes: number) =>
      withData(
        template,
        encrypt(
          keyRing.primaryKey('payload'),
          ['processor-link/payload', '1', 'default', 'k1'],
          Buffer.concat([Buffer.of(1), deflateRawSync(Buffer.alloc(bytes))]),
        ),
      );
    await expect(codec.decode([packed(17 * 1024 * 1024)])).rejects.toThrow(/does not unpack/);
  });

  it('decodes old payloads after rotation and names the key that is missing after that', async () => {
    const payload = await encoded(plain('kept'));
    const rotated = createPayloadCodec({ keyRing: parseKeyRing(`${k2},${k1}`), namespace: 'default' });
    expect(contentOf(await rotated.decode([payload]))).toBe('kept');
    expect(encryptionKeyIdOf(await encoded(plain(1), rotated))).toBe('k2');
    const without = createPayloadCodec({ keyRing: parseKeyRing(k2), namespace: 'default' });
    await expect(without.decode([payload])).rejects.toBeInstanceOf(UnknownKeyError);
    await expect(without.decode([payload])).rejects.toThrow(/"k1"/);
  });
});

describe('the data converter', () => {
  it('moves the message and stack of a failure into a payload', () => {
    const { failureConverter, payloadConverter } = loadDataConverter(
      createDataConverter({ keyRing, namespace: 'default' }),
    );
    const failure = failureConverter.errorToFailure(
      ApplicationFailure.create({ message: 'employer of u1', type: 'provider_rejected' }),
      payloadConverter,
    );
    expect(failure.message).toBe('Encoded failure');
    expect(failure.stackTrace).toBe('');
    expect(failure.encodedAttributes).toBeDefined();
    const back = failureConverter.failureToError(failure, payloadConverter);
    expect(back.message).toBe('employer of u1');
  });
});
