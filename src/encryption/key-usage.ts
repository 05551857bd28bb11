/** Which keys the histories of links are encrypted under, read as an operator's tool would: from outside. */
import type { Connection } from '@temporalio/client';
import type { Payload } from '@temporalio/common';
import { ERASE_WORKFLOW_TYPE, NOTIFICATION_WORKFLOW_TYPE, WORKFLOW_TYPE } from '../contract/names';
import { DecryptionError } from './authenticated-encryption';
import { type KeyRing, UnknownKeyError } from './key-ring';
import {
  createNamedPayloadCodec,
  encryptionKeyIdOf,
  isEncryptedPayload,
  PayloadRefusedError,
} from './payload-codec';
import { encryptionKeyIdBehind } from './sealing-keys';
import { sealingKeyIdsWithin } from './token-sealer';

export interface Execution {
  workflowId: string;
  runId: string;
}

/** For each key, the workflows that cannot go on without it. */
export type WorkflowsByKey = ReadonlyMap<string, readonly string[]>;
export interface KeyUsage {
  /** Of `ENCRYPTION_KEYS`, and of sealing keys that are derived from them. */
  encryption: WorkflowsByKey;
  /** Of `SEALING_KEYS`. */
  sealing: WorkflowsByKey;
}

const PAGE_SIZE = 500;
const CONCURRENCY = 10;
const CALL_TIMEOUT_MS = 15_000;

/** Links, notifications and erasures of a namespace: the open ones, or with `open: false` the closed ones that can be read. */
export async function listExecutions(
  connection: Connection,
  namespace: string,
  { open }: { open: boolean },
): Promise<Execution[]> {
  const query =
    `WorkflowType IN ('${WORKFLOW_TYPE}', '${NOTIFICATION_WORKFLOW_TYPE}', '${ERASE_WORKFLOW_TYPE}') ` +
    `AND ExecutionStatus ${open ? '=' : '!='} 'Running'`;
  const found: Execution[] = [];
  let nextPageToken = new Uint8Array();
  do {
    const page = await connection.withDeadline(Date.now() + CALL_TIMEOUT_MS, () =>
      connection.workflowService.listWorkflowExecutions({
        namespace,
        query,
        pageSize: PAGE_SIZE,
        nextPageToken,
      }),
    );
    for (const { execution } of page.executions) {
      const { workflowId, runId } = execution ?? {};
      if (workflowId && runId) found.push({ workflowId, runId });
    }
    nextPageToken = new Uint8Array(page.nextPageToken);
  } while (nextPageToken.length > 0);
  return found;
}

/**
 * Reads the whole history of each execution: the keys of its payloads, and those of the tokens sealed in them where the
 * ring can open a payload to see.
 */
export async function keyUsage(
  connection: Connection,
  namespace: string,
  keyRing: KeyRing,
  executions: readonly Execution[],
): Promise<KeyUsage> {
  const codec = createNamedPayloadCodec({ keyRing, namespace });

  async function keysOf(payload: Payload): Promise<NeededKey[]> {
    const keyId = encryptionKeyIdOf(payload);
    if (!isEncryptedPayload(payload) || keyId === undefined) return [];
    const ofPayload: NeededKey = { kind: 'encryption', id: keyId };
    try {
      const [decoded] = await codec.decode([payload]);
      const text = Buffer.from(decoded?.data ?? []).toString('utf8');
      return [ofPayload, ...sealingKeyIdsWithin(text).map(neededToOpen)];
    } catch (error) {
      const isUnreadable = [UnknownKeyError, DecryptionError, PayloadRefusedError].some(
        (it) => error instanceof it,
      );
      if (isUnreadable) return [ofPayload];
      throw error;
    }
  }

  const usage = { encryption: new Map<string, string[]>(), sealing: new Map<string, string[]>() };
  const entries = executions.values();
  const work = async () => {
    for (const execution of entries) {
      const { workflowId } = execution;
      for await (const payload of payloadsOf(connection, namespace, execution)) {
        for (const { kind, id } of await keysOf(payload)) {
          const users = usage[kind].get(id) ?? [];
          if (!users.includes(workflowId)) usage[kind].set(id, [...users, workflowId]);
        }
      }
    }
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, work));
  return usage;
}

interface NeededKey {
  kind: keyof KeyUsage;
  id: string;
}

function neededToOpen(sealingKeyId: string): NeededKey {
  const encryptionKeyId = encryptionKeyIdBehind(sealingKeyId);
  return encryptionKeyId === undefined
    ? { kind: 'sealing', id: sealingKeyId }
    : { kind: 'encryption', id: encryptionKeyId };
}

async function* payloadsOf(
  connection: Connection,
  namespace: string,
  execution: Execution,
): AsyncGenerator<Payload> {
  let nextPageToken = new Uint8Array();
  do {
    const page = await connection.withDeadline(Date.now() + CALL_TIMEOUT_MS, () =>
      connection.workflowService.getWorkflowExecutionHistory({ namespace, execution, nextPageToken }),
    );
    for (const event of page.history?.events ?? []) yield* payloadsIn(event);
    nextPageToken = new Uint8Array(page.nextPageToken);
  } while (nextPageToken.length > 0);
}

/** All payloads within an event. They stand in many fields of many kinds of event; new kinds come with new servers. */
export function* payloadsIn(value: unknown): Generator<Payload> {
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return;
  if (isPayload(value)) {
    yield value;
    return;
  }
  for (const item of Object.values(value)) yield* payloadsIn(item);
}

function isPayload(value: object): value is Payload {
  if (!('metadata' in value) || typeof value.metadata !== 'object' || value.metadata === null) return false;
  return 'encoding' in value.metadata && ArrayBuffer.isView(value.metadata.encoding);
}
