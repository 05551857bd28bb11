import type { Connection, WorkflowService } from '@temporalio/client';

type History = Awaited<ReturnType<WorkflowService['getWorkflowExecutionHistory']>>['history'];
export type HistoryEvent = NonNullable<NonNullable<History>['events']>[number];

/** The events of a run in their order, page by page. Without `runId` those of the newest run. */
export async function* historyEvents(
  { connection, namespace }: { connection: Connection; namespace: string },
  execution: { workflowId: string; runId?: string },
): AsyncGenerator<HistoryEvent> {
  let nextPageToken = new Uint8Array();
  do {
    const page = await connection.workflowService.getWorkflowExecutionHistory({
      namespace,
      execution,
      nextPageToken,
    });
    yield* page.history?.events ?? [];
    nextPageToken = new Uint8Array(page.nextPageToken);
  } while (nextPageToken.length > 0);
}
