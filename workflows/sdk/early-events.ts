import { type WorkflowInterceptors, workflowInfo } from '@temporalio/workflow';

/** What the query fails with: its answer would have been made from events that no replay sees in that order. */
class EarlyEventsError extends Error {
  override readonly name = 'EarlyEventsError';

  constructor() {
    super('Events of this run came before their workflow task had started. Ask again.');
  }
}

/**
 * Refuses events that are handed out before their workflow task has started. To answer a query for a run that is not in its
 * cache, the core replays the whole history and works off what came after the last workflow task too, one event after the
 * other and under the clock of that task; a replay handles all events of a task at once, and its signals first. The query
 * fails instead, the run leaves the cache, and the task itself, which is due by then, handles its events as they happened.
 *
 * Upstream: no issue is known. The place is `HistoryUpdate::take_next_wft_sequence` of temporalio/sdk-rust ("Incomplete").
 * Without it: 4 of 300 links of test/model stand still (TMPRL1100).
 * Shown by: test/faults/early-events.test.ts.
 * Goes when: the core hands out no event before its workflow task has started.
 */
export function refuseEarlyEvents(): Required<Pick<WorkflowInterceptors, 'internals'>> {
  let seen: { historyLength: number; historySize: number; nowMs: number } | undefined;
  return {
    internals: [
      {
        activate(input, next) {
          const { historyLength, historySize, unsafe } = workflowInfo();
          const nowMs = Date.now();
          // Every task that starts tells a later time and a larger size. The time-skipping server tells no size.
          const hasStarted = seen?.historySize !== historySize || seen.nowMs !== nowMs;
          if (!unsafe.isReplaying && !hasStarted && historyLength !== seen?.historyLength) {
            throw new EarlyEventsError();
          }
          // Of the activation of a query the length may count events that no job has told of yet.
          if (!input.activation.jobs?.some((job) => job.queryWorkflow))
            seen = { historyLength, historySize, nowMs };
          next(input);
        },
      },
    ],
  };
}
