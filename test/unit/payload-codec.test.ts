import { randomBytes } from 'node:crypto';
import { deflateRawSync } from 'node:zlib';
import {
  ApplicationFailure,
  defaultPayloadConverter,
  type Payload,
  type PayloadCodec,
} from '@temporalio/common';
import { loadDataConverter } from '@temporalio/common/lib/internal-non-workflow';
import fc from 'fast-check';
import { DecryptionError, encrypt } from '../../src/encryption/authenticated-encryption';
import { createDataConverter } from '../../src/encryption/data-converter';
import { parseKeyRing, UnknownKeyError } from '../../src/encryption/key-ring';
import {
  createNamedPayloadCodec,
  createPayloadCodec,
  encryptionKeyIdOf,
  isEncryptedPayload,
  type PayloadCodecOptions,
  PayloadRefusedError,
  workflowIdOfPayload,
} from '../../src/encryption/payload-codec';
import { WorkflowKeys } from '../../src/encryption/workflow-keys';

const k1 = `k1:${randomBytes(32).toString('base64')}`;
const k2 = `k2:${randomBytes(32).toString('base64')}`;
const keyRing = parseKeyRing(k1);
const codec = codecFor('processor-link/u1');

/** The codec as the SDK uses it for one workflow. */
function codecFor(workflowId: string, options: Partial<PayloadCodecOptions> = {}) {
  const strict = createPayloadCodec({ keyRing, namespace: 'default', ...options });
  const context = { type: 'workflow', namespace: options.namespace ?? 'default', workflowId } as const;
  return {
    encode: (payloads: Payload[]) => strict.encode(payloads, context),
    decode: (payloads: Payload[]) => strict.decode(payloads, context),
  } satisfies PayloadCodec;
}

const workflowKey = new WorkflowKeys(keyRing, 'default').key('k1', 'processor-link/u1');

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

  it('shows the encoding, the id of the key, the version and the workflow, and nothing of the content', async () => {
    const payload = await encoded(plain({ employer: 'Grand Budapest Hotel' }));
    expect(Object.keys(payload.metadata ?? {}).sort()).toEqual([
      'encoding',
      'encryption-key-id',
      'encryption-version',
      'workflow-id',
    ]);
    expect(workflowIdOfPayload(payload)).toBe('processor-link/u1');
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
    const elsewhere = codecFor('processor-link/u1', { namespace: 'production' });
    const payload = await encoded(plain(1), elsewhere);
    expect(contentOf(await elsewhere.decode([payload]))).toBe(1);
    await expect(codec.decode([payload])).rejects.toBeInstanceOf(DecryptionError);
  });

  it('refuses to encode for another namespace than its own', async () => {
    const context = { type: 'workflow', namespace: 'production', workflowId: 'w' } as const;
    const strict = createPayloadCodec({ keyRing, namespace: 'default' });
    await expect(strict.encode([plain(1)], context)).rejects.toThrow(/bound to namespace "default"/);
  });

  it('refuses a payload made under the key of another purpose', async () => {
    const template = await encoded(plain(1));
    const contextOf = (label: string) => [label, '2', 'default', 'processor-link/u1', 'k1'];
    const made = (purpose: 'payload' | 'sealing' | 'fingerprint', label = 'processor-link/payload') =>
      withData(template, encrypt(keyRing.primaryKey(purpose), contextOf(label), Buffer.of(0)));
    const own = encrypt(workflowKey, contextOf('processor-link/payload'), Buffer.of(0));
    await expect(codec.decode([withData(template, own)])).resolves.toHaveLength(1);
    const mislabelled = encrypt(workflowKey, contextOf('processor-link/sealed-token'), Buffer.of(0));
    await expect(codec.decode([withData(template, mislabelled)])).rejects.toBeInstanceOf(DecryptionError);
    await expect(codec.decode([made('payload')])).rejects.toBeInstanceOf(DecryptionError);
    await expect(codec.decode([made('sealing')])).rejects.toBeInstanceOf(DecryptionError);
    await expect(codec.decode([made('fingerprint')])).rejects.toBeInstanceOf(DecryptionError);
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
          'encryption-version': Buffer.from('1'),
          'workflow-id': Buffer.from('processor-link/u1'),
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
          workflowKey,
          ['processor-link/payload', '2', 'default', 'processor-link/u1', 'k1'],
          Buffer.concat([Buffer.of(1), deflateRawSync(Buffer.alloc(bytes))]),
        ),
      );
    await expect(codec.decode([packed(17 * 1024 * 1024)])).rejects.toThrow(/does not unpack/);
  });

  it('decodes old payloads after rotation and names the key that is missing after that', async () => {
    const payload = await encoded(plain('kept'));
    const rotated = codecFor('processor-link/u1', { keyRing: parseKeyRing(`${k2},${k1}`) });
    expect(contentOf(await rotated.decode([payload]))).toBe('kept');
    expect(encryptionKeyIdOf(await encoded(plain(1), rotated))).toBe('k2');
    const without = codecFor('processor-link/u1', { keyRing: parseKeyRing(k2) });
    await expect(without.decode([payload])).rejects.toBeInstanceOf(UnknownKeyError);
    await expect(without.decode([payload])).rejects.toThrow(/"k1"/);
  });
});

