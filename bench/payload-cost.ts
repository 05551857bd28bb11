/** What the codec costs a payload: microseconds to encode and to decode one, compression and key look-up included. */
import { randomBytes, randomUUID } from 'node:crypto';
import { defaultPayloadConverter, type Payload } from '@temporalio/common';
import { workflowIdOf } from '../src/contract/names';
import { parseKeyRing } from '../src/encryption/key-ring';
import { createPayloadCodec } from '../src/encryption/payload-codec';

const SIZES = [300, 1_000, 10_000, 100_000];
const ROUNDS = 300;
const workflow = (index: number) =>
  ({ type: 'workflow', namespace: 'default', workflowId: workflowIdOf(`user-${index}`) }) as const;

export interface PayloadCost {
  plainBytes: number;
  encodedBytes: number;
  encodeMicroseconds: number;
  decodeMicroseconds: number;
  /** The first payload of a workflow, whose key is derived for it. */
  firstEncodeMicroseconds: number;
}

export async function measurePayloadCost(): Promise<PayloadCost[]> {
  const keyRing = parseKeyRing(`bench:${randomBytes(32).toString('base64')}`);
  const codec = createPayloadCodec({ keyRing, namespace: 'default' });
  const costs: PayloadCost[] = [];
  for (const plainBytes of SIZES) {
    const payload = payloadOf(plainBytes);
    // Before it counts, for the compiler to have seen it.
    await timed(() => codec.encode([payload], workflow(0)));
    const [encoded, encodeMicroseconds] = await timed(() => codec.encode([payload], workflow(0)));
    const [, decodeMicroseconds] = await timed(() => codec.decode(encoded, workflow(0)));
    const [, firstEncodeMicroseconds] = await timed((round) =>
      codec.encode([payload], workflow(plainBytes + round)),
    );
    const encodedBytes = encoded[0]?.data?.length ?? 0;
    costs.push({ plainBytes, encodedBytes, encodeMicroseconds, decodeMicroseconds, firstEncodeMicroseconds });
  }
  return costs;
}

async function timed(run: (round: number) => Promise<Payload[]>): Promise<[Payload[], number]> {
  let last: Payload[] = [];
  const startedMs = performance.now();
  for (let round = 0; round < ROUNDS; round++) last = await run(round);
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
