import { readFile } from 'node:fs/promises';
import type { Connection } from '@temporalio/client';
import { temporal } from '@temporalio/proto';
import { z } from 'zod';
import type { Haystack } from './needles';

const { History } = temporal.api.history.v1;
const { ListWorkflowExecutionsResponse, DescribeWorkflowExecutionResponse } = temporal.api.workflowservice.v1;

const payloadSchema = z.object({
  metadata: z.record(z.string(), z.string()).optional(),
  data: z.string().optional(),
});
type JsonPayload = z.output<typeof payloadSchema>;
const decodedSchema = z.object({ payloads: z.array(payloadSchema) });

export interface CodecAccess {
  url: string;
  token: string;
  namespace: string;
  /** Of the keys that it has. */
  keyIds: readonly string[];
}

/**
 * Everything that Temporal shows of a namespace: histories, rows of visibility and descriptions as it holds them, and
 * apart from these what the codec server makes of every payload in them. `foreignKeys` are ids of keys that it lacks.
 */
export async function collectTemporal(
  connection: Connection,
  codec: CodecAccess,
): Promise<{ held: Haystack[]; decoded: Haystack[]; foreignKeys: string[] }> {
  const { namespace } = codec;
  const { workflowService } = connection;
  const page = await workflowService.listWorkflowExecutions({ namespace, pageSize: 1_000 });
  const held: Haystack[] = [hayOf('visibility', ListWorkflowExecutionsResponse, page)];
  const payloads = payloadsIn(ListWorkflowExecutionsResponse.toObject(page, { bytes: String }));
  for (const { execution } of page.executions) {
    if (!execution) continue;
    const { history } = await workflowService.getWorkflowExecutionHistory({
      namespace,
      execution,
      maximumPageSize: 10_000,
    });
    const described = await workflowService.describeWorkflowExecution({ namespace, execution });
    held.push(
      hayOf('history', History, history ?? {}),
      hayOf('description', DescribeWorkflowExecutionResponse, described),
    );
    payloads.push(
      ...payloadsIn(History.toObject(History.fromObject(history ?? {}), { bytes: String })),
      ...payloadsIn(DescribeWorkflowExecutionResponse.toObject(described, { bytes: String })),
    );
  }
  const own: JsonPayload[] = [];
  const foreignKeys = new Set<string>();
  for (const payload of payloads) {
    const keyId = Buffer.from(payload.metadata?.['encryption-key-id'] ?? '', 'base64').toString();
    if (keyId === '' || codec.keyIds.includes(keyId)) own.push(payload);
    else foreignKeys.add(keyId);
  }
  return { held, decoded: await decode(codec, own), foreignKeys: [...foreignKeys] };
}

interface MessageType<T> {
  encode(message: T): { finish(): Uint8Array };
}

function hayOf<T>(place: string, type: MessageType<T>, message: T): Haystack {
  return { place, bytes: Buffer.from(type.encode(message).finish()) };
}

/** Payloads at any depth of a message, as JSON: bytes are base64. */
function payloadsIn(value: unknown): JsonPayload[] {
  if (typeof value !== 'object' || value === null) return [];
  if ('metadata' in value && 'data' in value) {
    const payload = payloadSchema.safeParse(value);
    if (payload.success && payload.data.metadata?.encoding !== undefined) return [payload.data];
  }
  return Object.values(value).flatMap(payloadsIn);
}

async function decode(codec: CodecAccess, payloads: readonly JsonPayload[]): Promise<Haystack[]> {
  const decoded: Haystack[] = [];
  for (let index = 0; index < payloads.length; index += 100) {
    const response = await fetch(`${codec.url}/decode`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${codec.token}`,
        'content-type': 'application/json',
        'x-namespace': codec.namespace,
      },
      body: JSON.stringify({ payloads: payloads.slice(index, index + 100) }),
    });
    if (response.status !== 200) throw new Error(`the codec server answered ${response.status}`);
    for (const { data = '' } of decodedSchema.parse(await response.json()).payloads) {
      decoded.push({ place: 'decoded payload', bytes: Buffer.from(data, 'base64') });
    }
  }
  return decoded;
}

/** SQLite's database with its log of changes. */
export async function collectDatabase(file: string): Promise<Haystack[]> {
  const files = [file, `${file}-wal`];
  const read = await Promise.all(files.map((name) => readFile(name).catch(() => Buffer.alloc(0))));
  return read.map((bytes) => ({ place: 'database', bytes }));
}
