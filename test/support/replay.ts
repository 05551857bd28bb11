import type { HistoryAndWorkflowId } from '@temporalio/common';
import { type ReplayWorkerOptions, Worker } from '@temporalio/worker';
import { globalHandlers } from '@temporalio/worker/lib/workflow/vm-shared';
import type { Ground } from './ground';
import { workflowBundle } from './workflow-bundle';

export interface Replayed {
  workflowId: string;
  /** What a worker that has none of the runs in its cache would fail with. */
  error?: string;
}

/**
 * Replays in this thread, without the hooks by which the SDK keeps a stack trace of every promise: nobody reads those of a
 * replay, and the hooks would stay for all tests that follow in this process. There they throw on the promises that Node 24
 * makes without a constructor.
 */
export function runReplays(
  options: ReplayWorkerOptions,
  histories: AsyncIterable<HistoryAndWorkflowId> | Iterable<HistoryAndWorkflowId>,
) {
  Object.defineProperty(globalHandlers, 'setPromiseHook', { value: () => undefined, configurable: true });
  return Worker.runReplayHistories(options, histories);
}

export async function replay(
  { dataConverter, temporal }: Pick<Ground, 'dataConverter'> & { temporal: { namespace: string } },
  histories: AsyncIterable<HistoryAndWorkflowId> | Iterable<HistoryAndWorkflowId>,
): Promise<Replayed[]> {
  // Payloads are bound to their namespace, which the types of the SDK leave out of a replay's options.
  const options = { workflowBundle: await workflowBundle(), dataConverter, namespace: temporal.namespace };
  const replayed: Replayed[] = [];
  for await (const { workflowId, error } of runReplays(options, histories)) {
    replayed.push({ workflowId, ...(error && { error: error.message }) });
  }
  return replayed;
}

export async function expectToReplay(
  world: Ground,
  handles: readonly { workflowId: string }[],
): Promise<void> {
  const histories = handles.map(async ({ workflowId }) => ({
    workflowId,
    history: await world.client.workflow.getHandle(workflowId).fetchHistory(),
  }));
  expect(await replay(world, await Promise.all(histories))).toEqual(
    handles.map(({ workflowId }) => ({ workflowId })),
  );
}
