/** Cleans up after a run that was ended from outside: what it had made at Atomic and at Plaid is removed. */
import type { Connection } from '@temporalio/client';
import type { Payload } from '@temporalio/common';
import { workflowIdOf } from '../../contract/names';
import { SafeError } from '../../contract/safe-error';
import type { TokenOpener } from '../../contract/workflow';
import type { Atomic, Plaid } from '../../providers/types';
import { historyEvents } from './history-events';
import { countLinks, endedLinksQuery, openLinksQuery } from './open-links';
import type { PayloadReader } from './payload-reader';

export interface ForgetTools {
  connection: Connection;
  namespace: string;
  read: PayloadReader;
  sealer: TokenOpener;
  plaid: Plaid;
  atomic: Atomic;
}

/** What cannot be done, in words for the operator. */
class ForgetError extends SafeError {
  constructor(message: string) {
    super(message);
    this.name = 'ForgetError';
  }
}

/**
 * Ends Atomic's access to the user, unless the user is linked again, and removes the Items that runs which were ended from
 * outside had made. Says what was done. Safe to repeat. Throws {@link ForgetError} where there is nothing of the kind or
 * the keys are missing.
 */
export async function forgetLink(tools: ForgetTools, userId: string): Promise<string> {
  const workflowId = workflowIdOf(userId);
  const runs = await endedFromOutside(tools, workflowId);
  if (runs.length === 0)
    throw new ForgetError(`No link of ${userId} was ended from outside: unlink ends an open one.`);
  const isLinked = (await countLinks(tools, openLinksQuery(`WorkflowId = '${workflowId}'`))) > 0;
  // Atomic knows users and not links, so what it holds is then the open link's.
  if (!isLinked) await tools.atomic.removeProcessorLink({ userId });
  const tokens = new Set<string>();
  for (const runId of runs) {
    const sealed = await itemOf(tools, { workflowId, runId });
    if (sealed !== undefined) tokens.add(await tools.sealer.open('accessToken', userId, sealed));
  }
  for (const accessToken of tokens) await tools.plaid.removeItem({ accessToken });
  const atAtomic = isLinked ? 'Atomic left alone, since the user is linked again' : "Atomic's access ended";
  return `${atAtomic}; ${tokens.size === 1 ? '1 Item' : `${tokens.size} Items`} removed`;
}

async function endedFromOutside(
  { connection, namespace }: ForgetTools,
  workflowId: string,
): Promise<string[]> {
  const { executions } = await connection.workflowService.listWorkflowExecutions({
    namespace,
    query: endedLinksQuery(`WorkflowId = '${workflowId}'`),
  });
  return executions.flatMap(({ execution }) => execution?.runId ?? []);
}

/** The sealed access token of an Item that the run made, or the runs before it; undefined where it made none. */
async function itemOf(
  tools: ForgetTools,
  execution: { workflowId: string; runId: string },
): Promise<string | undefined> {
  let found: string | undefined;
  for await (const event of historyEvents(tools, execution)) {
    const [, carried] = event.workflowExecutionStartedEventAttributes?.input?.payloads ?? [];
    if (carried) found = await madeItemIn(carried, tools.read);
    // An exchange is the only step that answers with an access token.
    const [answer] = event.activityTaskCompletedEventAttributes?.result?.payloads ?? [];
    if (answer) found = (await accessTokenIn(answer, tools.read)) ?? found;
  }
  return found;
}

async function madeItemIn(payload: Payload, read: PayloadReader): Promise<string | undefined> {
  const carried = recordIn(await readable(payload, read), 'facts');
  return carried.madeItem === true ? textOf(carried.sealedAccessToken) : undefined;
}

async function accessTokenIn(payload: Payload, read: PayloadReader): Promise<string | undefined> {
  const value = await readable(payload, read);
  return typeof value === 'object' && value !== null
    ? textOf(Reflect.get(value, 'sealedAccessToken'))
    : undefined;
}

async function readable(payload: Payload, read: PayloadReader): Promise<unknown> {
  const { value, lackedKeyId } = await read(payload);
  if (lackedKeyId !== undefined) {
    throw new ForgetError(
      `Its history is encrypted under the key ${lackedKeyId}: add it to ENCRYPTION_KEYS.`,
    );
  }
  return value;
}

function recordIn(value: unknown, field: string): Record<string, unknown> {
  const record: unknown = typeof value === 'object' && value !== null ? Reflect.get(value, field) : undefined;
  return typeof record === 'object' && record !== null ? { ...record } : {};
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}
