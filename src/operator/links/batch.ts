import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { WorkflowService } from '@temporalio/client';
import { temporal } from '@temporalio/proto';
import type { LinkIndex } from './open-links';

type Request = Parameters<WorkflowService['startBatchOperation']>[0];
/** What a batch does to each of its links. */
export type BatchWork = Pick<Request, 'cancellationOperation' | 'signalOperation'>;

export interface BatchProgress {
  total: number;
  done: number;
  failed: number;
}

const { BATCH_OPERATION_STATE_RUNNING } = temporal.api.enums.v1.BatchOperationState;
const LOOK_AGAIN_MS = 250;

/** Has Temporal do the same to every link of a visibility query, at its own pace. Resolves once it is done. */
export async function runBatch(
  { connection, namespace }: LinkIndex,
  { query, reason, work }: { query: string; reason: string; work: BatchWork },
  onProgress: (progress: BatchProgress) => void,
): Promise<BatchProgress> {
  const { workflowService } = connection;
  const jobId = randomUUID();
  await workflowService.startBatchOperation({ namespace, jobId, visibilityQuery: query, reason, ...work });
  for (;;) {
    const { state, totalOperationCount, completeOperationCount, failureOperationCount } =
      await workflowService.describeBatchOperation({ namespace, jobId });
    const progress = {
      total: totalOperationCount.toNumber(),
      done: completeOperationCount.toNumber(),
      failed: failureOperationCount.toNumber(),
    };
    onProgress(progress);
    if (state !== BATCH_OPERATION_STATE_RUNNING) return progress;
    await sleep(LOOK_AGAIN_MS);
  }
}