describe('a payload of one workflow', () => {
  const victim = codecFor('processor-link/victim');
  const mallory = codecFor('processor-link/mallory');
  const named = createNamedPayloadCodec({ keyRing, namespace: 'default' });
  const renamed = ({ metadata, ...rest }: Payload, workflowId: string): Payload => ({
    ...rest,
    metadata: { ...metadata, 'workflow-id': Buffer.from(workflowId) },
  });

  it('is refused in another', async () => {
    const payload = await encoded(plain('kept'), victim);
    await expect(mallory.decode([payload])).rejects.toBeInstanceOf(PayloadRefusedError);
    await expect(mallory.decode([payload])).rejects.toThrow(/another workflow/);
  });

  it('is refused in another that it was made to name', async () => {
    const payload = renamed(await encoded(plain('kept'), victim), 'processor-link/mallory');
    await expect(mallory.decode([payload])).rejects.toBeInstanceOf(DecryptionError);
    await expect(named.decode([payload])).rejects.toBeInstanceOf(DecryptionError);
  });

  it('is refused where it names no workflow', async () => {
    const { metadata, ...rest } = await encoded(plain('kept'), victim);
    const { 'workflow-id': _name, ...others } = metadata ?? {};
    await expect(victim.decode([{ ...rest, metadata: others }])).rejects.toBeInstanceOf(PayloadRefusedError);
  });

  it('goes to and fro between its workflow, its activities, and those who go by its name', async () => {
    const strict = createPayloadCodec({ keyRing, namespace: 'default' });
    const activity = {
      type: 'activity',
      namespace: 'default',
      workflowId: 'processor-link/victim',
      isLocal: false,
    } as const;
    const byActivity = await strict.encode([plain('kept')], activity);
    expect(contentOf(await victim.decode(byActivity))).toBe('kept');
    expect(contentOf(await named.decode(byActivity))).toBe('kept');
    const byName = await named.encode([renamed(plain('kept'), 'processor-link/victim')]);
    expect(await victim.decode(byName)).toEqual([plain('kept')]);
  });

  it('is opened by nobody who does not know the workflow', async () => {
    const strict = createPayloadCodec({ keyRing, namespace: 'default' });
    const alone = { type: 'activity', namespace: 'default', isLocal: false } as const;
    const payload = await encoded(plain(1));
    await expect(strict.encode([plain(1)], alone)).rejects.toBeInstanceOf(PayloadRefusedError);
    for (const context of [undefined, alone]) {
      await expect(strict.decode([payload], context)).rejects.toBeInstanceOf(PayloadRefusedError);
    }
    await expect(named.encode([plain(1)])).rejects.toThrow(/workflow-id/);
  });

  it('is taken by no workflow when it was encoded for none, and can still be read', async () => {
    const strict = createPayloadCodec({ keyRing, namespace: 'default' });
    const [payload] = await strict.encode([plain('why a task could not be taken')]);
    if (!payload) throw new Error('nothing was encoded');
    expect(contentOf(await named.decode([payload]))).toBe('why a task could not be taken');
    await expect(victim.decode([payload])).rejects.toBeInstanceOf(PayloadRefusedError);
    const claimed = renamed(payload, 'processor-link/victim');
    await expect(victim.decode([claimed])).rejects.toBeInstanceOf(DecryptionError);
    const none = { type: 'workflow', namespace: 'default', workflowId: '' } as const;
    await expect(strict.decode([payload], none)).rejects.toBeInstanceOf(PayloadRefusedError);
  });

  it('has a key that no other workflow, namespace or ring has', () => {
    const rings = [keyRing, parseKeyRing(`k1:${randomBytes(32).toString('base64')}`)];
    const keys = rings.flatMap((ring) =>
      ['a', 'b'].flatMap((namespace) =>
        ['w1', 'w2', '', 'w'.repeat(2_000)].map((id) => new WorkflowKeys(ring, namespace).key('k1', id)),
      ),
    );
    expect(new Set(keys.map((key) => key.export().toString('hex'))).size).toBe(16);
  });

  it('finds its key again after thousands of others', async () => {
    const keys = new WorkflowKeys(keyRing, 'default');
    const first = keys.key('k1', 'w0');
    for (let index = 1; index < 2_000; index++) keys.key('k1', `w${index}`);
    expect(keys.key('k1', 'w0')).toBe(first);
    for (let index = 2_000; index < 4_000; index++) keys.key('k1', `w${index}`);
    expect(keys.key('k1', 'w0')).not.toBe(first);
    expect(keys.key('k1', 'w0').equals(first)).toBe(true);
  });

  it('is counted by the key that it is encrypted under', async () => {
    const counted: string[] = [];
    const counting = codecFor('processor-link/u1', { onEncrypted: (keyId) => counted.push(keyId) });
    await counting.encode([plain(1), plain(2)]);
    expect(counted).toEqual(['k1', 'k1']);
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
