import { patched, workflowInfo } from '@temporalio/workflow';

const MARKER = 'continue-as-new-suggested';

/**
 * Whether Temporal has suggested to continue as new, as a marker in the history remembers it. `continueAsNewSuggested`
 * alone may not decide anything: a worker that replays a run for a query also works off what came after the run's last
 * workflow task, under the suggestion (and the clock) of that task; and a replay takes tasks without a command together
 * with the next one.
 *
 * Upstream: no issue is known. The place is `HistoryUpdate::take_next_wft_sequence` of temporalio/sdk-rust ("Incomplete").
 * Without it: the same events are handled under another suggestion when they are replayed, and the run stands still
 * (TMPRL1100).
 * Shown by: test/replay/golden-histories.test.ts.
 * Goes when: the core hands out no event before its workflow task has started.
 */
export function isEndSuggested(): boolean {
  const { continueAsNewSuggested, unsafe } = workflowInfo();
  return (continueAsNewSuggested || unsafe.isReplaying) && patched(MARKER);
}
