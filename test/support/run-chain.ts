import type { Client } from '@temporalio/client';
import type { temporal } from '@temporalio/proto';

export type HistoryEvent = temporal.api.history.v1.IHistoryEvent;

/** The events of every run of a link, the first run first. */
export async function historiesOf(
  { client }: { client: Client },
  handle: { workflowId: string; firstExecutionRunId: string },
): Promise<HistoryEvent[][]> {
  const histories: HistoryEvent[][] = [];
  let runId: string | undefined = handle.firstExecutionRunId;
  while (runId) {
    const run: { events?: HistoryEvent[] | null } = await client.workflow
      .getHandle(handle.workflowId, runId)
      .fetchHistory();
    const events = run.events ?? [];
    histories.push(events);
    runId = events.at(-1)?.workflowExecutionContinuedAsNewEventAttributes?.newExecutionRunId ?? undefined;
  }
  return histories;
}
