import { type WorkflowClient, WorkflowFailedError } from '@temporalio/client';
import { ERASE_WORKFLOW_TYPE, eraseIdOf } from '../contract/names';
import type { Erasure } from '../contract/schemas';
import { UserRuns } from '../temporal/user-runs';
import { CallDeadline } from './call-deadline';
import { LinkClientError } from './link-client-error';
import { hasOpenRun } from './open-status';

export interface EraseOptions {
  /** How long to wait for the erasure to be done; 0 or absent: not at all. */
  waitMs?: number;
  /** Ends the wait early: the answer is then that it is under way. */
  signal?: AbortSignal;
}

interface EraseDependencies {
  client: WorkflowClient;
  taskQueue: string;
  callTimeoutMs: number;
}

/** Starts the erasure of a user, or joins the one that is under way. */
export async function eraseUser(
  { client, taskQueue, callTimeoutMs }: EraseDependencies,
  userId: string,
  { waitMs = 0, signal }: EraseOptions,
): Promise<Erasure> {
  const workflowId = eraseIdOf(userId);
  const { connection, options } = client;
  const deadline = new CallDeadline(connection, callTimeoutMs);
  // An open one is joined without a start, because the server keeps the input of a start that it refuses.
  let runId: string | undefined;
  if (!(await hasOpenRun(client, workflowId, deadline))) {
    const runs = new UserRuns({ connection, namespace: options.namespace });
    if (!(await deadline.call(() => runs.hasAny(userId)))) return { userId, erased: true };
    const start = () =>
      client.start(ERASE_WORKFLOW_TYPE, {
        workflowId,
        taskQueue,
        workflowIdConflictPolicy: 'USE_EXISTING',
        workflowIdReusePolicy: 'ALLOW_DUPLICATE',
      });
    runId = (await deadline.call(start)).firstExecutionRunId;
  }
  if (waitMs <= 0) return { userId, erased: false };
  const result = () => client.result(workflowId, runId, { followRuns: true });
  try {
    const waiting = new CallDeadline(connection, waitMs);
    await waiting.call(result, { longPoll: true, ...(signal && { stop: signal }) });
    return { userId, erased: true };
  } catch (error) {
    // Time is up, or an operator ended the erasure.
    const isUnderWay = error instanceof LinkClientError || error instanceof WorkflowFailedError;
    if (isUnderWay) return { userId, erased: false };
    throw error;
  }
}
