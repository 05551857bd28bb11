import { continueAsNew, proxyActivities, sleep, workflowInfo } from '@temporalio/workflow';
import type { ErasureActivities } from '../activities/erase-user';

/** As long as it takes: what was asked to be erased must go. */
const { endLink, deleteRuns } = proxyActivities<ErasureActivities>({
  startToCloseTimeout: '60s',
  retry: { initialInterval: '1s', backoffCoefficient: 2, maximumInterval: '60s' },
});

const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 300_000;
/** The server deletes in the background, and its index follows by a moment. */
const DELETION_PAUSE_MS = 1_000;
/** One look at an index that has not followed yet proves nothing. */
const CLEAN_LOOKS = 2;

/**
 * Erases a user from Temporal: unlinks, then deletes every run and notification, and looks until none is left. Its own
 * closed run is what stays. `askedAt` comes from the run before.
 */
export async function eraseUser(askedAt = workflowInfo().startTime.toISOString()): Promise<void> {
  for (let pauseMs = FIRST_PAUSE_MS; !(await endLink({ askedAt })); pauseMs = longer(pauseMs)) {
    if (workflowInfo().continueAsNewSuggested) await continueAsNew<typeof eraseUser>(askedAt);
    await sleep(pauseMs);
  }
  for (let cleanLooks = 0; cleanLooks < CLEAN_LOOKS; ) {
    cleanLooks = (await deleteRuns({ askedAt })) ? cleanLooks + 1 : 0;
    if (cleanLooks < CLEAN_LOOKS) await sleep(DELETION_PAUSE_MS);
  }
}

function longer(pauseMs: number): number {
  return Math.min(pauseMs * 2, LONGEST_PAUSE_MS);
}
