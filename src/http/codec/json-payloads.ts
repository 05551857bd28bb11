import type { Payload } from '@temporalio/common';
import { z } from 'zod';

const MAX_PAYLOADS = 10_000;
const MAX_WORKFLOW_ID_LENGTH = 200;
const WORKFLOW_ID_KEY = 'workflow-id';

/** Bytes in proto3 JSON: standard or URL-safe base64, padded or not. */
const base64Schema = z.string().regex(/^[A-Za-z0-9+/_-]*={0,2}$/, 'must be base64');

const payloadSchema = z.looseObject({
  metadata: z.record(z.string(), base64Schema).nullish(),
  data: base64Schema.nullish(),
});
/** A payload as Temporal's UI and CLI send it. */
export type JsonPayload = z.infer<typeof payloadSchema>;

/** What is encrypted belongs to one workflow, and of this server's callers alone it can be known which. */
const namedPayloadSchema = payloadSchema.refine(({ metadata }) => Boolean(metadata?.[WORKFLOW_ID_KEY]), {
  path: ['metadata', WORKFLOW_ID_KEY],
  message: 'must be the id of the workflow that the payload is for',
});

/** Bodies, both ways: Temporal's `Payloads` message in proto3 JSON. */
export const payloadsSchemas = {
  encode: z.object({ payloads: z.array(namedPayloadSchema).max(MAX_PAYLOADS).nullish() }),
  decode: z.object({ payloads: z.array(payloadSchema).max(MAX_PAYLOADS).nullish() }),
};

/** The workflow that a payload says it belongs to. */
export function workflowIdOf({ metadata }: JsonPayload): string | undefined {
  const id = metadata?.[WORKFLOW_ID_KEY];
  return id ? Buffer.from(id, 'base64').toString().slice(0, MAX_WORKFLOW_ID_LENGTH) : undefined;
}

export function fromJson(payload: JsonPayload): Payload {
  const metadata = Object.entries(payload.metadata ?? {}).map(
    ([key, value]) => [key, bytesOf(value)] as const,
  );
  return { metadata: Object.fromEntries(metadata), data: bytesOf(payload.data ?? '') };
}

export function toJson(payload: Payload): JsonPayload {
  const metadata = Object.entries(payload.metadata ?? {}).map(
    ([key, value]) => [key, base64Of(value)] as const,
  );
  return { metadata: Object.fromEntries(metadata), data: base64Of(payload.data ?? new Uint8Array()) };
}

function bytesOf(base64: string): Uint8Array {
  return new Uint8Array(Buffer.from(base64, 'base64'));
}

/** An empty field of a decoded message is an empty array of numbers, whatever its type says. */
function base64Of(bytes: ArrayLike<number>): string {
  return Buffer.from(bytes).toString('base64');
}
