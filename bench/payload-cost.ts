/** What the codec costs a payload: microseconds to encode and to decode one, compression and key lookup included. */
import { randomBytes, randomUUID } from 'node:crypto';
import { defaultPayloadConverter, type Payload } from '@temporalio/common';
import { parseKeyRing } from '../src/encryption/key-ring';
import { createPayloadCodec } from '../src/encryption/payload-codec';

const SIZES = [300, 1_000, 10_000, 100_000];
const ROUNDS = 300;

export interface PayloadCost {
  plainBytes: number;
  encodedBytes: number;
  encodeMicroseconds: number;
  decodeMicroseconds: number;
}

export async function measurePayloadCost(): Promise<PayloadCost[]> {
  const keyRing = parseKeyRing(`bench:${randomBytes(32).toString('base64')}`);
  const codec = createPayloadCodec({ keyRing, namespace: 'default' });
  const costs: PayloadCost[] = [];
  for (const plainBytes of SIZES) {
    const payload = payloadOf(plainBytes);
    // Before it counts, for the compiler to have seen it.
    await timed(() => codec.encode([payload]));
    const [encoded, encodeMicroseconds] = await timed(() => codec.encode([payload]));
    const [, decodeMicroseconds] = await timed(() => codec.decode(encoded));
    const encodedBytes = encoded[0]?.data?.length ?? 0;
    costs.push({ plainBytes, encodedBytes, encodeMicroseconds, decodeMicroseconds });
  }
  return costs;
}

async function timed(run: () => Promise<Payload[]>): Promise<[Payload[], number]> {
  let last: Payload[] = [];
  const startedMs = performance.now();
  for (let round = 0; round < ROUNDS; round++) last = await run();
  return [last, ((performance.now() - startedMs) * 1_000) / ROUNDS];
}

/** JSON like a result's: words that come again, and ids that do not. */
function payloadOf(bytes: number): Payload {
  const items: unknown[] = [];
  while (JSON.stringify(items).length < bytes - 120) {
    items.push({ id: randomUUID(), company: { name: 'Bluebird Logistics' }, confidence: 0.93 });
  }
  const text = JSON.stringify(items);
  return defaultPayloadConverter.toPayload([...items, 'x'.repeat(Math.max(0, bytes - text.length - 4))]);
}
