import { continueAsNew, proxyActivities, sleep, workflowInfo } from '@temporalio/workflow';
import type { ErasureActivities } from '../activities/erase-user';
import { isEndSuggested } from './sdk/suggested-end';

/** As long as it takes: what was asked to be erased must go. */
const retry = { initialInterval: '1s', backoffCoefficient: 2, maximumInterval: '60s' } as const;
/** It waits 8 s. Where its worker dies the next attempt begins no later than this. */
const { endLink } = proxyActivities<ErasureActivities>({ startToCloseTimeout: '15s', retry });
const { deleteRuns } = proxyActivities<ErasureActivities>({ startToCloseTimeout: '60s', retry });

const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 300_000;
/** The server deletes in the background, a closed run up to 30 s later, and its index follows by a moment. */
const LONGEST_DELETION_PAUSE_MS = 5_000;
/** One look at an index that has not followed yet proves nothing. */
const CLEAN_LOOKS = 2;

/**
 * Erases a user from Temporal: unlinks, then deletes every run and notification, and looks until none is left. Its own
 * closed run is what stays. `askedAt` comes from the run before.
 */
export async function eraseUser(askedAt = workflowInfo().startTime.toISOString()): Promise<void> {
  for (let pauseMs = FIRST_PAUSE_MS; !(await endLink({ askedAt })); ) {
    await pause(pauseMs, askedAt);
    pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS);
  }
  for (let pauseMs = FIRST_PAUSE_MS, cleanLooks = 0; ; ) {
    cleanLooks = (await deleteRuns({ askedAt })) ? cleanLooks + 1 : 0;
    if (cleanLooks === CLEAN_LOOKS) return;
    await pause(cleanLooks > 0 ? FIRST_PAUSE_MS : pauseMs, askedAt);
    pauseMs = Math.min(pauseMs * 2, LONGEST_DELETION_PAUSE_MS);
  }
}

async function pause(pauseMs: number, askedAt: string): Promise<void> {
  if (isEndSuggested()) await continueAsNew<typeof eraseUser>(askedAt);
  await sleep(pauseMs);
}
